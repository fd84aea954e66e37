// SPDX-License-Identifier: Apache-2.0
#include "text/import/static_import.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/bytes.h"
#include "tests/support/status_matchers.h"
#include "text/encoder_config.h"
#include "text/safetensors.h"
#include "text/wordpiece/wordpiece_tokenizer.h"

namespace larder::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Eight pieces: [UNK] [CLS] [SEP] a b c d e.
const Tokenizer& Pieces() {
  static const auto tokenizer = [] {
    const auto json =
        TokenizerJsonOfVocab("[UNK]\n[CLS]\n[SEP]\na\nb\nc\nd\ne\n", true, "vocab.txt");
    LARDER_CHECK(json.ok());
    return std::move(*OpenWordPiece(*json, "tokenizer"));
  }();
  return *tokenizer;
}

template <typename T>
Tensor Make(std::string name, DType dtype, std::vector<uint64_t> shape,
            const std::vector<T>& values) {
  return {.name = std::move(name), .dtype = dtype, .shape = std::move(shape),
          .bytes = AsBytes(std::span<const T>(values))};
}

Status Import(const std::vector<Tensor>& tensors) {
  return ImportStaticTables(WriteSafeTensors(tensors), Pieces(), "m").status();
}

std::vector<float> RandomRows(size_t rows, size_t dim, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(rows * dim);
  for (size_t i = 0; i < values.size(); ++i) {
    // Rows of very different lengths, as those of trained models.
    values[i] = normal(random) * std::exp(static_cast<float>(i / dim % 7) - 4);
  }
  return values;
}

double Cosine(std::span<const double> a, std::span<const int8_t> b) {
  double dot = 0, aa = 0, bb = 0;
  for (size_t d = 0; d < a.size(); ++d) {
    dot += a[d] * b[d];
    aa += a[d] * a[d];
    bb += b[d] * b[d];
  }
  return dot / std::sqrt(aa * bb);
}

TEST(StaticImport, VectorsOfTextsKeepTheirDirection) {
  constexpr size_t kDim = 64;
  const std::vector<float> rows = RandomRows(5, kDim, 1);
  const std::vector<double> weights = {1, 2, 3, 0.5, 0.25, 4, 1, 0.1};
  const std::vector<int64_t> mapping = {0, 1, 2, 3, 4, 0, 1, 2};
  ASSERT_OK_AND_ASSIGN(
      const StaticTables tables,
      ImportStaticTables(WriteSafeTensors({Make("embeddings", DType::kF32, {5, kDim}, rows),
                                           Make("weights", DType::kF64, {8}, weights),
                                           Make("mapping", DType::kI64, {8}, mapping)}),
                         Pieces(), "m"));
  double sum = 0;
  constexpr int kTexts = 200;
  for (uint64_t seed = 1; seed <= kTexts; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<int32_t> ids(1 + random() % 20);
    for (int32_t& id : ids) id = static_cast<int32_t>(1 + random() % 7);
    std::vector<double> expected(kDim);
    for (const int32_t id : ids) {
      const auto piece = static_cast<size_t>(id);
      for (size_t d = 0; d < kDim; ++d) {
        const auto row = static_cast<size_t>(mapping[piece]);
        expected[d] += static_cast<double>(rows[row * kDim + d]) * weights[piece];
      }
    }
    std::vector<int64_t> sums(kDim);
    std::vector<int8_t> vector(kDim);
    SumTokens(tables, ids, sums);
    ScaleToInt8(sums, vector);

    const double cosine = Cosine(expected, vector);
    sum += cosine;

    EXPECT_GT(cosine, 0.999) << "seed " << seed;
  }
  EXPECT_GT(sum / kTexts, 0.9998);
}

TEST(StaticImport, UnknownPiecesAreLeftOutOfModel2VecOnly) {
  const std::vector<float> rows(8 * 2, 1.0f);
  ASSERT_OK_AND_ASSIGN(
      const StaticTables model2vec,
      ImportStaticTables(WriteSafeTensors({Make("embeddings", DType::kF32, {8, 2}, rows)}),
                         Pieces(), "m"));
  ASSERT_OK_AND_ASSIGN(
      const StaticTables embedding,
      ImportStaticTables(WriteSafeTensors({Make("embedding.weight", DType::kF32, {8, 2}, rows)}),
                         Pieces(), "m"));

  EXPECT_EQ(model2vec.weights[0], 0);
  EXPECT_EQ(model2vec.weights[1], kMaxTokenWeight);
  EXPECT_EQ(embedding.weights[0], kMaxTokenWeight);
}

