// SPDX-License-Identifier: Apache-2.0
#include "ann/internal/sketch_reader.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/ann/ann_testing.h"

namespace larder::ann {
namespace {

constexpr float kAll = -std::numeric_limits<float>::infinity();
constexpr size_t kDims[] = {64, 65, 96, 100, 128, 129, 191, 192, 384, kMaxDim};

std::vector<int8_t> Normal(std::mt19937_64& random, size_t dim) {
  std::normal_distribution<double> normal(0, 30);
  std::vector<int8_t> v(dim);
  for (int8_t& x : v) x = static_cast<int8_t>(std::clamp(normal(random), -127.0, 127.0));
  return v;
}

// Vectors that are at the edge of something: components zero, equal, of one sign, as large as they
// get, in one half only.
std::vector<std::vector<int8_t>> OddVectors(std::mt19937_64& random, size_t dim) {
  std::vector<std::vector<int8_t>> odd;
  for (const int value : {-128, -1, 1, 5, 127}) odd.emplace_back(dim, static_cast<int8_t>(value));
  std::vector<int8_t> signs(dim);
  for (int8_t& x : signs) x = random() % 2 == 0 ? -1 : 1;
  odd.push_back(signs);
  odd.emplace_back(dim);
  odd.back().front() = 1;
  odd.emplace_back(dim);
  odd.back().back() = -127;
  odd.push_back(RandomVector(random, dim));
  std::fill(odd.back().begin(), odd.back().begin() + static_cast<std::ptrdiff_t>(dim / 2),
            int8_t{0});
  odd.push_back(RandomVector(random, dim));
  std::fill(odd.back().begin() + static_cast<std::ptrdiff_t>(dim / 2), odd.back().end(),
            int8_t{0});
  return odd;
}

// Vectors and their sketches, one of them without a direction that a sketch could see.
class Sketches {
 public:
  Sketches(std::mt19937_64& random, size_t dim) : shape_{.dim = dim} {
    for (int i = 0; i < 100; ++i) Add(Normal(random, dim));
    for (const std::vector<int8_t>& v : OddVectors(random, dim)) Add(v);
    vectors_.emplace_back(dim);
    rows_.resize(rows_.size() + shape_.stride());
    MakeSketch(shape_, View({.dim = dim}, vectors_.back()), 1.0F, Row(vectors_.size() - 1));
  }

  const SketchShape& shape() const { return shape_; }
  size_t size() const { return vectors_.size(); }
  const char* data() const { return rows_.data(); }
  const std::vector<int8_t>& vector(size_t i) const { return vectors_[i]; }

  // The bits one by one: the query's dot product with the signs of the first `dim` components,
  // by the scale.
  float Estimate(std::span<const int8_t> query, size_t i, size_t dim) const {
    const char* row = rows_.data() + i * shape_.stride();
    int sum = 0;
    for (size_t j = 0; j < dim; ++j) {
      const bool bit = (static_cast<unsigned char>(row[j / 8]) >> j % 8 & 1) != 0;
      sum += bit ? query[j] : -query[j];
    }
    return static_cast<float>(sum) * SketchScale(shape_, row);
  }

 private:
  char* Row(size_t i) { return rows_.data() + i * shape_.stride(); }
  void Add(const std::vector<int8_t>& v) {
    vectors_.push_back(v);
    rows_.resize(rows_.size() + shape_.stride());
    const VectorView view = View({.dim = shape_.dim}, vectors_.back());
    MakeSketch(shape_, view, NormOf(view).inverse, Row(vectors_.size() - 1));
  }

