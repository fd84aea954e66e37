// SPDX-License-Identifier: Apache-2.0
#include "text/training/static_trainer.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/text/text_testing.h"

namespace larder::text {
namespace {

using testing::Each;
using testing::HasSubstr;

FileSystem& Fs() { return FileSystem::Posix(); }

EncoderTrainingOptions Small() {
  EncoderTrainingOptions options;
  options.tokenizer.vocab_size = 300;
  options.table.dimensions = 32;
  return options;
}

TEST(StaticTrainer, TheSameDocumentsGiveTheSameTables) {
  const std::vector<Document> documents = SampleCatalog(200, 5);
  const auto tokenizer = SampleTokenizer();
  const StaticTrainingOptions options = {.dimensions = 32, .max_documents = 150};

  ASSERT_OK_AND_ASSIGN(const auto one, TrainStaticTables(documents, *tokenizer, options));
  ASSERT_OK_AND_ASSIGN(const auto two, TrainStaticTables(documents, *tokenizer, options));

  EXPECT_EQ(one.table, two.table);
  EXPECT_EQ(one.weights, two.weights);
}

TEST(StaticTrainer, TheSeedMatters) {
  const std::vector<Document> documents = SampleCatalog(200, 5);
  const auto tokenizer = SampleTokenizer();

  ASSERT_OK_AND_ASSIGN(const auto one, TrainStaticTables(documents, *tokenizer,
                                                         {.dimensions = 32, .seed = 1}));
  ASSERT_OK_AND_ASSIGN(const auto two, TrainStaticTables(documents, *tokenizer,
                                                         {.dimensions = 32, .seed = 2}));

  EXPECT_NE(one.table, two.table);
}

TEST(StaticTrainer, RowsUseTheWholeRangeAndAbsentPiecesAreLeftOut) {
  const auto tokenizer = SampleTokenizer();
  ASSERT_OK_AND_ASSIGN(const auto tables, TrainStaticTables(SampleCatalog(50, 5), *tokenizer,
                                                            {.dimensions = 32}));

  ASSERT_EQ(tables.vocab_size(), tokenizer->vocab_size());
  EXPECT_EQ(tables.weights[static_cast<size_t>(tokenizer->unknown_id())], 0);
  EXPECT_EQ(*std::max_element(tables.weights.begin(), tables.weights.end()), kMaxTokenWeight);
  for (size_t t = 0; t < tables.weights.size(); ++t) {
    const auto row = std::span(tables.table).subspan(t * 32, 32);
    if (tables.weights[t] == 0) {
      EXPECT_THAT(row, Each(0));
    } else {
      const auto largest = std::max_element(row.begin(), row.end(), [](int8_t a, int8_t b) {
        return std::abs(a) < std::abs(b);
      });
      EXPECT_EQ(std::abs(*largest), 127);
    }
  }
}

TEST(StaticTrainer, TextsOfOneSubjectAreNearerThanOfTwo) {
  TempDir dir;
  ASSERT_OK(TrainStaticEncoder(Fs(), dir.path(), SampleCatalog(400, 5), Small()));
  ASSERT_OK_AND_ASSIGN(const auto encoder, OpenEncoder(Fs(), dir.path()));
  const std::vector<std::string_view> texts = {"network daemon", "proxy protocol", "enemy castle"};
  std::vector<int8_t> vectors(3 * 32);

  ASSERT_OK(encoder->Encode(texts, vectors));

  int related = 0;
  int unrelated = 0;
  for (size_t d = 0; d < 32; ++d) {
    related += vectors[d] * vectors[32 + d];
    unrelated += vectors[d] * vectors[64 + d];
  }
  EXPECT_GT(related, unrelated);
}

TEST(StaticTrainer, TheArtifactHasOneNameAndTellsItsQuality) {
  TempDir one;
  TempDir two;
  const std::vector<Document> documents = SampleCatalog(200, 5);

  ASSERT_OK_AND_ASSIGN(const auto first, TrainStaticEncoder(Fs(), one.path(), documents, Small()));
  ASSERT_OK_AND_ASSIGN(const auto second, TrainStaticEncoder(Fs(), two.path(), documents, Small()));

  EXPECT_EQ(first.info.digest, second.info.digest);
  ASSERT_OK_AND_ASSIGN(const EncoderConfig config, ReadEncoderConfig(Fs(), one.path()));
  EXPECT_EQ(config.quality.at("known_item_recall_at_10"), first.evaluation.encoder.at_10);
  EXPECT_EQ(config.quality.at("tag_share_at_10"), first.evaluation.tag_share_encoder);
  EXPECT_EQ(std::get<double>(config.training.at("documents")), 200);
  ASSERT_OK_AND_ASSIGN(const auto encoder, OpenEncoder(Fs(), one.path()));
  EXPECT_EQ(encoder->digest(), first.info.digest);
}

TEST(StaticTrainer, BuildsOnAGivenTokenizer) {
  TempDir dir;
  EncoderTrainingOptions options = Small();
  options.tokenizer_model = SampleTokenizerBytes();

  ASSERT_OK(TrainStaticEncoder(Fs(), dir.path(), SampleCatalog(100, 5), options));

  EXPECT_EQ(ReadFile(dir.File("tokenizer.model")), SampleTokenizerBytes());
  options.tokenizer_model = "garbage";
  EXPECT_THAT(TrainStaticEncoder(Fs(), dir.path(), SampleCatalog(100, 5), options),
              StatusIs(StatusCode::kDataLoss, HasSubstr("tokenizer.model")));
}

TEST(StaticTrainer, FewerPiecesThanDimensionsStillWork) {
  const auto tokenizer = SampleTokenizer();

  ASSERT_OK_AND_ASSIGN(const auto tables, TrainStaticTables(SampleCatalog(12, 5), *tokenizer,
                                                            {.dimensions = 512}));

  EXPECT_EQ(tables.dimensions, 512);
}

TEST(StaticTrainer, ReportsEveryStageToItsEnd) {
  TempDir dir;
  std::map<std::string, std::pair<uint64_t, uint64_t>, std::less<>> last;

  ASSERT_OK(TrainStaticEncoder(Fs(), dir.path(), SampleCatalog(100, 5), Small(),
                               [&](std::string_view stage, uint64_t done, uint64_t total) {
                                 EXPECT_LE(done, total);
                                 last[std::string(stage)] = {done, total};
                               }));

  EXPECT_EQ(last.size(), 5u);
  for (const auto& [stage, step] : last) EXPECT_EQ(step.first, step.second) << stage;
}

TEST(StaticTrainer, RefusesWhatCannotWork) {
  const auto tokenizer = SampleTokenizer();
  const std::vector<Document> documents = SampleCatalog(20, 5);

  EXPECT_THAT(TrainStaticTables(documents, *tokenizer, {.dimensions = 7}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("dimensions is 7")));
  EXPECT_THAT(TrainStaticTables(documents, *tokenizer, {.max_documents = 9}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("max_documents is 9")));
  EXPECT_THAT(TrainStaticTables({}, *tokenizer, {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("no piece")));
  EXPECT_THAT(TrainStaticTables(std::vector<Document>(5), *tokenizer, {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("no piece")));
  std::vector<Document> huge(1);
  huge[0].content.assign(kMaxTextBytes + 1, 'a');
  EXPECT_THAT(TrainStaticTables(huge, *tokenizer, {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("document 0")));
}

}  // namespace
}  // namespace larder::text