TEST(StaticImport, NumbersOfEveryTypeAreRead) {
  const auto table = [](const Tensor& tensor) {
    const auto tables = ImportStaticTables(WriteSafeTensors({tensor}), Pieces(), "m");
    EXPECT_OK(tables);
    return std::vector<int8_t>(tables->table.begin(), tables->table.begin() + 4);
  };
  // 1, -0.5, 0, the smallest number of half precision; the other rows are 1.
  const auto filled = [](auto first, auto second, auto zero, auto small, auto one) {
    std::vector values(32, one);
    values[0] = first;
    values[1] = second;
    values[2] = zero;
    values[3] = small;
    return values;
  };
  const std::string name = "embedding.weight";
  const auto half = filled(uint16_t{0x3C00}, uint16_t{0xB800}, uint16_t{0}, uint16_t{1},
                           uint16_t{0x3C00});
  const auto brain = filled(uint16_t{0x3F80}, uint16_t{0xBF00}, uint16_t{0}, uint16_t{1},
                            uint16_t{0x3F80});
  const auto single = filled(1.0f, -0.5f, 0.0f, 1e-30f, 1.0f);
  const auto twice = filled(1.0, -0.5, 0.0, 1e-30, 1.0);
  const auto byte = filled(int8_t{-128}, int8_t{64}, int8_t{0}, int8_t{1}, int8_t{1});

  EXPECT_THAT(table(Make(name, DType::kF16, {8, 4}, half)), ElementsAre(127, -64, 0, 0));
  EXPECT_THAT(table(Make(name, DType::kBF16, {8, 4}, brain)), ElementsAre(127, -64, 0, 0));
  EXPECT_THAT(table(Make(name, DType::kF32, {8, 4}, single)), ElementsAre(127, -64, 0, 0));
  EXPECT_THAT(table(Make(name, DType::kF64, {8, 4}, twice)), ElementsAre(127, -64, 0, 0));
  EXPECT_THAT(table(Make(name, DType::kI8, {8, 4}, byte)), ElementsAre(-127, 64, 0, 1));
}

TEST(StaticImport, DamageIsNamed) {
  const std::vector<float> rows(16, 1.0f);
  const Tensor table = Make("embeddings", DType::kF32, {8, 2}, rows);
  const auto refused = [](const std::vector<Tensor>& tensors, StatusCode code,
                          std::string_view message) {
    EXPECT_THAT(Import(tensors), StatusIs(code, HasSubstr(std::string(message))));
  };
  const auto damaged = [&](const std::vector<Tensor>& tensors, std::string_view message) {
    refused(tensors, StatusCode::kDataLoss, message);
  };
  std::vector<float> bad = rows;
  bad[5] = std::numeric_limits<float>::infinity();
  const std::vector<float> zeros(16, 0.0f);
  const std::vector<int64_t> outside = {0, 1, 2, 3, 4, 5, 6, 8};
  const std::vector<float> seven(7, 1.0f);

  damaged({Make("other", DType::kF32, {8, 2}, rows)}, "m: neither tensor 'embeddings' nor");
  damaged({Make("embeddings", DType::kF32, {4, 4}, rows)},
          "m: tensor 'embeddings' has 4 rows, the tokenizer has 8 pieces");
  damaged({Make("embeddings", DType::kF32, {16}, rows)}, "has rank 1, expected 2");
  damaged({Make("embeddings", DType::kF32, {8, 2}, bad)},
          "m: the vector of piece 2 is not finite at 1");
  damaged({Make("embeddings", DType::kF32, {8, 2}, zeros)}, "m: all vectors are zero");
  damaged({table, Make("weights", DType::kF32, {7}, seven)},
          "m: tensor 'weights' has 7 entries, the tokenizer has 8 pieces");
  damaged({table, Make("mapping", DType::kI64, {8}, outside)},
          "m: mapping[7] is 8, there are 8 rows");
  damaged({Make("embeddings", DType::kF32, {8, 0}, std::vector<float>())},
          "m: vectors of 0 dimensions, expected 1 to 4096");
  refused({Make("embeddings", DType::kI32, {8, 2}, rows)}, StatusCode::kUnimplemented,
          "m: tensor 'embeddings' is I32, only F64, F32, F16, BF16 and I8");
  refused({table, Make("mapping", DType::kF32, {8}, std::vector<float>(8, 0.0f))},
          StatusCode::kUnimplemented, "m: tensor 'mapping' is F32, only I64 and I32");
}

}  // namespace
}  // namespace larder::text
