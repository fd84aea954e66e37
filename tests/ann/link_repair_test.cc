// SPDX-License-Identifier: Apache-2.0
#include "ann/internal/link_repair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numbers>
#include <numeric>
#include <random>
#include <set>
#include <span>
#include <vector>

#include "tests/ann/ann_testing.h"
#include "tests/ann/graph_forging.h"

namespace larder::ann {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint32_t kLinks = 2 * kMinDegree;

// Nodes on a circle, at these degrees, linked as given on their one level.
std::shared_ptr<const GraphBase> Circle(const std::vector<double>& degrees,
                                        const std::map<uint32_t, std::vector<uint32_t>>& links) {
  std::vector<int8_t> codes;
  std::vector<uint32_t> ids;
  for (const double degree : degrees) {
    const double angle = degree / 180 * std::numbers::pi;
    codes.push_back(static_cast<int8_t>(std::lround(127 * std::cos(angle))));
    codes.push_back(static_cast<int8_t>(std::lround(127 * std::sin(angle))));
    ids.push_back(static_cast<uint32_t>(ids.size()));
  }
  const GraphOptions options{
      .shape = {.dim = 2}, .space = TestSpace(), .degree = kMinDegree, .ef_construction = 8};
  auto parts = GraphParts::Of((*BuildGraphBase(options, codes, TestKeys(ids)))->bytes());
  parts->header.level_count = 1;
  std::fill(parts->header.nodes_at_level.begin() + 1, parts->header.nodes_at_level.end(), 0u);
  parts->upper_links.clear();
  parts->vectors = codes;
  std::fill(parts->base_links.begin(), parts->base_links.end(), kNoNode);
  for (const auto& [node, row] : links) {
    std::copy(row.begin(), row.end(), parts->base_links.begin() + node * kLinks);
  }
  parts->Fit();
  parts->Heal();
  return *GraphBase::FromBytes(parts->File(), "circle");
}

std::vector<bool> Gone(size_t count, const std::set<uint32_t>& nodes) {
  std::vector<bool> gone(count);
  for (const uint32_t node : nodes) gone[node] = true;
  return gone;
}

std::vector<uint32_t> LinksOf(const GraphBase& graph, uint32_t level, uint32_t node) {
  std::vector<uint32_t> links;
  for (const uint32_t link : graph.links(level, node)) {
    if (link == kNoNode) break;
    links.push_back(link);
  }
  return links;
}

TEST(LinkRepair, LeavesANodeThatLosesNothingAsItIs) {
  const auto graph = Circle({0, 10, 20, 30}, {{0, {2, 1}}, {3, {2, 0}}});
  const auto gone = Gone(4, {3});
  LinkRepair repair(*graph, gone);

  EXPECT_THAT(repair.Links(0, 0), ElementsAre(2, 1));
  EXPECT_THAT(repair.Links(0, 1), IsEmpty());
}

TEST(LinkRepair, PutsWhatALostNodeWasLinkedToInItsPlace) {
  // 0 — 1 — 2: without 1 there would be no way from 0 to 2. Nothing comes of 1's link to 0 itself.
  const auto graph = Circle({0, 30, 60, 300}, {{0, {1, 3}}, {1, {0, 2}}});
  const auto gone = Gone(4, {1});

  EXPECT_THAT(LinkRepair(*graph, gone).Links(0, 0), ElementsAre(3, 2));
}

TEST(LinkRepair, TakesTheNearestFirstAndNoneThatIsNearerToOneTaken) {
  // Beyond 1 are 2 and 3, to the same side: 3 is nearer to 2 than to 0. 4 is on the other side.
  const auto graph = Circle({0, 10, 25, 40, 330}, {{0, {1}}, {1, {3, 4, 2}}});
  const auto gone = Gone(5, {1});

  EXPECT_THAT(LinkRepair(*graph, gone).Links(0, 0), ElementsAre(2, 4));
}

TEST(LinkRepair, TakesOthersUpToWhatTheNodeHad) {
  // 3 and 4 are nearer to 2, which is left, than to 0.
  const auto graph = Circle({0, 10, 25, 40, 55}, {{0, {2, 1}}, {1, {4, 3}}});
  const auto gone = Gone(5, {1});

  EXPECT_THAT(LinkRepair(*graph, gone).Links(0, 0), ElementsAre(2, 3));
}

TEST(LinkRepair, GoesNoFurtherThanOneLostNode) {
  // 1 and 2 are gone, and 3 is beyond both of them.
  const auto graph = Circle({0, 10, 20, 30}, {{0, {1}}, {1, {2}}, {2, {3}}});
  const auto gone = Gone(4, {1, 2});

  EXPECT_THAT(LinkRepair(*graph, gone).Links(0, 0), IsEmpty());
}

// Single precision there, double here.
constexpr double kRounding = 1e-5;

double Similarity(const GraphBase& graph, uint32_t a, uint32_t b) {
  return static_cast<double>(
             Dot(graph.vector(a).high.data(), graph.vector(b).high.data(), graph.dim())) /
         std::sqrt(static_cast<double>(SquaredNorm(graph.vector(a))) *
                   static_cast<double>(SquaredNorm(graph.vector(b))));
}

// Whether `next` is nearer to one of the links than to the node.
bool IsNear(const GraphBase& graph, uint32_t node, uint32_t next, std::span<const uint32_t> links,
            double rounding) {
  return std::any_of(links.begin(), links.end(), [&](uint32_t link) {
    return Similarity(graph, next, link) >= Similarity(graph, next, node) + rounding;
  });
}

// What the docstring says of a node's links, one by one. Returns how many are new.
size_t CheckLinks(const GraphBase& graph, const std::vector<bool>& gone, uint32_t level,
                  uint32_t node, std::span<const uint32_t> got) {
  const std::vector<uint32_t> before = LinksOf(graph, level, node);
  const size_t room = graph.links(level, node).size();
  std::vector<uint32_t> left;
  std::set<uint32_t> beyond;
  for (const uint32_t link : before) {
    if (!gone[link]) left.push_back(link);
    if (!gone[link]) continue;
    for (const uint32_t next : LinksOf(graph, level, link)) {
      if (!gone[next] && next != node) beyond.insert(next);
    }
  }
  for (const uint32_t link : left) beyond.erase(link);

  EXPECT_LE(got.size(), room);
  EXPECT_GE(got.size(), left.size());
  EXPECT_TRUE(std::equal(left.begin(), left.end(), got.begin()));
  for (size_t i = left.size(); i < got.size(); ++i) {
    EXPECT_EQ(beyond.erase(got[i]), 1u);
    const bool is_more = i >= before.size();
    EXPECT_FALSE(is_more && IsNear(graph, node, got[i], got.first(i), kRounding));
  }
  // What is left out has no room, or is too near to one that is linked.
  EXPECT_TRUE(beyond.empty() || got.size() >= before.size());
  for (const uint32_t next : beyond) {
    EXPECT_TRUE(got.size() == room || IsNear(graph, node, next, got, -kRounding));
  }
  return got.size() - left.size();
}

TEST(LinkRepair, KeepsItsRulesOnBuiltGraphs) {
  constexpr size_t kDim = 24;
  constexpr uint32_t kCount = 600;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const auto codes = ClusteredVectors(seed, kCount, kDim, 12);
    std::vector<uint32_t> ids(kCount);
    std::iota(ids.begin(), ids.end(), 0u);
    ASSERT_OK_AND_ASSIGN(
        const auto graph,
        BuildGraphBase({.shape = {.dim = kDim}, .space = TestSpace(), .degree = 4}, codes,
                       TestKeys(ids)));
    std::vector<bool> gone(kCount);
    for (uint32_t node = 0; node < kCount; ++node) gone[node] = random() % 10 < 2 * seed;
    size_t added = 0;
    LinkRepair repair(*graph, gone);
    for (uint32_t level = 0; level < graph->level_count(); ++level) {
      for (uint32_t node = 0; node < graph->nodes_at_level(level); ++node) {
        if (gone[node]) continue;
        added += CheckLinks(*graph, gone, level, node, repair.Links(level, node));
        ASSERT_FALSE(HasFailure()) << "node " << node << " at level " << level;
      }
    }
    EXPECT_GT(added, kCount / 10);
  }
}

}  // namespace
}  // namespace larder::ann
