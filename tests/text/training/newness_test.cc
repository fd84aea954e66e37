// SPDX-License-Identifier: Apache-2.0
#include "text/training/newness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace larder::text::internal {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;

TEST(Newness, GrowsFromTheOldestToTheNewest) {
  std::vector<TimeUs> times(1'000);
  std::iota(times.rbegin(), times.rend(), TimeUs{-300});

  const std::vector<double> weights = NewnessWeights(times);

  EXPECT_TRUE(std::is_sorted(weights.rbegin(), weights.rend()));
  EXPECT_NEAR(weights.front() / weights.back(), std::exp(1.0), 0.01);
  EXPECT_NEAR(std::accumulate(weights.begin(), weights.end(), 0.0), 1'000, 1e-9);
}

TEST(Newness, EqualTimesAreAlike) {
  const std::vector<double> weights = NewnessWeights(std::vector<TimeUs>{7, 3, 7, 7, 3});

  EXPECT_EQ(weights[0], weights[2]);
  EXPECT_EQ(weights[0], weights[3]);
  EXPECT_EQ(weights[1], weights[4]);
  EXPECT_GT(weights[0], weights[1]);
  EXPECT_THAT(NewnessWeights(std::vector<TimeUs>(9, 0)), Each(DoubleNear(1, 1e-12)));
}

TEST(Newness, NothingHasNoWeights) {
  Random random(1);
  EXPECT_TRUE(NewnessWeights({}).empty());
  EXPECT_TRUE(DrawByWeight({}, random).empty());
}

TEST(DrawByWeight, WeightsOfOneAreDrawnOnceEach) {
  Random random(1);
  EXPECT_THAT(DrawByWeight(std::vector<double>(4, 1.0), random), ElementsAre(0, 1, 2, 3));
}

TEST(DrawByWeight, DrawsAsOftenAsTheWeightsSay) {
  Random random(5);
  std::vector<double> weights(101, 0.5);
  std::fill(weights.begin(), weights.begin() + 20, 3.0);
  const double mean = std::accumulate(weights.begin(), weights.end(), 0.0) / 101;
  for (double& weight : weights) weight /= mean;
  std::vector<double> drawn(weights.size());

  constexpr int kRounds = 2'000;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<int> times(weights.size());
    const auto numbers = DrawByWeight(weights, random);
    ASSERT_EQ(numbers.size(), weights.size());
    for (const uint32_t i : numbers) ++times[i];
    for (size_t i = 0; i < weights.size(); ++i) {
      ASSERT_LT(std::abs(times[i] - weights[i]), 1 + 1e-9);
      drawn[i] += times[i];
    }
  }

  for (size_t i = 0; i < weights.size(); ++i) {
    EXPECT_NEAR(drawn[i] / kRounds, weights[i], 0.06) << i;
  }
}

}  // namespace
}  // namespace larder::text::internal
