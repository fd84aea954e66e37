// SPDX-License-Identifier: Apache-2.0
// Random histories of an index against a map of vectors, and readers beside a writer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "ann/vector_index.h"
#include "base/sync.h"
#include "tests/ann/ann_testing.h"

namespace larder::ann {
namespace {

constexpr size_t kDim = 9;

class History {
 public:
  History(uint64_t seed, const CodeShape& shape)
      : random_(seed),
        shape_(shape),
        index_({.shape = shape, .space = TestSpace()}),
        reference_(shape) {}

  void Step() {
    const auto id = static_cast<uint32_t>(random_() % 300);
    const uint64_t what = random_() % 100;
    if (what < 60) {
      const auto v = random_() % 2 == 0 ? CoarseVector() : RandomVector(random_, shape_.size());
      EXPECT_OK(index_.Upsert(id, v));
      reference_.Upsert(id, v);
    } else if (what < 90) {
      index_.Remove(id);
      reference_.Remove(id);
    } else if (what < 92) {
      snapshot_ = index_.TakeSnapshot();
    } else if (what < 93) {
      InstallFromSnapshot();
    } else {
      CompareSearch();
    }
  }

  void CompareAll() {
    size_t live = 0;
    for (uint32_t id = 0; id < 300; ++id) {
      const auto found = reference_.vectors().find(id);
      const bool exists = found != reference_.vectors().end() && NormOfCodes(found->second) != 0;
      live += exists ? 1 : 0;
      if (exists) {
        ASSERT_THAT(index_.Find(id).Codes(), testing::ElementsAreArray(found->second));
      } else {
        ASSERT_TRUE(index_.Find(id).empty());
      }
    }
    EXPECT_EQ(index_.size(), live);
    const auto stats = index_.GetStats();
    EXPECT_EQ(stats.base_rows - stats.masked_rows + stats.delta_size, live);
  }

  void CompareSearch() {
    const auto query = CoarseVector();
    if (NormOfCodes(query) == 0) return;
    SearchRequest request{.query = query, .space = TestSpace(), .k = 1 + random_() % 320,
                          .exact = true};
    Bitmap filter(300);
    for (uint32_t id = 0; id < 300; ++id) {
      if (random_() % 3 == 0) filter.Set(id);
    }
    if (random_() % 2 == 0) request.filter = &filter;
    const std::vector<uint32_t> exclude = {3, 50, 200};
    if (random_() % 2 == 0) request.exclude = exclude;

    const auto result = index_.Search(request);

    ASSERT_OK(result);
    const std::vector<Hit> expected = reference_.Search(request);
    ASSERT_EQ(result->hits.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(result->hits[i].id, expected[i].id) << i;
      ASSERT_DOUBLE_EQ(result->hits[i].score, expected[i].score) << i;
    }
    // The graph may miss neighbours but never gives fewer than there are, nor a dead one.
    request.exact = false;
    request.k = 1 + random_() % 3;
    request.exclude = {};
    request.effort = 3;
    request.plan = Plan::kGraph;
    const auto walked = index_.Search(request);
    ASSERT_OK(walked);
    ASSERT_EQ(walked->hits.size(), std::min(request.k, reference_.Search(request).size()));
    for (const Hit& hit : walked->hits) ASSERT_FALSE(index_.Find(hit.id).empty());
  }

 private:
  void InstallFromSnapshot() {
    if (snapshot_.ids.empty()) return;
    const auto base = BuildFromSnapshot(snapshot_, shape_, 16);
    ASSERT_OK(base);
    auto ids = IdsOfRows(**base);
    for (uint32_t& id : ids) {
      if (random_() % 10 == 0) id = kNoId;
    }
    ASSERT_OK(index_.InstallBase(*base, ids));
  }

  // Small components, so that equal vectors and equal scores are common.
  std::vector<int8_t> CoarseVector() {
    std::vector<int8_t> v(shape_.size());
    for (int8_t& x : v) x = static_cast<int8_t>(static_cast<int>(random_() % 3) - 1);
    return v;
  }

  std::mt19937_64 random_;
  CodeShape shape_;
  VectorIndex index_;
  ReferenceIndex reference_;
  VectorIndex::Snapshot snapshot_;
};

TEST(VectorIndexProperty, RandomHistoriesMatchTheReference) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    History history(seed, seed % 2 == 0 ? CodeShape{.dim = kDim}
                                        : CodeShape{.dim = kDim, .has_low = true});
    for (int i = 0; i < 3000; ++i) {
      history.Step();
      if (i % 100 == 0) history.CompareAll();
      if (testing::Test::HasFatalFailure()) return;
    }
    history.CompareAll();
  }
}

TEST(VectorIndexProperty, ReadersSearchWhileAWriterWritesAndInstalls) {
  constexpr uint32_t kIds = 2000;
  const auto vectors = ClusteredVectors(4, kIds, kDim, 30);
  const auto vector = [&](uint32_t id) { return std::span(vectors).subspan(id * kDim, kDim); };
  SharedMutex mutex;
  VectorIndex index({.shape = {.dim = kDim}, .space = TestSpace()});
  for (uint32_t id = 0; id < kIds; ++id) ASSERT_OK(index.Upsert(id, vector(id)));
  std::atomic<bool> done{false};
  std::atomic<size_t> searches{0};

  const auto read = [&](uint64_t seed) {
    std::mt19937_64 random(seed);
    while (!done) {
      const auto id = static_cast<uint32_t>(random() % kIds);
      ReaderLock lock(mutex);
      const auto result =
          index.Search({.query = vector(id), .space = TestSpace(), .k = 5, .effort = 20});
      ASSERT_OK(result);
      ASSERT_EQ(result->hits.size(), 5u);
      for (const Hit& hit : result->hits) ASSERT_FALSE(index.Find(hit.id).empty());
      ++searches;
    }
  };
  {
    std::jthread first(read, 1);
    std::jthread second(read, 2);
    std::mt19937_64 random(3);
    for (int round = 0; round < 3; ++round) {
      VectorIndex::Snapshot snapshot;
      {
        ReaderLock lock(mutex);
        snapshot = index.TakeSnapshot();
      }
      const auto base = BuildFromSnapshot(snapshot, CodeShape{.dim = kDim}, 16);
      ASSERT_OK(base);
      for (int i = 0; i < 500; ++i) {
        const auto id = static_cast<uint32_t>(random() % kIds);
        WriterLock lock(mutex);
        if (random() % 3 == 0) {
          index.Remove(id);
        } else {
          ASSERT_OK(index.Upsert(id, vector(static_cast<uint32_t>(random() % kIds))));
        }
      }
      WriterLock lock(mutex);
      ASSERT_OK(index.InstallBase(*base, IdsOfRows(**base)));
    }
    done = true;
  }
  EXPECT_GT(searches, 0u);
}

}  // namespace
}  // namespace larder::ann
