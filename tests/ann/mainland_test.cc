// SPDX-License-Identifier: Apache-2.0
#include "ann/internal/mainland.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

#include "ann/graph_base.h"
#include "ann/vector_index.h"
#include "tests/ann/ann_testing.h"

namespace larder::ann {
namespace {

using testing::ElementsAre;

constexpr uint32_t kNone = kNoNode;
constexpr uint32_t kDegree = 1;
constexpr size_t kWidth = 2 * kDegree;

TEST(Mainland, IsWhatTheFirstStartReaches) {
  // 0 → 1 → 2 → 0, and 3 → 1, to which nothing leads.
  const FaissGraph graph{.base_links = {1, kNone, 2, kNone, 0, kNone, 1, kNone}};
  const auto mainland = FindMainland(graph, kWidth, std::array{0u, 1u, 2u, 3u});

  ASSERT_TRUE(mainland.has_value());
  EXPECT_EQ(mainland->entry, 0u);
  EXPECT_THAT(mainland->nodes, ElementsAre(true, true, true, false));
}

TEST(Mainland, LeavesAStartOutThatLeadsToAnIslandOnly) {
  // 0 and 1 lead to each other only, though 2 leads to 0; 2, 3, 4, 5 are a ring.
  const FaissGraph graph{
      .base_links = {1, kNone, 0, kNone, 3, 0, 4, kNone, 5, kNone, 2, kNone}};
  const auto mainland = FindMainland(graph, kWidth, std::array{0u, 1u, 2u, 3u, 4u, 5u});

  ASSERT_TRUE(mainland.has_value());
  EXPECT_EQ(mainland->entry, 2u);
  EXPECT_THAT(mainland->nodes, ElementsAre(false, false, true, true, true, true));
}

TEST(Mainland, ThereIsNoneInPieces) {
  const FaissGraph pairs{.base_links = {1, kNone, 0, kNone, 3, kNone, 2, kNone}};
  EXPECT_FALSE(FindMainland(pairs, kWidth, std::array{0u, 1u, 2u, 3u}).has_value());
  EXPECT_FALSE(FindMainland(pairs, kWidth, {}).has_value());
}

TEST(Mainland, NoLinkLeadsFromItToTheOthers) {
  const Mainland mainland{.entry = 0, .nodes = {true, false, true}};
  // Level 1 has the nodes 0 and 1.
  FaissGraph graph{.base_links = {1, 2, 0, 2, 0, 1}, .upper_links = {1, 0}};
  Isolate(mainland, kDegree, std::array{3u, 2u}, graph);

  EXPECT_THAT(graph.base_links, ElementsAre(2, kNone, kNone, kNone, 0, kNone));
  EXPECT_THAT(graph.upper_links, ElementsAre(kNone, kNone));
}

// A brand is discontinued: of many tight clusters one goes but for a few, or all of them do. The
// links of the few led to what is gone.
TEST(Mainland, AFoldLosesNothingOfAClusterThatIsNearlyGone) {
  constexpr size_t kDim = 24;
  constexpr uint32_t kClusters = 12;
  constexpr uint32_t kCount = 250 * kClusters;
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    std::vector<std::vector<int8_t>> centres;
    for (uint32_t i = 0; i < kClusters; ++i) centres.push_back(RandomVector(random, kDim));
    std::vector<int8_t> codes;
    std::vector<uint32_t> ids;
    for (uint32_t id = 0; id < kCount; ++id) {
      ids.push_back(id);
      for (const int8_t x : centres[id % kClusters]) {
        codes.push_back(static_cast<int8_t>(
            std::clamp(x + static_cast<int>(random() % 13) - 6, -128, 127)));
      }
    }
    ASSERT_OK_AND_ASSIGN(const auto base,
                         BuildGraphBase({.shape = {.dim = kDim},
                                         .space = TestSpace(),
                                         .degree = 8,
                                         .ef_construction = 40},
                                        codes, TestKeys(ids)));
    // The cluster of the entry with odd seeds, so that there is another way in to be found.
    const uint32_t entry_id = IdOfTestKey(base->key(base->rows_of_node(base->entry_node()).begin));
    const uint32_t cluster = (entry_id + (seed % 2 == 1 ? 0 : 1)) % kClusters;
    Bitmap removed(base->row_count());
    for (uint32_t row = 0; row < base->row_count(); ++row) {
      const uint32_t id = IdOfTestKey(base->key(row));
      if (id % kClusters == cluster && (id == entry_id ? seed % 4 == 1 : random() % 50 != 0)) {
        removed.Set(row);
      }
    }
    ASSERT_OK_AND_ASSIGN(const auto folded, FoldGraphBase(*base, removed, {}, {}));

    const VectorIndex index = IndexOver(folded);
    size_t of_cluster = 0;
    for (const uint32_t id : IdsOfRows(*folded)) {
      if (id % kClusters != cluster) continue;
      ++of_cluster;
      const SearchRequest request{.query = std::span(codes).subspan(id * kDim, kDim),
                                  .space = TestSpace(),
                                  .k = 1,
                                  .plan = Plan::kGraph};
      ASSERT_OK_AND_ASSIGN(const SearchResult result, index.Search(request));
      ASSERT_EQ(result.hits.size(), 1u);
      EXPECT_GT(result.hits[0].score, 0.99999) << id << " was not found";
    }
    EXPECT_GT(of_cluster, 0u);
    EXPECT_LT(of_cluster, 25u);
  }
}

}  // namespace
}  // namespace larder::ann
