// SPDX-License-Identifier: Apache-2.0
#include "ann/recall.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <vector>

#include "tests/ann/ann_testing.h"

namespace larder::ann {
namespace {

using testing::HasSubstr;

TEST(Recall, CountsHitsThatReachTheLastExactScore) {
  const std::vector<Hit> exact = {{1, 0.9}, {2, 0.8}, {3, 0.7}, {4, 0.7}};

  EXPECT_EQ(Recall(exact, exact), 1.0);
  EXPECT_EQ(Recall(std::vector<Hit>{{1, 0.9}, {9, 0.7}, {8, 0.6}}, exact), 0.5);
  EXPECT_EQ(Recall({}, exact), 0.0);
}

TEST(Recall, IsOneWhenThereIsNothingToFind) {
  EXPECT_EQ(Recall({}, {}), 1.0);
}

TEST(Recall, MoreHitsThanExactDoNotExceedOne) {
  EXPECT_EQ(Recall(std::vector<Hit>{{1, 0.9}, {2, 0.9}}, std::vector<Hit>{{1, 0.9}}), 1.0);
}

TEST(Recall, OfAnEmptyIndexIsOneOverNoQueries) {
  const VectorIndex index({.shape = {.dim = 4}, .space = TestSpace()});

  EXPECT_THAT(DrawIds(index, 3, 1), testing::IsEmpty());
  ASSERT_OK_AND_ASSIGN(const RecallReport report, MeasureRecall(index, {}));
  EXPECT_EQ(report.queries, 0u);
  EXPECT_EQ(report.mean, 1.0);
}

TEST(Recall, LeavesOutIdsThatHaveNoVector) {
  VectorIndex index({.shape = {.dim = 2}, .space = TestSpace()});
  ASSERT_OK(index.Upsert(4, std::vector<int8_t>{1, 2}));
  ASSERT_OK(index.Upsert(7, std::vector<int8_t>{2, 1}));

  EXPECT_THAT(DrawIds(index, 20, 1), testing::Each(testing::AnyOf(4u, 7u)));
  ASSERT_OK_AND_ASSIGN(const RecallReport report,
                       MeasureRecall(index, std::vector<uint32_t>{4, 5, 7, 4}));
  EXPECT_EQ(report.queries, 3u);
  EXPECT_EQ(report.mean, 1.0);
}

TEST(Recall, PassesErrorsOfTheSearchOn) {
  VectorIndex index({.shape = {.dim = 2}, .space = TestSpace()});
  ASSERT_OK(index.Upsert(0, std::vector<int8_t>{1, 2}));

  EXPECT_THAT(MeasureRecall(index, std::vector<uint32_t>{0}, {.k = 0}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("k is 0")));
}

TEST(Recall, OfTheGraphAtDefaultEffortIsHigh) {
  constexpr size_t kDim = 128;
  constexpr uint32_t kCount = 9'000;
  const auto vectors = ClusteredVectors(77, kCount, kDim, 300);
  VectorIndex index({.shape = {.dim = kDim}, .space = TestSpace()});
  for (uint32_t id = 0; id < kCount; ++id) {
    ASSERT_OK(index.Upsert(id, std::span(vectors).subspan(id * kDim, kDim)));
  }
  const VectorIndex::Snapshot snapshot = index.TakeSnapshot();
  ASSERT_OK_AND_ASSIGN(const auto base,
                       BuildGraphBase({.shape = {.dim = kDim}, .space = TestSpace()},
                                      snapshot.codes, TestKeys(snapshot.ids)));
  ASSERT_OK(index.InstallBase(base, IdsOfRows(*base)));

  ASSERT_OK_AND_ASSIGN(
      const RecallReport report,
      MeasureRecall(index, DrawIds(index, 100, 1), {.plan = Plan::kGraph}));

  std::cout << "recall@10 " << report.mean << ", worst " << report.worst << '\n';
  EXPECT_EQ(report.queries, 100u);
  EXPECT_GE(report.mean, 0.97);
}

}  // namespace
}  // namespace larder::ann
