// SPDX-License-Identifier: Apache-2.0
#include "text/import/import.h"

#include <gtest/gtest.h>

#include <random>

#include "base/bytes.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/text/text_testing.h"
#include "text/encoder_config.h"
#include "text/import/model_directory.h"
#include "text/safetensors.h"

namespace larder::text {
namespace {

using testing::HasSubstr;

constexpr char kVocab[] = "[UNK]\n[CLS]\n[SEP]\na\nb\n";

// A directory of a model that tests put files into.
class ImportTest : public testing::Test {
 protected:
  void Write(const std::string& name, std::string_view bytes) {
    const std::string path = JoinPath(from_, name);
    ASSERT_OK(FileSystem::Posix().MakeDirs(path.substr(0, path.rfind('/'))));
    WriteFile(path, bytes);
  }

  // A table of five pieces and two dimensions.
  void WriteTable(const std::string& file, const std::string& tensor) {
    const std::vector<float> rows = {1, 1, 9, 9, 9, 9, 1, 0, 0, 2};
    Write(file, WriteSafeTensors({{.name = tensor, .dtype = DType::kF32, .shape = {5, 2},
                                   .bytes = AsBytes(std::span<const float>(rows))}}));
  }

  StatusOr<ImportedEncoder> Import(const ImportOptions& options = {.lowercase = true}) {
    return ImportEncoder(FileSystem::Posix(), from_, to_, options);
  }
  StatusOr<ModelDirectory> Read() { return ReadModelDirectory(FileSystem::Posix(), from_); }

  TempDir dir_;
  const std::string from_ = JoinPath(dir_.path(), "model");
  const std::string to_ = JoinPath(dir_.path(), "encoder");
};

std::vector<int8_t> Encode(const std::string& dir, std::string_view text) {
  auto encoder = OpenEncoder(FileSystem::Posix(), dir);
  EXPECT_OK(encoder);
  std::vector<int8_t> codes((*encoder)->info().code_size());
  EXPECT_OK((*encoder)->Encode(std::span(&text, 1), std::span<int8_t>(codes)));
  return codes;
}

// Random weights of the tensors that a BERT of one layer has.
std::string RandomBert(uint64_t pieces) {
  constexpr uint64_t kHidden = 64;
  constexpr uint64_t kInner = 128;
  std::vector<std::pair<std::string, std::vector<uint64_t>>> shapes = {
      {"embeddings.word_embeddings.weight", {pieces, kHidden}},
      {"embeddings.position_embeddings.weight", {32, kHidden}},
      {"embeddings.token_type_embeddings.weight", {2, kHidden}},
      {"encoder.layer.0.intermediate.dense.weight", {kInner, kHidden}},
      {"encoder.layer.0.intermediate.dense.bias", {kInner}},
      {"encoder.layer.0.output.dense.weight", {kHidden, kInner}},
      {"encoder.layer.0.output.dense.bias", {kHidden}}};
  for (const std::string name : {"self.query", "self.key", "self.value", "output.dense"}) {
    const std::string full = "encoder.layer.0.attention." + name;
    shapes.push_back({full + ".weight", {kHidden, kHidden}});
    shapes.push_back({full + ".bias", {kHidden}});
  }
  for (const std::string name : {"embeddings", "encoder.layer.0.attention.output",
                                 "encoder.layer.0.output"}) {
    shapes.push_back({name + ".LayerNorm.weight", {kHidden}});
    shapes.push_back({name + ".LayerNorm.bias", {kHidden}});
  }
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal(0, 0.2f);
  std::vector<std::vector<float>> values;
  std::vector<Tensor> tensors;
  for (const auto& [name, shape] : shapes) {
    uint64_t count = 1;
    for (const uint64_t extent : shape) count *= extent;
    std::vector<float>& one = values.emplace_back(count);
    for (float& value : one) value = normal(random);
  }
  for (size_t i = 0; i < shapes.size(); ++i) {
    tensors.push_back({.name = shapes[i].first, .dtype = DType::kF32, .shape = shapes[i].second,
                       .bytes = AsBytes(std::span<const float>(values[i]))});
  }
  return WriteSafeTensors(tensors);
}

constexpr char kBert[] = R"({"model_type": "bert", "hidden_size": 64, "num_hidden_layers": 1,
    "num_attention_heads": 2, "intermediate_size": 128, "max_position_embeddings": 32})";

