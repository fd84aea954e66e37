// SPDX-License-Identifier: Apache-2.0
#include "text/evaluation/figures.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace larder::text::internal {
namespace {

TEST(RetrievalOf, CountsPlaces) {
  const std::vector<size_t> ranks = {0, 1, 9, 10};

  const Retrieval result = RetrievalOf(ranks);

  EXPECT_DOUBLE_EQ(result.at_1, 0.25);
  EXPECT_DOUBLE_EQ(result.at_10, 0.75);
  EXPECT_DOUBLE_EQ(result.mrr_10, (1 + 0.5 + 0.1) / 4);
  EXPECT_EQ(RetrievalOf({}).at_1, 0);
}

TEST(Spearman, OfOrdersAndTies) {
  const std::vector<double> a = {1, 2, 3, 4};
  EXPECT_DOUBLE_EQ(Spearman(a, std::vector<double>{10, 20, 30, 1000}), 1);
  EXPECT_DOUBLE_EQ(Spearman(a, std::vector<double>{9, 8, 7, 6}), -1);
  // Ranks 0, 1.5, 1.5, 3 against 0, 1, 2, 3: covariance 4.5, variances 4.5 and 5.
  EXPECT_NEAR(Spearman(a, std::vector<double>{1, 2, 2, 3}), 4.5 / std::sqrt(4.5 * 5), 1e-12);
  EXPECT_EQ(Spearman(a, std::vector<double>{1, 1, 1, 1}), 0);
}

TEST(BootstrapMean, HoldsTheMeanAndNarrowsWithGroups) {
  std::vector<double> values;
  std::vector<uint32_t> few;
  std::vector<uint32_t> many;
  for (uint32_t i = 0; i < 1'000; ++i) {
    values.push_back(i / 100 % 2);  // alike within a group of a hundred
    few.push_back(i / 100);
    many.push_back(i);
  }

  const Interval wide = BootstrapMean(values, few, 3);
  const Interval narrow = BootstrapMean(values, many, 3);

  EXPECT_LT(wide.low, 0.5);
  EXPECT_GT(wide.high, 0.5);
  EXPECT_NEAR(narrow.high - narrow.low, 2 * 1.96 * 0.5 / std::sqrt(1000.0), 0.01);
  EXPECT_GT(wide.high - wide.low, 3 * (narrow.high - narrow.low));
}

TEST(BootstrapMean, IsSeededAndExactForOneGroup) {
  const std::vector<double> values = {1, 2, 4, 8};
  const std::vector<uint32_t> groups = {0, 1, 2, 3};
  const std::vector<uint32_t> one(4, 7);

  const Interval a = BootstrapMean(values, groups, 1);
  const Interval b = BootstrapMean(values, groups, 1);
  const Interval fixed = BootstrapMean(values, one, 1);

  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
  EXPECT_DOUBLE_EQ(fixed.low, 3.75);
  EXPECT_DOUBLE_EQ(fixed.high, 3.75);
}

}  // namespace
}  // namespace larder::text::internal
