// SPDX-License-Identifier: Apache-2.0
#include "base/fixed_point.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace larder {
namespace {

using testing::Each;
using testing::ElementsAre;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(FixedPoint, TheLargestMagnitudeBecomes127WithoutALowHalf) {
  EXPECT_THAT(ToFixedPoint(std::vector<float>{0, 2, -4}), ElementsAre(0, 64, -127, 0, -128, 0));
  EXPECT_THAT(ToFixedPoint(std::vector<float>{-1e-30F}), ElementsAre(-127, 0));
  EXPECT_THAT(ToFixedPoint(std::vector<float>{1e38F, -1e38F}), ElementsAre(127, -127, 0, 0));
}

TEST(FixedPoint, WhatIsNotFiniteCountsAsZero) {
  EXPECT_THAT(ToFixedPoint(std::vector<float>{kInf, 1, kNan, -kInf}),
              ElementsAre(0, 127, 0, 0, 0, 0, 0, 0));
  EXPECT_THAT(ToFixedPoint(std::vector<float>{kNan, 0}), Each(0));
  EXPECT_TRUE(ToFixedPoint({}).empty());
}

TEST(FixedPoint, HalvesAddUpToTheRoundedComponentWithinHalfAUnit) {
  std::mt19937_64 random(3);
  std::normal_distribution<float> normal;
  for (int round = 0; round < 200; ++round) {
    std::vector<float> values(1 + random() % 100);
    float largest = 0;
    for (float& value : values) largest = std::max(largest, std::abs(value = normal(random)));

    const std::vector<int8_t> halves = ToFixedPoint(values);

    ASSERT_EQ(halves.size(), 2 * values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_GE(halves[i], -127);
      EXPECT_NEAR(256 * halves[i] + halves[values.size() + i],
                  double{values[i]} / largest * 127 * 256, 0.5 + 1e-6);
    }
  }
}

}  // namespace
}  // namespace larder