  SketchShape shape_;
  std::vector<std::vector<int8_t>> vectors_;
  std::string rows_;
};

// The rows that a reader keeps of all, in some order and with ids of their own.
std::vector<uint32_t> Kept(const Sketches& sketches, SketchReader& reader, float threshold) {
  std::vector<uint32_t> rows(sketches.size());
  std::iota(rows.rbegin(), rows.rend(), 0u);
  std::vector<uint32_t> ids;
  for (const uint32_t row : rows) ids.push_back(1000 + row);
  const size_t kept = reader.Keep(sketches.data(), threshold, rows, ids.data());
  EXPECT_LE(kept, rows.size());
  rows.resize(kept);
  for (size_t i = 0; i < kept; ++i) EXPECT_EQ(ids[i], 1000 + rows[i]);
  return rows;
}

TEST(SketchReader, KeepsWhatTheBitsOneByOneWouldKeep) {
  for (const size_t dim : kDims) {
    const uint64_t seed = 77 + dim;
    SCOPED_TRACE(testing::Message() << "dim " << dim << " seed " << seed);
    std::mt19937_64 random(seed);
    const Sketches sketches(random, dim);
    auto queries = OddVectors(random, dim);
    for (int i = 0; i < 5; ++i) queries.push_back(Normal(random, dim));
    queries.push_back(sketches.vector(3));
    for (const std::vector<int8_t>& codes : queries) {
      const SearchRequest request{.query = codes};
      const Query query(request, {.dim = dim});
      SketchReader reader(query, sketches.shape());
      for (const double bound : {-2.0, -0.9, -0.2, 0.0, 0.05, 0.2, 0.5, 0.9, 1.0}) {
        const float threshold = query.SketchThreshold(bound);
        const float first = reader.FirstThreshold(threshold);
        std::vector<uint32_t> expected;
        for (uint32_t row = static_cast<uint32_t>(sketches.size()); row-- > 0;) {
          if (sketches.Estimate(codes, row, dim) >= threshold &&
              sketches.Estimate(codes, row, reader.half()) >= first) {
            expected.push_back(row);
          }
        }
        ASSERT_EQ(Kept(sketches, reader, threshold), expected) << "bound " << bound;
      }
      EXPECT_EQ(Kept(sketches, reader, kAll).size(), sketches.size());
    }
  }
}

TEST(SketchReader, ReadsNothingOfNoRows) {
  std::mt19937_64 random(1);
  const Sketches sketches(random, 65);
  const SearchRequest request{.query = sketches.vector(0)};
  const Query query(request, {.dim = 65});
  SketchReader reader(query, sketches.shape());

  EXPECT_EQ(reader.Keep(sketches.data(), 0, {}, nullptr), 0u);
}

TEST(SketchReader, TheFirstHalfIsWholeWordsAndNoMoreThanAll) {
  for (const size_t dim : kDims) {
    const std::vector<int8_t> codes(dim, 1);
    const SearchRequest request{.query = codes};
    const Query query(request, {.dim = dim});
    const SketchReader reader(query, {.dim = dim});

    EXPECT_EQ(reader.half() % 64, 0u);
    EXPECT_GE(2 * reader.half(), dim - 1);
    EXPECT_LE(reader.half(), dim);
  }
}

// What the margins are made for: vectors of which a part is the query's and the rest has nothing
// to do with it. Of those just at the bound few may be missed, and by the first half alone fewer.
TEST(SketchReader, MissesFewOfThoseAtTheBound) {
  for (const size_t dim : kDims) {
    const uint64_t seed = 99 + dim;
    SCOPED_TRACE(testing::Message() << "dim " << dim << " seed " << seed);
    std::mt19937_64 random(seed);
    const SketchShape shape{.dim = dim};
    std::string row(shape.stride(), '\0');
    size_t missed = 0;
    size_t missed_by_half = 0;
    size_t far_kept = 0;
    constexpr size_t kRounds = 600;
    for (size_t round = 0; round < kRounds; ++round) {
      const auto codes = Normal(random, dim);
      const auto other = Normal(random, dim);
      std::vector<int8_t> near(dim);
      const int share = static_cast<int>(random() % 90);
      for (size_t i = 0; i < dim; ++i) {
        near[i] = static_cast<int8_t>((codes[i] * share + other[i] * (100 - share)) / 100);
      }
      const VectorView view = View({.dim = dim}, near);
      const HighNorm norm = NormOf(view);
      MakeSketch(shape, view, norm.inverse, row.data());
      const SearchRequest request{.query = codes};
      const Query query(request, {.dim = dim});
      SketchReader reader(query, shape);
      const double cosine = query.Score(Dot(codes.data(), near.data(), dim), view);
      uint32_t rows[] = {0};
      uint32_t ids[] = {0};

      const bool kept = reader.Keep(row.data(), query.SketchThreshold(cosine), rows, ids) == 1;

      missed += kept ? 0 : 1;
      int32_t sum = 0;
      BestKernel().sum_bits(codes.data(), row.data(), shape.stride(), rows, 1, dim, &sum);
      const float estimate = query.Estimate(sum, SketchScale(shape, row.data()));
      missed_by_half += !kept && estimate >= query.SketchThreshold(cosine) ? 1 : 0;
      // A bound of 8 errors above the cosine: it would be no use if these were kept.
      const double far = cosine + 8.0 * SketchError(dim);
      far_kept += far < 1 && reader.Keep(row.data(), query.SketchThreshold(far), rows, ids) == 1
                     ? 1
                     : 0;
    }
    EXPECT_LE(missed, kRounds * 6 / 100) << "one in thirty, by 1.8 errors";
    EXPECT_LE(missed_by_half, kRounds * 2 / 100);
    EXPECT_LE(far_kept, kRounds / 100);
  }
}

}  // namespace
}  // namespace larder::ann