TEST_F(ImportTest, Model2VecLeavesUnknownPiecesOut) {
  Write("vocab.txt", kVocab);
  Write("config.json", R"({"model_type": "model2vec", "normalize": true})");
  WriteTable("model.safetensors", "embeddings");

  ASSERT_OK_AND_ASSIGN(const ImportedEncoder imported, Import());

  EXPECT_EQ(imported.layout, "model2vec");
  EXPECT_EQ(imported.info.kind, EncoderKind::kStatic);
  EXPECT_EQ(imported.info.dimensions, 2);
  EXPECT_EQ(imported.pieces, 5);
  EXPECT_EQ(imported.max_tokens, 512);
  EXPECT_EQ(Encode(to_, "A b x"), (std::vector<int8_t>{64, 127}));
  EXPECT_EQ(Encode(to_, "x"), (std::vector<int8_t>{0, 0}));
}

TEST_F(ImportTest, AStaticEmbeddingCountsUnknownPieces) {
  Write("modules.json", R"([{"idx": 0, "name": "0", "path": "",
                             "type": "sentence_transformers.models.StaticEmbedding"},
                            {"idx": 1, "name": "1", "path": "1_Normalize",
                             "type": "sentence_transformers.models.Normalize"}])");
  Write("config_sentence_transformers.json",
        R"({"prompts": {"query": "", "document": ""}, "default_prompt_name": null})");
  Write("vocab.txt", kVocab);
  WriteTable("model.safetensors", "embedding.weight");

  ASSERT_OK_AND_ASSIGN(const ImportedEncoder imported,
                       Import({.max_tokens = 2, .lowercase = false}));

  EXPECT_EQ(imported.layout, "sentence-transformers");
  EXPECT_EQ(imported.max_tokens, 2);
  EXPECT_EQ(Encode(to_, "a x b"), (std::vector<int8_t>{127, 64}));
}

TEST_F(ImportTest, AStaticEmbeddingMayLieInItsOwnFolder) {
  Write("config_sentence_transformers.json", "{}");
  Write("0_StaticEmbedding/vocab.txt", kVocab);
  Write("0_StaticEmbedding/tokenizer_config.json", R"({"do_lower_case": false})");
  WriteTable("0_StaticEmbedding/model.safetensors", "embedding.weight");

  ASSERT_OK_AND_ASSIGN(const ImportedEncoder imported, Import({}));

  EXPECT_EQ(imported.info.dimensions, 2);
  EXPECT_EQ(Encode(to_, "A"), Encode(to_, "x"));
  EXPECT_NE(Encode(to_, "a"), Encode(to_, "x"));
}

// What transformers writes for a tokenizer without a limit, an integer beyond 64 bits.
TEST_F(ImportTest, FilesOfOtherProgramsMayHoldIntegersOfAnySize) {
  const std::string huge = "1000000000000000019884624838656";
  Write("modules.json", R"([{"path": "", "type": "m.StaticEmbedding", "n": )" + huge + "}]");
  Write("config.json", R"({"n": )" + huge + "}");
  Write("config_sentence_transformers.json", R"({"n": )" + huge + "}");
  Write("vocab.txt", kVocab);
  Write("tokenizer_config.json",
        R"({"do_lower_case": true, "model_max_length": )" + huge + "}");
  WriteTable("model.safetensors", "embedding.weight");
  EXPECT_OK(Import({}));

  Write("modules.json", R"([{"path": "", "type": "m.Transformer"},
                            {"path": "1_Pooling", "type": "m.Pooling"}])");
  Write("sentence_bert_config.json", R"({"max_seq_length": )" + huge + "}");
  Write("1_Pooling/config.json", R"({"pooling_mode_cls_token": true, "n": )" + huge + "}");
  ASSERT_OK_AND_ASSIGN(const ModelDirectory model, Read());
  EXPECT_EQ(model.max_tokens, kMaxTokensLimit);
}

