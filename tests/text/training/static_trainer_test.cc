// SPDX-License-Identifier: Apache-2.0
#include "text/training/static_trainer.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <random>

#include "base/parallel.h"
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
  options.table.epochs = 2;
  return options;
}

TEST(StaticTrainer, TheSameDocumentsGiveTheSameTables) {
  const std::vector<Document> documents = SampleCatalog(300, 5);
  const auto tokenizer = SampleTokenizer();
  const StaticTrainingOptions options = {.dimensions = 32, .max_documents = 250, .epochs = 2};

  ASSERT_OK_AND_ASSIGN(const auto one, TrainStaticTables(documents, {}, *tokenizer, options));
  ASSERT_OK_AND_ASSIGN(const auto two, TrainStaticTables(documents, {}, *tokenizer, options));

  EXPECT_GT(one.steps, 0u);
  EXPECT_EQ(one.tables.table, two.tables.table);
  EXPECT_EQ(one.tables.weights, two.tables.weights);
  EXPECT_EQ(one.last_loss, two.last_loss);
}

TEST(StaticTrainer, OneProcessorGivesTheSameTables) {
  const std::vector<Document> documents = SampleCatalog(300, 5);
  const auto tokenizer = SampleTokenizer();
  const StaticTrainingOptions options = {.dimensions = 32, .epochs = 1};
  ASSERT_OK_AND_ASSIGN(const auto many, TrainStaticTables(documents, {}, *tokenizer, options));

  SetProcessorsForTesting(1);
  const auto one = TrainStaticTables(documents, {}, *tokenizer, options);
  SetProcessorsForTesting(5);
  const auto five = TrainStaticTables(documents, {}, *tokenizer, options);
  SetProcessorsForTesting(0);

  ASSERT_OK(one);
  ASSERT_OK(five);
  EXPECT_EQ(one->tables.table, many.tables.table);
  EXPECT_EQ(five->tables.table, many.tables.table);
  EXPECT_EQ(five->tables.weights, many.tables.weights);
}

TEST(StaticTrainer, TheSeedMatters) {
  const std::vector<Document> documents = SampleCatalog(200, 5);
  const auto tokenizer = SampleTokenizer();

  ASSERT_OK_AND_ASSIGN(const auto one,
                       TrainStaticTables(documents, {}, *tokenizer,
                                         {.dimensions = 32, .epochs = 1, .seed = 1}));
  ASSERT_OK_AND_ASSIGN(const auto two,
                       TrainStaticTables(documents, {}, *tokenizer,
                                         {.dimensions = 32, .epochs = 1, .seed = 2}));

  EXPECT_NE(one.tables.table, two.tables.table);
}

TEST(StaticTrainer, TimesMatter) {
  std::vector<Document> documents = SampleCatalog(300, 5);
  const auto tokenizer = SampleTokenizer();
  const StaticTrainingOptions options = {.dimensions = 32, .epochs = 1};

  ASSERT_OK_AND_ASSIGN(const auto without, TrainStaticTables(documents, {}, *tokenizer, options));
  for (size_t i = 0; i < documents.size(); ++i) documents[i].time = static_cast<TimeUs>(i + 1);
  ASSERT_OK_AND_ASSIGN(const auto with, TrainStaticTables(documents, {}, *tokenizer, options));

  EXPECT_GT(without.steps, 0u);
  EXPECT_NE(without.tables.table, with.tables.table);
}

TEST(StaticTrainer, RowsUseTheWholeRangeAndOnlyTextCounts) {
  const auto tokenizer = SampleTokenizer();
  ASSERT_OK_AND_ASSIGN(const auto learned, TrainStaticTables(SampleCatalog(50, 5), {}, *tokenizer,
                                                             {.dimensions = 32}));
  const StaticTables& tables = learned.tables;

  ASSERT_EQ(tables.vocab_size(), tokenizer->vocab_size());
  EXPECT_EQ(*std::max_element(tables.weights.begin(), tables.weights.end()), kMaxTokenWeight);
  for (int32_t t = 0; t < tables.vocab_size(); ++t) {
    const auto row = std::span(tables.table).subspan(static_cast<size_t>(t) * 32, 32);
    if (t == tokenizer->unknown_id() || tokenizer->is_control(t)) {
      EXPECT_EQ(tables.weights[static_cast<size_t>(t)], 0);
      EXPECT_THAT(row, Each(0));
    } else {
      const auto largest = std::max_element(row.begin(), row.end(), [](int8_t a, int8_t b) {
        return std::abs(a) < std::abs(b);
      });
      EXPECT_EQ(std::abs(*largest), 127);
      EXPECT_GT(tables.weights[static_cast<size_t>(t)], 0);
    }
  }
}

