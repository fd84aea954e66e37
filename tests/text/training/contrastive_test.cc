// SPDX-License-Identifier: Apache-2.0
#include "text/training/contrastive.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace larder::text::internal {
namespace {

constexpr size_t kDim = 5;

std::vector<float> UnitVectors(std::mt19937_64& random, size_t count) {
  std::normal_distribution<float> normal;
  std::vector<float> vectors;
  for (size_t i = 0; i < count; ++i) {
    std::vector<float> v(kDim);
    float square = 0;
    for (float& x : v) {
      x = normal(random);
      square += x * x;
    }
    for (const float x : v) vectors.push_back(x / std::sqrt(square));
  }
  return vectors;
}

// The loss by its definition, in double.
double PlainLoss(const std::vector<float>& a, const std::vector<float>& b,
                 const std::vector<uint32_t>& subjects, double temperature) {
  const size_t n = subjects.size();
  const auto odds = [&](size_t i, size_t j) {
    double dot = 0;
    for (size_t d = 0; d < kDim; ++d) {
      dot += static_cast<double>(a[i * kDim + d]) * static_cast<double>(b[j * kDim + d]);
    }
    return subjects[i] == subjects[j] && i != j ? 0 : std::exp(dot / temperature);
  };
  double loss = 0;
  for (size_t i = 0; i < n; ++i) {
    double row = 0;
    double column = 0;
    for (size_t j = 0; j < n; ++j) {
      row += odds(i, j);
      column += odds(j, i);
    }
    loss -= (std::log(odds(i, i) / row) + std::log(odds(i, i) / column)) / 2;
  }
  return loss / static_cast<double>(n);
}

TEST(ContrastiveLoss, LossAndGradientEqualTheDefinition) {
  const uint64_t seed = 7;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  std::vector<float> a = UnitVectors(random, 9);
  std::vector<float> b = UnitVectors(random, 9);
  const std::vector<uint32_t> subjects = {0, 1, 2, 3, 1, 5, 6, 7, 8};  // two are of one subject
  constexpr float kTemperature = 0.2f;
  ContrastiveScratch scratch;
  std::vector<float> by_a(a.size());
  std::vector<float> by_b(b.size());

  const double loss =
      ContrastiveLoss({a, b, subjects, kDim}, kTemperature, scratch, by_a, by_b);

  EXPECT_NEAR(loss, PlainLoss(a, b, subjects, 0.2), 1e-5);
  constexpr float kStep = 1e-2f;
  for (std::vector<float>* side : {&a, &b}) {
    const std::vector<float>& gradient = side == &a ? by_a : by_b;
    for (size_t i = 0; i < side->size(); ++i) {
      const float at = (*side)[i];
      (*side)[i] = at + kStep;
      const double above = PlainLoss(a, b, subjects, 0.2);
      (*side)[i] = at - kStep;
      const double below = PlainLoss(a, b, subjects, 0.2);
      (*side)[i] = at;
      EXPECT_NEAR(gradient[i], (above - below) / (2 * kStep), 2e-3) << i;
    }
  }
}

TEST(ContrastiveLoss, PairsApartCostNothingAndStandStill) {
  // Four directions of five, each pair of one direction.
  std::vector<float> a(4 * kDim, 0.0f);
  for (size_t i = 0; i < 4; ++i) a[i * kDim + i] = 1;
  const std::vector<uint32_t> subjects = {0, 1, 2, 3};
  ContrastiveScratch scratch;
  std::vector<float> by_a(a.size());

  const double loss = ContrastiveLoss({a, a, subjects, kDim}, 0.03f, scratch, by_a, {});

  EXPECT_NEAR(loss, 0, 1e-9);
  for (const float x : by_a) EXPECT_NEAR(x, 0, 1e-6);
}

}  // namespace
}  // namespace larder::text::internal
