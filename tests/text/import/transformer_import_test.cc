// SPDX-License-Identifier: Apache-2.0
#include "text/import/transformer_import.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "tests/support/status_matchers.h"
#include "text/safetensors.h"
#include "text/wordpiece/wordpiece_tokenizer.h"

namespace larder::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kConfig[] = R"({"model_type": "bert", "hidden_size": 64, "num_hidden_layers": 1,
    "num_attention_heads": 2, "intermediate_size": 128, "max_position_embeddings": 32,
    "hidden_act": "gelu", "layer_norm_eps": 1e-12})";

const Tokenizer& Pieces() {
  static const auto tokenizer = [] {
    const auto json = TokenizerJsonOfVocab("[UNK]\n[CLS]\n[SEP]\na\nb\n", true, "vocab.txt");
    LARDER_CHECK(json.ok());
    return std::move(*OpenWordPiece(*json, "tokenizer"));
  }();
  return *tokenizer;
}

ModelDirectory SentenceTransformer() {
  ModelDirectory model;
  model.layout = "sentence-transformers";
  model.pooling = Pooling::kCls;
  model.normalizes = true;
  return model;
}

StatusOr<TransformerPlan> Plan(const ModelDirectory& model, const ImportOptions& options = {}) {
  return PlanTransformer(kConfig, "config.json", model, Pieces(), options);
}

TEST(TransformerImport, TakesWhatTheDirectorySays) {
  ModelDirectory model = SentenceTransformer();
  model.max_tokens = 16;

  ASSERT_OK_AND_ASSIGN(const TransformerPlan plan, Plan(model));

  EXPECT_EQ(plan.config.pooling, Pooling::kCls);
  EXPECT_EQ(plan.config.precision, Precision::kInt8);
  EXPECT_EQ(plan.config.hidden, 64);
  EXPECT_EQ(plan.max_tokens, 16);
  EXPECT_TRUE(plan.notes.empty());
}

TEST(TransformerImport, TakesWhatAPersonSaysWhereTheDirectorySaysNothing) {
  ASSERT_OK_AND_ASSIGN(const TransformerPlan plain, Plan({}));
  ASSERT_OK_AND_ASSIGN(const TransformerPlan told, Plan({}, {.max_tokens = 8,
                                                              .pooling = Pooling::kCls,
                                                              .precision = Precision::kF32}));

  EXPECT_EQ(plain.config.pooling, Pooling::kMean);
  EXPECT_EQ(plain.max_tokens, 32);
  EXPECT_THAT(plain.notes, ElementsAre("there is no modules.json: mean pooling and vectors of "
                                       "length 1 are assumed"));
  EXPECT_EQ(told.config.pooling, Pooling::kCls);
  EXPECT_EQ(told.config.precision, Precision::kF32);
  EXPECT_EQ(told.max_tokens, 8);
}

TEST(TransformerImport, ContradictionsAreRefused) {
  const auto refused = [](const ImportOptions& options, std::string_view message) {
    EXPECT_THAT(Plan(SentenceTransformer(), options),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr(std::string(message))));
  };

  refused({.pooling = Pooling::kMean}, "--pooling mean, modules.json says cls");
  refused({.max_tokens = 33}, "--max-tokens 33, the model has 32 positions");
  refused({.max_tokens = 2}, "2 tokens of a text, of which 2 are the symbols around it");
}

TEST(TransformerImport, PromptsHaveTheRolesOfSentenceTransformers) {
  ModelDirectory model = SentenceTransformer();
  model.prompts = {{"query", "query: "}, {"passage", "passage: "}, {"sts", "like: "}};
  ASSERT_OK_AND_ASSIGN(const TransformerPlan named, Plan(model));
  model.prompts = {{"retrieval", "find: "}, {"document", ""}};
  model.default_prompt = "retrieval";
  ASSERT_OK_AND_ASSIGN(const TransformerPlan unasked, Plan(model));

  EXPECT_EQ(named.query_prompt, "query: ");
  EXPECT_EQ(named.document_prompt, "passage: ");
  EXPECT_THAT(named.notes, ElementsAre("the prompt 'sts' is left out"));
  EXPECT_EQ(unasked.query_prompt, "find: ");
  EXPECT_EQ(unasked.document_prompt, "");
}

TEST(TransformerImport, VectorsThatAreNotNormalizedAreNoted) {
  ModelDirectory model = SentenceTransformer();
  model.normalizes = false;

  ASSERT_OK_AND_ASSIGN(const TransformerPlan plan, Plan(model));

  EXPECT_THAT(plan.notes, ElementsAre(HasSubstr("scaled to length 1")));
}

TEST(TransformerImport, WeightsMustFitConfigAndTokenizer) {
  ASSERT_OK_AND_ASSIGN(const TransformerPlan plan, Plan(SentenceTransformer()));
  const std::string nothing = WriteSafeTensors({});

  EXPECT_THAT(CheckTransformerWeights(nothing, "m", plan.config, Pieces()),
              StatusIs(StatusCode::kDataLoss, HasSubstr("m: tensor '")));
}

}  // namespace
}  // namespace larder::text