TEST_F(ImportTest, TheFixtureOfAPublishedLibraryIsImported) {
  const std::string from = "../shared/data/tokenizers/safetensors_fixture";
  if (!FileSystem::Posix().Exists(from)) GTEST_SKIP() << from << " is not here";

  ASSERT_OK_AND_ASSIGN(const ImportedEncoder imported,
                       ImportEncoder(FileSystem::Posix(), from, to_, {}));

  EXPECT_EQ(imported.info.dimensions, 3);
  EXPECT_EQ(imported.pieces, 202);
  EXPECT_EQ(imported.max_tokens, 8'192);
}

TEST_F(ImportTest, WhatTheModelHasNoUseForIsRefused) {
  Write("vocab.txt", kVocab);
  Write("config.json", R"({"model_type": "model2vec"})");
  WriteTable("model.safetensors", "embeddings");
  const auto refused = [&](const ImportOptions& options, std::string_view message) {
    EXPECT_THAT(Import(options), StatusIs(StatusCode::kInvalidArgument,
                                          HasSubstr(std::string(message))));
  };

  refused({}, "nothing says whether vocab.txt is of lower case: give --cased or --uncased");
  refused({.pooling = Pooling::kCls, .lowercase = true}, "this is a static encoder");
  refused({.precision = Precision::kF32, .lowercase = true}, "this is a static encoder");
  for (const bool lowercase : {true, false}) {
    Write("tokenizer_config.json", Concat(R"({"do_lower_case": )", lowercase, "}"));
    refused({.lowercase = true}, "--cased and --uncased are not for a model whose");
  }
}

TEST_F(ImportTest, ThePersonSaysTheCaseWhereTheFileDoesNot) {
  Write("vocab.txt", kVocab);
  Write("tokenizer_config.json", R"({"do_lower_case": null, "model_max_length": 512})");
  WriteTable("model.safetensors", "embedding.weight");
  const auto lowercases = [&](const ImportOptions& options, const std::string& to) {
    const auto imported = ImportEncoder(FileSystem::Posix(), from_, dir_.File(to), options);
    EXPECT_OK(imported);
    EXPECT_EQ(testing::Matches(testing::Contains(HasSubstr("lower case is assumed")))(
                  imported->notes), !options.lowercase.has_value());
    return Encode(dir_.File(to), "A") == Encode(dir_.File(to), "a");
  };

  EXPECT_TRUE(lowercases({}, "unsaid"));
  EXPECT_TRUE(lowercases({.lowercase = true}, "uncased"));
  EXPECT_FALSE(lowercases({.lowercase = false}, "cased"));
}

TEST_F(ImportTest, TokenizersThatThereAreNotAreRefusedByName) {
  Write("config.json", R"({"model_type": "model2vec"})");
  WriteTable("model.safetensors", "embeddings");
  EXPECT_THAT(Import(), StatusIs(StatusCode::kDataLoss,
                                 HasSubstr("tokenizer.json: missing, and no vocab.txt either")));
  Write("tokenizer.json", R"({"model": {"type": "Unigram"}})");
  EXPECT_THAT(Import({}), StatusIs(StatusCode::kUnimplemented,
                                   HasSubstr("tokenizer.json: model Unigram is not supported")));
}

TEST_F(ImportTest, PromptsOfAStaticEncoderAreRefused) {
  Write("modules.json", R"([{"path": ".", "type": "a.StaticEmbedding"}])");
  Write("config_sentence_transformers.json", R"({"prompts": {"query": "find: "}})");
  Write("vocab.txt", kVocab);
  WriteTable("model.safetensors", "embedding.weight");

  EXPECT_THAT(Import(), StatusIs(StatusCode::kUnimplemented, HasSubstr("the prompt 'query'")));
}

// A few rows, each of them for a hundred thousand pieces.
TEST_F(ImportTest, ASmallModelOfAHugeTableIsRefusedBeforeItTakesMemory) {
  constexpr size_t kPieces = 530'000;
  constexpr size_t kDim = 4'096;
  std::string vocab = "[UNK]\n[CLS]\n[SEP]\n";
  for (size_t i = 3; i < kPieces; ++i) vocab += Concat(i, "\n");
  Write("vocab.txt", vocab);
  const std::vector<float> rows(2 * kDim, 1.0f);
  const std::vector<int32_t> mapping(kPieces, 1);
  Write("model.safetensors",
        WriteSafeTensors({{.name = "embedding.weight", .dtype = DType::kF32, .shape = {2, kDim},
                           .bytes = AsBytes(std::span<const float>(rows))},
                          {.name = "mapping", .dtype = DType::kI32, .shape = {kPieces},
                           .bytes = AsBytes(std::span<const int32_t>(mapping))}}));

  EXPECT_THAT(Import(), StatusIs(StatusCode::kUnimplemented,
                                 HasSubstr("model.safetensors: 530000 pieces of 4096 dimensions: "
                                           "more than 2147483648 bytes")));
  EXPECT_FALSE(FileSystem::Posix().Exists(to_));
}

TEST_F(ImportTest, WritesToNewDirectoriesOnly) {
  Write("vocab.txt", kVocab);
  WriteTable("model.safetensors", "embedding.weight");
  ASSERT_OK(Import());

  EXPECT_THAT(Import(), StatusIs(StatusCode::kAlreadyExists,
                                 HasSubstr(to_ + ": holds encoder.json, model.safetensors")));
}

// What the model says may be fine by itself and yet be no encoder.
TEST_F(ImportTest, AFailedImportLeavesNothing) {
  Write("vocab.txt", kVocab);
  // 64 KiB is the limit of encoder.json.
  Write("config.json", kBert);
  Write("model.safetensors", RandomBert(5));
  Write("config_sentence_transformers.json",
        R"({"prompts": {"query": ")" + std::string(70'000, 'a') + R"("}})");
  EXPECT_THAT(Import(), StatusIs(StatusCode::kDataLoss, HasSubstr("encoder.json")));

  EXPECT_THAT(*FileSystem::Posix().List(to_), testing::IsEmpty());
}

TEST_F(ImportTest, ADirectoryThatIsNoModelIsRefused) {
  Write("notes.txt", "");

  EXPECT_THAT(Import(), StatusIs(StatusCode::kNotFound, HasSubstr("no modules.json")));
}

TEST_F(ImportTest, ReadsWhatSentenceTransformersSays) {
  Write("modules.json", R"([{"path": "", "type": "sentence_transformers.models.Transformer"},
                            {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                            {"path": "2_Normalize", "type": "x.Normalize"}])");
  Write("sentence_bert_config.json", R"({"max_seq_length": 256, "do_lower_case": true})");
  Write("1_Pooling/config.json", R"({"word_embedding_dimension": 384,
      "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false})");
  Write("config_sentence_transformers.json",
        R"({"prompts": {"query": "find: ", "document": ""}, "default_prompt_name": "query"})");

  ASSERT_OK_AND_ASSIGN(const ModelDirectory model, Read());

  EXPECT_EQ(model.kind, EncoderKind::kTransformer);
  EXPECT_EQ(model.pooling, Pooling::kCls);
  EXPECT_TRUE(model.normalizes);
  EXPECT_TRUE(model.lowercases);
  EXPECT_EQ(model.max_tokens, 256);
  EXPECT_EQ(model.prompts,
            (std::map<std::string, std::string>{{"document", ""}, {"query", "find: "}}));
  EXPECT_EQ(model.default_prompt, "query");
}

TEST_F(ImportTest, ATransformerIsOpenedAsItWasImported) {
  Write("modules.json", R"([{"path": "", "type": "m.Transformer"},
                            {"path": "1_Pooling", "type": "m.Pooling"}])");
  Write("1_Pooling/config.json", R"({"pooling_mode_cls_token": true})");
  Write("sentence_bert_config.json", R"({"max_seq_length": 8, "do_lower_case": false})");
  Write("config_sentence_transformers.json", R"({"prompts": {"query": "b "}})");
  Write("config.json", kBert);
  Write("vocab.txt", kVocab);
  Write("model.safetensors", RandomBert(5));

  ASSERT_OK_AND_ASSIGN(const ImportedEncoder imported,
                       Import({.precision = Precision::kF32, .lowercase = true}));

  EXPECT_EQ(imported.info.kind, EncoderKind::kTransformer);
  EXPECT_EQ(imported.info.dimensions, 64);
  EXPECT_EQ(imported.max_tokens, 8);
  EXPECT_EQ(imported.pooling, Pooling::kCls);
  EXPECT_EQ(imported.precision, Precision::kF32);
  EXPECT_EQ(imported.prompts, (std::map<std::string, std::string>{{"query", "b "}}));
  ASSERT_OK_AND_ASSIGN(const auto encoder, OpenEncoder(FileSystem::Posix(), to_));
  TokenizedText text;
  ASSERT_OK(encoder->Tokenize("A x", TextRole::kQuery, text));
  EXPECT_EQ(text.ids, (std::vector<int32_t>{1, 4, 3, 0, 2}));
  ASSERT_OK(encoder->Tokenize("A x", TextRole::kDocument, text));
  EXPECT_EQ(text.ids, (std::vector<int32_t>{1, 3, 0, 2}));
}

