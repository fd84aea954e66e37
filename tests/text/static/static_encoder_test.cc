// SPDX-License-Identifier: Apache-2.0
#include "text/static/static_encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>

#include "tests/support/status_matchers.h"
#include "tests/text/text_testing.h"

namespace larder::text {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int32_t kDim = 16;

std::unique_ptr<const StaticEncoder> MakeEncoder(StaticTables tables, int32_t max_tokens = 8'192) {
  EncoderConfig config;
  config.dimensions = tables.dimensions;
  config.max_tokens = max_tokens;
  EncoderInfo info;
  info.dimensions = tables.dimensions;
  auto encoder =
      StaticEncoder::Create(info, config, SampleTokenizer(), std::move(tables), "model");
  LARDER_CHECK(encoder.ok());
  return *std::move(encoder);
}

std::vector<int8_t> EncodeOne(const Encoder& encoder, std::string_view text) {
  std::vector<int8_t> vector(static_cast<size_t>(encoder.dimensions()), 99);
  EXPECT_OK(encoder.Encode(std::span(&text, 1), vector));
  return vector;
}

std::vector<int8_t> Scale(std::vector<int64_t> sums) {
  std::vector<int8_t> out(sums.size(), 99);
  ScaleToInt8(sums, out);
  return out;
}

TEST(ScaleToInt8, TheLargestMagnitudeBecomes127) {
  EXPECT_THAT(Scale({10, -20, 0, 5}), ElementsAre(64, -127, 0, 32));
  EXPECT_THAT(Scale({1}), ElementsAre(127));
  EXPECT_THAT(Scale({-1}), ElementsAre(-127));
}

TEST(ScaleToInt8, HalvesGoAwayFromZero) {
  // 254 / 127 = 2: an odd sum lies exactly between two integers.
  EXPECT_THAT(Scale({254, 1, -1, 3, -3, 253}), ElementsAre(127, 1, -1, 2, -2, 127));
}

TEST(ScaleToInt8, ZeroStaysZero) { EXPECT_THAT(Scale({0, 0, 0}), Each(0)); }

TEST(ScaleToInt8, IsExactForTheLargestSums) {
  const int64_t large = (int64_t{1} << 55) - 1;

  EXPECT_THAT(Scale({large, -large, large / 2, 0}), ElementsAre(127, -127, 63, 0));
}

TEST(ScaleToInt8, AgreesWithExactRationalsOnRandomSums) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 2'000; ++round) {
    std::vector<int64_t> sums(8);
    for (int64_t& sum : sums) sum = static_cast<int64_t>(random() % 2'001) - 1'000;
    int64_t largest = 0;
    for (const int64_t sum : sums) largest = std::max(largest, std::abs(sum));
    const auto scaled = Scale(sums);
    for (size_t d = 0; d < sums.size() && largest > 0; ++d) {
      // |2 * (v * m - s * 127)| <= m, and at a half v is the larger one.
      const int64_t error = 2 * (std::abs(int64_t{scaled[d]}) * largest - std::abs(sums[d]) * 127);
      ASSERT_GT(error, -largest);
      ASSERT_LE(error, largest);
      ASSERT_TRUE(scaled[d] == 0 || (scaled[d] < 0) == (sums[d] < 0));
    }
  }
}

TEST(SumTokens, IsTheWeightedSumOfRows) {
  StaticTables tables;
  tables.dimensions = 3;
  tables.table = {1, 2, 3, -128, 127, 0, 5, 5, 5};
  tables.weights = {10, kMaxTokenWeight, 0};
  std::vector<int64_t> sums(3, 99);

  SumTokens(tables, std::vector<int32_t>{0, 1, 1, 2}, sums);

  EXPECT_THAT(sums, ElementsAre(10 - 2 * 128 * 32'767, 20 + 2 * 127 * 32'767, 30));
}

TEST(SumTokens, WorkedExampleOfTheFormatsPage) {
  StaticTables tables;
  tables.dimensions = 2;
  tables.table = {10, -20, 5, 127};
  tables.weights = {2, 3};
  std::vector<int64_t> sums(2);

  SumTokens(tables, std::vector<int32_t>{0, 0, 1}, sums);

  EXPECT_THAT(sums, ElementsAre(55, 301));
  EXPECT_THAT(Scale(sums), ElementsAre(23, 127));
}

