// SPDX-License-Identifier: Apache-2.0
#include "ann/codes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "base/fixed_point.h"
#include "tests/ann/ann_testing.h"

namespace larder::ann {
namespace {

CodeShape Int8(size_t dim) { return {.dim = dim}; }
CodeShape Float(size_t dim) { return {.dim = dim, .has_low = true}; }

// The slow obvious oracle: components put together again.
int64_t SlowDot(const VectorView& a, const VectorView& b) {
  const auto component = [](const VectorView& v, size_t i) -> int64_t {
    return v.low.empty() ? v.high[i] : 256 * int64_t{v.high[i]} + v.low[i];
  };
  int64_t sum = 0;
  for (size_t i = 0; i < a.high.size(); ++i) sum += component(a, i) * component(b, i);
  return sum;
}

// A few large components among many small ones, as encoders make them.
std::vector<float> RandomFloats(std::mt19937_64& random, size_t dim) {
  std::normal_distribution<float> normal;
  std::vector<float> v(dim);
  for (float& x : v) x = normal(random) * (random() % 8 == 0 ? 10.0F : 1.0F);
  return v;
}

TEST(Codes, DotProductsAreExact) {
  std::mt19937_64 random(5);
  for (const size_t dim : {1u, 2u, 15u, 64u, 100u, 384u, 4096u}) {
    for (const CodeShape& shape : {Int8(dim), Float(dim)}) {
      const auto a = RandomVector(random, shape.size());
      const auto b = RandomVector(random, shape.size());
      EXPECT_EQ(Dot(View(shape, a), View(shape, b)), SlowDot(View(shape, a), View(shape, b)))
          << dim;
      const std::vector<int8_t> lowest(shape.size(), -128);
      EXPECT_EQ(SquaredNorm(View(shape, lowest)),
                SlowDot(View(shape, lowest), View(shape, lowest)));
    }
  }
}

TEST(Codes, CosineOfAVectorWithItselfIsExactlyOneAndNeverExceedsIt) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 1000; ++i) {
    const CodeShape shape = i % 2 == 0 ? Int8(1 + random() % 300) : Float(1 + random() % 300);
    const auto a = RandomVector(random, shape.size());
    const int64_t norm = SquaredNorm(View(shape, a));
    if (norm == 0) continue;
    EXPECT_EQ(Cosine(norm, norm, norm), 1.0);
    EXPECT_EQ(Cosine(-norm, norm, norm), -1.0);
  }
  EXPECT_DOUBLE_EQ(Cosine(3, 9, 4), 0.5);
}

TEST(Codes, TheEstimateOfHighHalvesStaysWithinItsMargin) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 2000; ++i) {
    const size_t dim = 1 + random() % 400;
    const CodeShape shape = i % 4 == 0 ? Int8(dim) : Float(dim);
    const auto codes = [&] {
      if (!shape.has_low) return RandomVector(random, dim);
      return ToFixedPoint(RandomFloats(random, dim));
    };
    const auto codes_a = codes();
    const auto codes_b = codes();
    const VectorView a = View(shape, codes_a);
    const VectorView b = View(shape, codes_b);
    if (SquaredNorm(a) == 0 || SquaredNorm(b) == 0) continue;
    const HighNorm norm_a = NormOf(a);
    const HighNorm norm_b = NormOf(b);
    const float estimate = static_cast<float>(Dot(a.high.data(), b.high.data(), dim)) *
                           norm_a.inverse * norm_b.inverse;
    const double cosine = Cosine(Dot(a, b), SquaredNorm(a), SquaredNorm(b));

    EXPECT_NEAR(estimate, cosine, Margin(norm_a.slack, norm_b.slack)) << i << " dim " << dim;
  }
}

TEST(Codes, FloatVectorsKeepTheirCosine) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 200; ++i) {
    const auto a = RandomFloats(random, 384);
    const auto b = RandomFloats(random, 384);
    double dot = 0, aa = 0, bb = 0;
    for (size_t j = 0; j < a.size(); ++j) {
      dot += double{a[j]} * b[j];
      aa += double{a[j]} * a[j];
      bb += double{b[j]} * b[j];
    }
    const auto codes_a = ToFixedPoint(a);
    const auto codes_b = ToFixedPoint(b);
    const VectorView va = View(Float(384), codes_a);
    const VectorView vb = View(Float(384), codes_b);
    EXPECT_NEAR(Cosine(Dot(va, vb), SquaredNorm(va), SquaredNorm(vb)), dot / std::sqrt(aa * bb),
                2e-5);
  }
}

TEST(Codes, ViewsAreEqualWhenBothHalvesAre) {
  const std::vector<int8_t> codes = {1, 2, 3, 4};
  std::vector<int8_t> other = codes;
  EXPECT_TRUE(View(Float(2), codes) == View(Float(2), other));
  EXPECT_EQ(View(Float(2), codes).Codes(), codes);
  other[3] = 5;
  EXPECT_FALSE(View(Float(2), codes) == View(Float(2), other));
  EXPECT_TRUE(VectorView{}.empty());
}

}  // namespace
}  // namespace larder::ann