TEST_F(ImportTest, ATransformerThatDoesNotFitIsRefused) {
  Write("config.json", kBert);
  Write("vocab.txt", kVocab);
  Write("model.safetensors", RandomBert(4));
  EXPECT_THAT(Import(), StatusIs(StatusCode::kDataLoss,
                                 HasSubstr("4 rows of words, the tokenizer has 5 pieces")));
  Write("sentence_bert_config.json", R"({"do_lower_case": true})");
  EXPECT_THAT(Import({.lowercase = false}),
              StatusIs(StatusCode::kUnimplemented,
                       HasSubstr("do_lower_case with a tokenizer that keeps upper case")));
  Write("config.json", R"({"model_type": "mpnet"})");
  EXPECT_THAT(Import(), StatusIs(StatusCode::kUnimplemented, HasSubstr("mpnet")));
}

TEST_F(ImportTest, ModulesAndPoolingThatThereAreNotAreRefusedByName) {
  const std::string transformer = R"([{"path": "", "type": "m.Transformer"})";
  const std::string pooling = R"(, {"path": "1_Pooling", "type": "m.Pooling"})";
  const auto refused = [&](std::string_view modules, std::string_view config,
                           StatusCode code, std::string_view message) {
    Write("modules.json", modules);
    Write("1_Pooling/config.json", config);
    EXPECT_THAT(Read(), StatusIs(code, HasSubstr(std::string(message))));
  };
  const std::string mean = R"({"pooling_mode_mean_tokens": true})";

  refused(transformer + pooling + R"(, {"path": "2_Dense", "type": "m.models.Dense"}])", mean,
          StatusCode::kUnimplemented, "module m.models.Dense is not supported");
  refused(R"([{"path": "", "type": "m.CLIPModel"}])", mean, StatusCode::kUnimplemented,
          "module m.CLIPModel is not supported");
  refused(transformer + "]", mean, StatusCode::kDataLoss, "a Transformer without Pooling");
  refused(transformer + pooling + "]", R"({"pooling_mode_max_tokens": true})",
          StatusCode::kUnimplemented, "pooling max_tokens is not supported");
  refused(transformer + pooling + "]",
          R"({"pooling_mode_max_tokens": true, "pooling_mode_mean_tokens": true})",
          StatusCode::kUnimplemented, "pooling max_tokens + mean_tokens is not supported");
  refused(transformer + pooling + "]", "{}", StatusCode::kDataLoss, "no way of pooling");
  refused(transformer + pooling + "]",
          R"({"pooling_mode_mean_tokens": true, "include_prompt": false})",
          StatusCode::kUnimplemented, "include_prompt false is not supported");
  refused(R"([{"path": "../x", "type": "m.Transformer"}])", mean, StatusCode::kDataLoss,
          "the path of m.Transformer must stay inside the directory");
  refused("[]", mean, StatusCode::kDataLoss, "expected a list of modules");
}

}  // namespace
}  // namespace larder::text