// Titles and contents share no word: every idea has one of each. Only what goes with what tells.
std::vector<Document> TwoLanguages(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::array<std::array<std::string, 2>, 40> ideas;
  for (auto& idea : ideas) {
    for (std::string& word : idea) {
      for (int k = 0; k < 6; ++k) word.push_back(static_cast<char>('a' + random() % 26));
    }
  }
  std::vector<Document> documents(count);
  for (Document& document : documents) {
    for (int k = 0; k < 4; ++k) {
      const auto& idea = ideas[random() % ideas.size()];
      document.title += idea[0] + " ";
      document.content += idea[1] + " ";
    }
  }
  return documents;
}

TEST(StaticTrainer, LearnsWhatWordsAloneDoNotTell) {
  const uint64_t seed = 5;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  TempDir dir;
  EncoderTrainingOptions options = Small();
  options.table.epochs = 20;

  ASSERT_OK_AND_ASSIGN(
      const TrainedEncoder trained,
      TrainStaticEncoder(Fs(), dir.path(), TwoLanguages(1'200, seed), {}, options));

  EXPECT_EQ(trained.held_out, 60u);
  EXPECT_LT(trained.evaluation.tfidf.at_10, 0.1);
  EXPECT_LT(trained.evaluation.bm25.at_10, 0.1);
  EXPECT_GT(trained.evaluation.encoder.at_10, 0.7);
}

TEST(StaticTrainer, InteractionsBringRelatedItemsTogether) {
  // Words of one subject never share a text; only users tell that they belong together.
  std::vector<Document> documents;
  std::vector<Interaction> interactions;
  std::mt19937_64 random(3);
  constexpr std::array<std::array<std::string_view, 2>, 4> kSubjects = {
      {{"server", "proxy"}, {"castle", "enemy"}, {"music", "synth"}, {"matrix", "solver"}}};
  for (uint32_t i = 0; i < 400; ++i) {
    documents.push_back({std::string(kSubjects[i % 4][i / 4 % 2]), "", {}, 0});
  }
  for (uint32_t user = 0; user < 200; ++user) {
    for (TimeUs t = 0; t < 4; ++t) {
      interactions.push_back(
          {user, static_cast<uint32_t>(4 * (random() % 100) + user % 4), t});
    }
  }
  const auto tokenizer = SampleTokenizer();

  ASSERT_OK_AND_ASSIGN(const auto learned,
                       TrainStaticTables(documents, interactions, *tokenizer,
                                         {.dimensions = 32, .epochs = 10}));

  EXPECT_GT(learned.related_pairs, 500u);
  const auto cosine = [&](std::string_view a, std::string_view b) {
    std::vector<int32_t> ids;
    std::array<std::vector<int64_t>, 2> sums = {std::vector<int64_t>(32), std::vector<int64_t>(32)};
    EXPECT_OK(tokenizer->Encode(a, ids));
    SumTokens(learned.tables, ids, sums[0]);
    EXPECT_OK(tokenizer->Encode(b, ids));
    SumTokens(learned.tables, ids, sums[1]);
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (size_t d = 0; d < 32; ++d) {
      const auto x = static_cast<double>(sums[0][d]);
      const auto y = static_cast<double>(sums[1][d]);
      ab += x * y;
      aa += x * x;
      bb += y * y;
    }
    return ab / std::sqrt(aa * bb);
  };
  for (const auto& subject : kSubjects) EXPECT_GT(cosine(subject[0], subject[1]), 0.6);
  EXPECT_LT(cosine("server", "synth"), 0.4);
}

TEST(StaticTrainer, ValuesOfFieldsLieByTheTextsThatHaveThem) {
  const std::vector<Document> sample = SampleCatalog(600, 5);
  std::vector<Document> documents = sample;
  for (size_t i = 0; i < documents.size(); ++i) {
    documents[i].values = {"subject=" + documents[i].tags[0], "only=" + std::to_string(i)};
  }
  const auto tokenizer = SampleTokenizer();
  const StaticTrainingOptions options = {.dimensions = 32, .epochs = 10};

  ASSERT_OK_AND_ASSIGN(const auto learned, TrainStaticTables(documents, {}, *tokenizer, options));
  ASSERT_OK_AND_ASSIGN(const auto without, TrainStaticTables(sample, {}, *tokenizer, options));

  ASSERT_EQ(learned.values.size(), 8u);  // what a single item has is left out
  EXPECT_TRUE(without.values.empty());
  EXPECT_EQ(learned.tables.vocab_size(), tokenizer->vocab_size());
  const auto nearest = [&](std::string_view text) {
    std::vector<int32_t> ids;
    std::vector<int64_t> sums(32);
    EXPECT_OK(tokenizer->Encode(text, ids));
    SumTokens(learned.tables, ids, sums);
    std::pair<double, std::string> best = {-1e300, ""};
    for (const ValueVector& value : learned.values) {
      double dot = 0;
      double square = 0;
      for (size_t d = 0; d < 32; ++d) {
        dot += static_cast<double>(sums[d]) * static_cast<double>(value.vector[d]);
        square += static_cast<double>(value.vector[d]) * static_cast<double>(value.vector[d]);
      }
      EXPECT_NEAR(square, 1, 1e-5);
      EXPECT_GT(value.items, 30u);
      best = std::max(best, std::pair(dot, value.name));
    }
    return best.second;
  };
  EXPECT_EQ(nearest("network daemon"), "subject=server");
  EXPECT_EQ(nearest("enemy castle"), "subject=game");
  EXPECT_EQ(nearest("playlist codec"), "subject=music");
}

TEST(StaticTrainer, HeldOutDocumentsAreNeitherLearnedNorTokenized) {
  std::vector<Document> documents = SampleCatalog(450, 5);
  for (size_t i = 0; i < documents.size(); ++i) documents[i].time = static_cast<TimeUs>(i + 1);
  std::vector<Document> changed = documents;
  // The newest 45 say something else in the second run, in other letters.
  for (size_t i = 405; i < 450; ++i) {
    changed[i] = {"ЖЖЖ ЩЩ", "ЯЯ ЮЮ ЭЭЭ ЫЫ.", {},
                  documents[i].time};
  }
  TempDir one;
  TempDir two;
  EncoderTrainingOptions options = Small();
  options.hold_out = 45;

  ASSERT_OK_AND_ASSIGN(const TrainedEncoder first,
                       TrainStaticEncoder(Fs(), one.path(), documents, {}, options));
  ASSERT_OK(TrainStaticEncoder(Fs(), two.path(), changed, {}, options));

  EXPECT_EQ(first.held_out, 45u);
  EXPECT_EQ(first.evaluation.known_item_queries, 45u);
  EXPECT_EQ(first.evaluation.documents, 450u);
  EXPECT_EQ(ReadFile(one.File("tokenizer.model")), ReadFile(two.File("tokenizer.model")));
  EXPECT_EQ(ReadFile(one.File("model.safetensors")), ReadFile(two.File("model.safetensors")));
}

TEST(StaticTrainer, AFewDocumentsAreWeighedOnly) {
  TempDir dir;
  EncoderTrainingOptions options = Small();

  ASSERT_OK_AND_ASSIGN(const TrainedEncoder trained,
                       TrainStaticEncoder(Fs(), dir.path(), SampleCatalog(60, 5), {}, options));

  EXPECT_EQ(trained.steps, 0u);
  EXPECT_EQ(trained.held_out, 0u);
  EXPECT_GE(trained.evaluation.encoder.at_10, 0.9);
  ASSERT_OK_AND_ASSIGN(const EncoderConfig config, ReadEncoderConfig(Fs(), dir.path()));
  EXPECT_EQ(std::get<std::string>(config.training.at("method")), "inverse frequency");
}

TEST(StaticTrainer, TextsOfOneSubjectAreNearerThanOfTwo) {
  TempDir dir;
  EncoderTrainingOptions options = Small();
  options.table.epochs = 20;
  ASSERT_OK(TrainStaticEncoder(Fs(), dir.path(), SampleCatalog(400, 5), {}, options));
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

  ASSERT_OK_AND_ASSIGN(const auto first,
                       TrainStaticEncoder(Fs(), one.path(), documents, {}, Small()));
  ASSERT_OK_AND_ASSIGN(const auto second,
                       TrainStaticEncoder(Fs(), two.path(), documents, {}, Small()));

  EXPECT_EQ(first.info.digest, second.info.digest);
  ASSERT_OK_AND_ASSIGN(const EncoderConfig config, ReadEncoderConfig(Fs(), one.path()));
  EXPECT_EQ(config.quality.at("known_item_recall_at_10"), first.evaluation.encoder.at_10);
  EXPECT_EQ(config.quality.at("tag_share_at_10"), first.evaluation.tag_share_encoder);
  EXPECT_EQ(config.quality.at("bm25_known_item_recall_at_10"), first.evaluation.bm25.at_10);
  EXPECT_EQ(std::get<double>(config.training.at("documents")), 200);
  EXPECT_EQ(std::get<std::string>(config.training.at("method")), "contrastive");
  ASSERT_OK_AND_ASSIGN(const auto encoder, OpenEncoder(Fs(), one.path()));
  EXPECT_EQ(encoder->digest(), first.info.digest);
}

TEST(StaticTrainer, BuildsOnAGivenTokenizer) {
  TempDir dir;
  EncoderTrainingOptions options = Small();
  options.tokenizer_model = SampleTokenizerBytes();

  ASSERT_OK(TrainStaticEncoder(Fs(), dir.path(), SampleCatalog(100, 5), {}, options));

  EXPECT_EQ(ReadFile(dir.File("tokenizer.model")), SampleTokenizerBytes());
  options.tokenizer_model = "garbage";
  EXPECT_THAT(TrainStaticEncoder(Fs(), dir.path(), SampleCatalog(100, 5), {}, options),
              StatusIs(StatusCode::kDataLoss, HasSubstr("tokenizer.model")));
}

TEST(StaticTrainer, FewerPiecesThanDimensionsStillWork) {
  const auto tokenizer = SampleTokenizer();

  ASSERT_OK_AND_ASSIGN(const auto tables, TrainStaticTables(SampleCatalog(12, 5), {}, *tokenizer,
                                                            {.dimensions = 512}));

  EXPECT_EQ(tables.tables.dimensions, 512);
}

TEST(StaticTrainer, ReportsEveryStageToItsEnd) {
  TempDir dir;
  std::map<std::string, std::pair<uint64_t, uint64_t>, std::less<>> last;

  ASSERT_OK(TrainStaticEncoder(Fs(), dir.path(), SampleCatalog(200, 5), {}, Small(),
                               [&](std::string_view stage, uint64_t done, uint64_t total) {
                                 EXPECT_LE(done, total);
                                 // A figure may follow a comma.
                                 const auto name = stage.substr(0, stage.find(','));
                                 last[std::string(name)] = {done, total};
                               }));

  EXPECT_EQ(last.size(), 5u);
  for (const auto& [stage, step] : last) EXPECT_EQ(step.first, step.second) << stage;
}

TEST(StaticTrainer, RefusesWhatCannotWork) {
  const auto tokenizer = SampleTokenizer();
  const std::vector<Document> documents = SampleCatalog(20, 5);

  EXPECT_THAT(TrainStaticTables(documents, {}, *tokenizer, {.dimensions = 7}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("dimensions is 7")));
  EXPECT_THAT(TrainStaticTables(documents, {}, *tokenizer, {.max_documents = 9}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("max_documents is 9")));
  EXPECT_THAT(TrainStaticTables({}, {}, *tokenizer, {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("no piece")));
  EXPECT_THAT(TrainStaticTables(std::vector<Document>(5), {}, *tokenizer, {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("no piece")));
  EXPECT_THAT(TrainStaticTables(documents, {}, *tokenizer, {.epochs = 101}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("epochs is 101")));
  EXPECT_THAT(TrainStaticTables(documents, {}, *tokenizer, {.batch = 63}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("batch is 63")));
  const std::vector<Interaction> wrong = {{0, 20, 0}};
  EXPECT_THAT(TrainStaticTables(documents, wrong, *tokenizer, {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("item 20 of 20")));
  EncoderTrainingOptions half = Small();
  half.hold_out = 11;
  TempDir dir;
  EXPECT_THAT(TrainStaticEncoder(Fs(), dir.path(), documents, {}, half),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("hold_out is 11")));
  std::vector<Document> huge(1);
  huge[0].content.assign(kMaxTextBytes + 1, 'a');
  EXPECT_THAT(TrainStaticTables(huge, {}, *tokenizer, {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("document 0")));
}

}  // namespace
}  // namespace larder::text
