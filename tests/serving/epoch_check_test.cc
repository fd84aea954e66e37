// SPDX-License-Identifier: Apache-2.0
#include "serving/epoch_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/serving/serving_world.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

constexpr uint32_t kDim = 8;
constexpr uint32_t kIds = 50;
constexpr EpochBounds kAnything{.min_recall = 0, .min_overlap = 0};

// An old epoch with a vector for each of kIds ids, and a new one that each test fills.
class EpochCheckTest : public testing::Test {
 protected:
  EpochCheckTest() {
    std::mt19937_64 random(5);
    for (const Digest& digest : {old_, fresh_}) {
      registry::VectorFeature feature;
      feature.digest = feature.space = digest;
      feature.name = "text_of.vec";
      feature.entity = "item";
      feature.dimensions = kDim;
      world_.indexes.AddVectorFeature(feature);
    }
    for (uint32_t id = 0; id < kIds; ++id) {
      vectors_.push_back(Random(random));
      world_.indexes.SetVector(old_, id, vectors_.back());
    }
  }

  static std::vector<int8_t> Random(std::mt19937_64& random) {
    std::vector<int8_t> vector(kDim);
    for (int8_t& code : vector) code = static_cast<int8_t>(random());
    return vector;
  }
  // The new epoch has for `id` what the old one has for `like`.
  void Set(uint32_t id, uint32_t like) { world_.indexes.SetVector(fresh_, id, vectors_[like]); }

  EpochCheck Compare(const EpochBounds& bounds, uint32_t ids = kIds) {
    EpochComparison comparison({*world_.store, world_.indexes}, fresh_, old_);
    for (uint32_t id = 0; id < ids; ++id) EXPECT_OK(comparison.Add(id));
    return comparison.Finish(bounds);
  }

  ServingWorld world_;
  const Digest old_ = Sha256("old");
  const Digest fresh_ = Sha256("fresh");
  std::vector<std::vector<int8_t>> vectors_;
};

TEST_F(EpochCheckTest, TheSameVectorsPassAllBounds) {
  for (uint32_t id = 0; id < kIds; ++id) Set(id, id);

  const EpochCheck check = Compare({.min_recall = 1, .min_overlap = 1});

  EXPECT_EQ(check.queries, kIds);
  EXPECT_EQ(check.coverage, 1);
  EXPECT_EQ(check.recall_at_10, 1);
  EXPECT_EQ(check.overlap_at_10, 1);
  EXPECT_EQ(check.refusal, "");
}

TEST_F(EpochCheckTest, RefusesOneThatHasNoVectorForManyKeys) {
  for (uint32_t id = 0; id < kIds - 6; ++id) Set(id, id);

  const EpochCheck check = Compare(kAnything);

  EXPECT_EQ(check.queries, kIds);
  EXPECT_EQ(check.coverage, 0.88);
  EXPECT_EQ(check.refusal,
            "it has a vector for 0.88 of the keys that have one now, expected 0.9 or more");
  Set(kIds - 6, kIds - 6);
  EXPECT_EQ(Compare(kAnything).coverage, 0.9);
  EXPECT_EQ(Compare(kAnything).refusal, "");
}

TEST_F(EpochCheckTest, RefusesOneThatKeepsFewNeighbours) {
  for (uint32_t id = 0; id < kIds; ++id) Set(id, (id * 7 + 3) % kIds);

  const EpochCheck check = Compare({.min_recall = 0, .min_overlap = 0.9});

  EXPECT_GT(check.overlap_at_10, 0);
  EXPECT_LT(check.overlap_at_10, 0.5) << "by chance a fifth of the ids are near";
  EXPECT_EQ(check.refusal, Concat("it keeps ", check.overlap_at_10,
                                  " of the 10 nearest neighbours that keys have now, expected 0.9 "
                                  "or more"));
  EXPECT_EQ(Compare({.min_recall = 0, .min_overlap = check.overlap_at_10}).refusal, "");
}

// A bound that no index reaches: so small a one is scanned, and finds all.
TEST_F(EpochCheckTest, RefusesOneThatSearchesBadly) {
  for (uint32_t id = 0; id < kIds; ++id) Set(id, id);

  EXPECT_EQ(Compare({.min_recall = 1.01, .min_overlap = 0}).refusal,
            "recall@10 is 1, expected 1.01 or more");
}

// A key without a vector in the new epoch keeps none of its neighbours, but is no bad search.
TEST_F(EpochCheckTest, AMissingVectorCountsForTheOverlapAndNotForTheRecall) {
  for (uint32_t id = 0; id < kIds; ++id) Set(id, id);
  const EpochCheck all = Compare(kAnything);
  world_.indexes.SetVector(fresh_, 0, {});

  const EpochCheck check = Compare(kAnything);

  EXPECT_EQ(check.recall_at_10, 1);
  EXPECT_LE(check.overlap_at_10, all.overlap_at_10 - 1.0 / kIds);
  EXPECT_EQ(check.coverage, 1 - 1.0 / kIds);
}

TEST_F(EpochCheckTest, AKeyThatIsGoneMeanwhileIsNotAsked) {
  for (uint32_t id = 0; id < kIds; ++id) Set(id, id);
  world_.indexes.SetVector(old_, 0, {});
  EXPECT_EQ(Compare(kAnything).queries, kIds - 1);
  EXPECT_EQ(Compare(kAnything, 0).queries, 0U);
  EXPECT_EQ(Compare({}, 0).refusal, "") << "nothing speaks against it";
}

}  // namespace
}  // namespace larder::serving
