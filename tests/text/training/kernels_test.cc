// SPDX-License-Identifier: Apache-2.0
#include "text/training/kernels.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

namespace larder::text::internal {
namespace {

std::vector<float> Draw(std::mt19937_64& random, size_t n) {
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& x : values) x = normal(random);
  return values;
}

TEST(Kernels, ProductsEqualPlainSums) {
  const uint64_t seed = 3;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  // Sizes on both sides of the tiles' and the panels'.
  const std::array<std::array<size_t, 3>, 6> shapes = {
      {{1, 1, 1}, {13, 45, 300}, {96, 32, 256}, {97, 513, 257}, {5, 16, 3}, {12, 7, 1}}};
  for (const auto& [rows, columns, inner] : shapes) {
    const std::vector<float> a = Draw(random, rows * inner);
    const std::vector<float> b = Draw(random, columns * inner);
    std::vector<float> out(rows * (columns + 2), -7.0f);

    // b is stored by columns, and rows of the result have two floats between them.
    Multiply({a.data(), inner, 1}, {b.data(), 1, inner}, rows, columns, inner, out.data(),
             columns + 2);

    for (size_t i = 0; i < rows; ++i) {
      for (size_t j = 0; j < columns; ++j) {
        double sum = 0;
        for (size_t k = 0; k < inner; ++k) {
          sum += static_cast<double>(a[i * inner + k]) * static_cast<double>(b[j * inner + k]);
        }
        ASSERT_NEAR(out[i * (columns + 2) + j], sum, 1e-3) << rows << " " << columns;
      }
      EXPECT_EQ(out[i * (columns + 2) + columns], -7.0f);
    }
  }
}

TEST(Kernels, AnElementIsTheSameInEveryGroupOfRows) {
  std::mt19937_64 random(4);
  const std::vector<float> a = Draw(random, 100 * 300);
  const std::vector<float> b = Draw(random, 300 * 70);
  std::vector<float> whole(100 * 70);
  std::vector<float> parts(100 * 70);
  const MatrixView left{a.data(), 300, 1};
  const MatrixView right{b.data(), 70, 1};

  Multiply(left, right, 100, 70, 300, whole.data(), 70);
  for (size_t row = 0; row < 100; row += 7) {
    Multiply(left.Rows(row), right, std::min<size_t>(7, 100 - row), 70, 300,
             parts.data() + row * 70, 70);
  }

  EXPECT_EQ(whole, parts);
}

TEST(Kernels, SumsAndDots) {
  std::mt19937_64 random(5);
  for (const size_t n : {1u, 15u, 16u, 33u, 256u}) {
    const std::vector<float> a = Draw(random, n);
    std::vector<float> b = Draw(random, n);
    double dot = 0;
    for (size_t i = 0; i < n; ++i) dot += static_cast<double>(a[i]) * static_cast<double>(b[i]);

    EXPECT_NEAR(DotFloat(a.data(), b.data(), n), dot, 1e-4);
    const std::vector<float> before = b;
    AddScaled(0.5f, a.data(), n, b.data());

    for (size_t i = 0; i < n; ++i) EXPECT_NEAR(b[i], before[i] + 0.5f * a[i], 1e-6);
  }
}

}  // namespace
}  // namespace larder::text::internal