TEST(SumTokens, DoesNotOverflowOnManyExtremeTokens) {
  StaticTables tables;
  tables.dimensions = 2;
  tables.table = {-128, 127};
  tables.weights = {kMaxTokenWeight};
  const std::vector<int32_t> ids(100'000, 0);
  std::vector<int64_t> sums(2);

  SumTokens(tables, ids, sums);

  EXPECT_THAT(sums, ElementsAre(int64_t{-128} * 32'767 * 100'000, int64_t{127} * 32'767 * 100'000));
}

// The oracle: the definition in docs/formats/encoder.md, one number at a time.
std::vector<int8_t> SlowEncode(const StaticTables& tables, std::string_view text,
                               size_t max_tokens) {
  std::vector<int32_t> ids;
  EXPECT_OK(SampleTokenizer()->Encode(text, ids));
  ids.resize(std::min(ids.size(), max_tokens));
  const auto dim = static_cast<size_t>(tables.dimensions);
  std::vector<int64_t> sums(dim, 0);
  int64_t largest = 0;
  for (size_t d = 0; d < dim; ++d) {
    for (const int32_t id : ids) {
      sums[d] += int64_t{tables.weights[static_cast<size_t>(id)]} *
                 tables.table[static_cast<size_t>(id) * dim + d];
    }
    largest = std::max(largest, std::abs(sums[d]));
  }
  std::vector<int8_t> out(dim, 0);
  for (size_t d = 0; d < dim && largest > 0; ++d) {
    const int64_t twice = 2 * std::abs(sums[d]) * 127;
    int64_t value = 0;
    while (2 * (value + 1) * largest <= twice + largest) ++value;
    out[d] = static_cast<int8_t>(sums[d] < 0 ? -value : value);
  }
  return out;
}

TEST(StaticEncoder, AgreesWithTheDefinition) {
  const StaticTables tables = RandomTables(kDim, 3);
  const auto encoder = MakeEncoder(tables, 20);

  for (const Document& document : SampleCatalog(40, 9)) {
    EXPECT_EQ(EncodeOne(*encoder, document.content), SlowEncode(tables, document.content, 20));
  }
}

TEST(StaticEncoder, ATextHasTheSameBitsInEveryBatchAndOrder) {
  const auto encoder = MakeEncoder(RandomTables(kDim, 3));
  const std::vector<Document> documents = SampleCatalog(100, 4);
  std::vector<std::string_view> texts;
  for (const Document& document : documents) texts.push_back(document.content);
  texts.push_back("");
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);

  for (int round = 0; round < 10; ++round) {
    std::shuffle(texts.begin(), texts.end(), random);
    const size_t size = 1 + random() % texts.size();
    std::vector<int8_t> batch(size * kDim, 77);
    ASSERT_OK(encoder->Encode(std::span(texts).first(size), batch));
    for (size_t i = 0; i < size; ++i) {
      const auto alone = EncodeOne(*encoder, texts[i]);
      ASSERT_TRUE(std::equal(alone.begin(), alone.end(), batch.begin() + ptrdiff_t(i) * kDim));
    }
  }
}

TEST(StaticEncoder, ThreadsGetTheSameBits) {
  const auto encoder = MakeEncoder(RandomTables(kDim, 3));
  const auto expected = EncodeOne(*encoder, "a network server with a proxy");
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(EncodeOne(*encoder, "a network server with a proxy"), expected);
      }
    });
  }
}

TEST(StaticEncoder, OrderOfWordsDoesNotMatter) {
  const auto encoder = MakeEncoder(RandomTables(kDim, 3));

  EXPECT_EQ(EncodeOne(*encoder, "server network cache"),
            EncodeOne(*encoder, "cache server network"));
}

TEST(StaticEncoder, ATextOfWhichNothingIsKnownIsZero) {
  StaticTables tables = RandomTables(kDim, 3);
  tables.weights[static_cast<size_t>(SampleTokenizer()->unknown_id())] = 0;
  std::vector<int32_t> space;
  ASSERT_OK(SampleTokenizer()->Encode("\u6f22", space));
  for (const int32_t id : space) tables.weights[static_cast<size_t>(id)] = 0;
  const auto encoder = MakeEncoder(tables);

  EXPECT_THAT(EncodeOne(*encoder, ""), Each(0));
  EXPECT_THAT(EncodeOne(*encoder, " \n "), Each(0));
  EXPECT_THAT(EncodeOne(*encoder, "\u6f22\u5b57"), Each(0));
}

TEST(StaticEncoder, TokensBeyondMaxTokensDoNotCount) {
  const auto encoder = MakeEncoder(RandomTables(kDim, 3), 3);

  EXPECT_EQ(EncodeOne(*encoder, "server network cache"),
            EncodeOne(*encoder, "server network cache daemon proxy"));
}

TEST(StaticEncoder, BytesBeyondTheCutDoNotCount) {
  StaticTables tables = RandomTables(kDim, 3);
  std::fill(tables.weights.begin(), tables.weights.end(), 1'000);
  const auto encoder = MakeEncoder(std::move(tables), 64);
  const std::string spaces(64 * kMaxBytesPerToken - 7, ' ');  // they become no token

  EXPECT_EQ(EncodeOne(*encoder, spaces + " server"), EncodeOne(*encoder, "server"));
  EXPECT_EQ(EncodeOne(*encoder, spaces + " server network"), EncodeOne(*encoder, "server"));
  EXPECT_NE(EncodeOne(*encoder, "server network"), EncodeOne(*encoder, "server"));
}

TEST(StaticEncoder, TheCutLeavesCharactersWhole) {
  StaticTables tables = RandomTables(kDim, 3);
  std::fill(tables.weights.begin(), tables.weights.end(), 1'000);
  const auto encoder = MakeEncoder(std::move(tables), 64);
  const std::string spaces(64 * kMaxBytesPerToken - 8, ' ');

  // The euro sign begins in the last byte that counts, so that it does not count.
  EXPECT_EQ(EncodeOne(*encoder, spaces + " server€"), EncodeOne(*encoder, "server"));
  EXPECT_NE(EncodeOne(*encoder, " server€"), EncodeOne(*encoder, "server"));
}

TEST(StaticEncoder, ZeroBytesHugeTextsAndBadUtf8AreText) {
  using std::string_view_literals::operator""sv;
  const auto encoder = MakeEncoder(RandomTables(kDim, 3));
  const std::string huge(kMaxTextBytes, 's');

  EXPECT_EQ(EncodeOne(*encoder, huge), EncodeOne(*encoder, huge));
  EXPECT_EQ(EncodeOne(*encoder, "server\0proxy"sv), EncodeOne(*encoder, "server\0proxy"sv));
  EXPECT_EQ(EncodeOne(*encoder, "\xff\xc3 server"), EncodeOne(*encoder, "\xff\xc3 server"));
}

TEST(StaticEncoder, RefusesATextOverTheLimitAndNamesIt) {
  const auto encoder = MakeEncoder(RandomTables(kDim, 3));
  const std::string huge(kMaxTextBytes + 1, 's');
  const std::vector<std::string_view> texts = {"fine", huge};
  std::vector<int8_t> out(2 * kDim);

  EXPECT_THAT(encoder->Encode(texts, out),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("text 1: a text of 1048577")));
}

TEST(StaticEncoder, RefusesABufferOfTheWrongSize) {
  const auto encoder = MakeEncoder(RandomTables(kDim, 3));
  const std::vector<std::string_view> texts = {"a", "b"};
  std::vector<int8_t> out(2 * kDim - 1);

  EXPECT_THAT(encoder->Encode(texts, out),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("texts need 32")));
  EXPECT_OK(encoder->Encode({}, {}));
}

TEST(StaticModel, RoundTrip) {
  const StaticTables tables = RandomTables(kDim, 5);

  ASSERT_OK_AND_ASSIGN(const StaticTables read, ParseStaticModel(WriteStaticModel(tables), "m"));

  EXPECT_EQ(read.dimensions, tables.dimensions);
  EXPECT_EQ(read.table, tables.table);
  EXPECT_EQ(read.weights, tables.weights);
}

Status CreateStatus(StaticTables tables, int32_t config_dimensions) {
  EncoderConfig config;
  config.dimensions = config_dimensions;
  EncoderInfo info;
  info.dimensions = config_dimensions;
  return StaticEncoder::Create(info, config, SampleTokenizer(), std::move(tables), "m").status();
}

TEST(StaticEncoder, RefusesTablesThatDisagree) {
  EXPECT_THAT(CreateStatus(RandomTables(kDim, 5), 8),
              StatusIs(StatusCode::kDataLoss, HasSubstr("16 dimensions, encoder.json says 8")));
  StaticTables tables = RandomTables(kDim, 5);
  tables.weights.push_back(1);
  tables.table.resize(tables.table.size() + kDim);
  EXPECT_THAT(CreateStatus(tables, kDim),
              StatusIs(StatusCode::kDataLoss, HasSubstr("the tokenizer has")));
  tables = RandomTables(kDim, 5);
  tables.weights[7] = kMaxTokenWeight + 1;
  EXPECT_THAT(CreateStatus(tables, kDim),
              StatusIs(StatusCode::kDataLoss, HasSubstr("token_weights[7] is 32768")));
  tables.weights[7] = -1;
  EXPECT_THAT(CreateStatus(tables, kDim),
              StatusIs(StatusCode::kDataLoss, HasSubstr("token_weights[7] is -1")));
  tables = RandomTables(kDim, 5);
  tables.table.pop_back();
  EXPECT_THAT(CreateStatus(tables, kDim), StatusIs(StatusCode::kDataLoss, HasSubstr("size")));
}

}  // namespace
}  // namespace larder::text
