// SPDX-License-Identifier: Apache-2.0
// FoldGraphBase: a base that goes on from another one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "ann/graph_base.h"
#include "ann/recall.h"
#include "base/fixed_point.h"
#include "tests/ann/ann_testing.h"
#include "tests/ann/graph_forging.h"

namespace larder::ann {
namespace {

using testing::HasSubstr;

constexpr size_t kDim = 24;

std::vector<std::string> Keys(uint32_t begin, uint32_t end) {
  std::vector<uint32_t> ids;
  for (uint32_t id = begin; id < end; ++id) ids.push_back(id);
  return TestKeys(ids);
}

GraphOptions SmallOptions(CodeShape shape = {.dim = kDim}) {
  return {.shape = shape, .space = TestSpace(), .degree = 8, .ef_construction = 60};
}

// Ids [0, 1000) in the base; folding replaces the first 100 by the vectors of [1000, 1100), removes
// the next 100 and adds [1000, 1400) of their own.
// `reversed`: the added rows are given the last one first.
struct Folded {
  explicit Folded(CodeShape shape = {.dim = kDim}, bool reversed = false) {
    codes = ClusteredVectors(4, 1400, shape.size(), 30);
    const size_t n = shape.size();
    base = *BuildGraphBase(SmallOptions(shape), std::span(codes).first(1000 * n), Keys(0, 1000));
    Bitmap removed(base->row_count());
    for (uint32_t row = 0; row < base->row_count(); ++row) {
      if (IdOfTestKey(base->key(row)) < 200) removed.Set(row);
    }
    std::vector<int8_t> added(codes.begin() + static_cast<ptrdiff_t>(1000 * n), codes.end());
    added.insert(added.end(), codes.begin() + static_cast<ptrdiff_t>(1000 * n),
                 codes.begin() + static_cast<ptrdiff_t>(1100 * n));
    std::vector<std::string> keys = Keys(1000, 1400);
    for (std::string& key : Keys(0, 100)) keys.push_back(std::move(key));
    if (reversed) {
      std::reverse(keys.begin(), keys.end());
      std::vector<int8_t> other;
      for (size_t row = keys.size(); row-- > 0;) {
        const auto begin = added.begin() + static_cast<ptrdiff_t>(row * n);
        other.insert(other.end(), begin, begin + static_cast<ptrdiff_t>(n));
      }
      added = std::move(other);
    }
    folded = FoldGraphBase(*base, removed, added, keys, {.ef_construction = 60});
  }
  std::vector<int8_t> codes;
  std::shared_ptr<const GraphBase> base;
  StatusOr<std::shared_ptr<const GraphBase>> folded = Internal("not made");
};

TEST(GraphFold, HasTheRowsThatAreLeftAndTheNewOnes) {
  for (const CodeShape shape : {CodeShape{.dim = kDim}, CodeShape{.dim = 12, .has_low = true}}) {
    const Folded made(shape);
    ASSERT_OK(made.folded);
    const GraphBase& folded = **made.folded;

    ASSERT_EQ(folded.row_count(), 1300u);
    EXPECT_EQ(folded.shape(), shape);
    const size_t n = shape.size();
    for (size_t row = 0; row < folded.row_count(); ++row) {
      const uint32_t id = IdOfTestKey(folded.key(row));
      ASSERT_TRUE(id < 100 || id >= 200) << id;
      const size_t source = id < 100 ? 1000 + id : id;
      EXPECT_EQ(folded.vector(folded.node_of_row(row)).Codes(),
                std::vector<int8_t>(&made.codes[source * n], &made.codes[source * n] + n));
    }
    // Replaced and removed vectors have no nodes any more; the copies share theirs with
    // [1000, 1100).
    EXPECT_EQ(folded.node_count(), made.base->node_count() + 200);
    EXPECT_OK(GraphBase::FromBytes(folded.bytes(), "copy"));
  }
}

TEST(GraphFold, EveryNodeIsReachable) {
  const Folded made;
  ASSERT_OK(made.folded);
  const GraphBase& folded = **made.folded;
  std::set<uint32_t> reached = {folded.entry_node()};
  std::vector<uint32_t> open = {folded.entry_node()};
  while (!open.empty()) {
    const uint32_t node = open.back();
    open.pop_back();
    for (const uint32_t link : folded.links(0, node)) {
      if (link == kNoNode) break;
      if (reached.insert(link).second) open.push_back(link);
    }
  }
  EXPECT_GE(reached.size(), folded.node_count() * 999 / 1000);
}

TEST(GraphFold, FindsAsMuchAsAFreshBuild) {
  const Folded made;
  ASSERT_OK(made.folded);
  VectorIndex index = IndexOver(*made.folded);
  const std::vector<uint32_t> ids = IdsOfRows(**made.folded);
  const RecallOptions walks{.effort = 20, .plan = Plan::kGraph};
  ASSERT_OK_AND_ASSIGN(const RecallReport after, MeasureRecall(index, ids, walks));
  ASSERT_OK_AND_ASSIGN(const auto fresh,
                       BuildFromSnapshot(index.TakeSnapshot(), {.dim = kDim}, 60));
  ASSERT_OK(index.InstallBase(fresh, IdsOfRows(*fresh)));
  ASSERT_OK_AND_ASSIGN(const RecallReport built, MeasureRecall(index, ids, walks));

  EXPECT_GE(after.mean, built.mean - 0.01);
}

// Nine vectors of ten have been replaced in the end, a tenth at a time: the links of what is left
// are all repaired or new, and what was removed is not walked through any more.
TEST(GraphFold, FindsAsMuchAfterManyFoldsAsAFreshBuild) {
  constexpr uint32_t kCount = 3'000;
  const CodeShape shape{.dim = kDim};
  const auto codes = ClusteredVectors(4, 2 * kCount, kDim, 60);
  const auto of = [&](uint32_t begin, uint32_t end) {
    return std::vector<int8_t>(&codes[begin * kDim], &codes[begin * kDim] + (end - begin) * kDim);
  };
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<const GraphBase> base,
                       BuildGraphBase(SmallOptions(), of(0, kCount), Keys(0, kCount)));
  for (uint32_t begin = 0; begin < 9 * kCount / 10; begin += kCount / 10) {
    const uint32_t end = begin + kCount / 10;
    Bitmap removed(base->row_count());
    for (uint32_t row = 0; row < base->row_count(); ++row) {
      const uint32_t id = IdOfTestKey(base->key(row));
      if (id >= begin && id < end) removed.Set(row);
    }
    ASSERT_OK_AND_ASSIGN(base, FoldGraphBase(*base, removed, of(kCount + begin, kCount + end),
                                             Keys(begin, end), {.ef_construction = 60}));
  }
  EXPECT_EQ(base->node_count(), kCount);

  VectorIndex index = IndexOver(base);
  const std::vector<uint32_t> ids = IdsOfRows(*base);
  const RecallOptions walks{.effort = 20, .plan = Plan::kGraph};
  ASSERT_OK_AND_ASSIGN(const RecallReport folded, MeasureRecall(index, ids, walks));
  ASSERT_OK_AND_ASSIGN(const auto fresh, BuildFromSnapshot(index.TakeSnapshot(), shape, 60));
  ASSERT_OK(index.InstallBase(fresh, IdsOfRows(*fresh)));
  ASSERT_OK_AND_ASSIGN(const RecallReport built, MeasureRecall(index, IdsOfRows(*fresh), walks));

  EXPECT_GE(folded.mean, built.mean - 0.01) << built.mean;
}

TEST(GraphFold, OneThreadGivesTheSameBytesWhateverTheOrderOfTheInput) {
  const Folded first;
  const Folded second({.dim = kDim}, /*reversed=*/true);
  ASSERT_OK(first.folded);
  ASSERT_OK(second.folded);
  EXPECT_EQ((*first.folded)->bytes(), (*second.folded)->bytes());
}

TEST(GraphFold, AFoldOfAFoldIsWhole) {
  const Folded made;
  ASSERT_OK(made.folded);
  const auto more = ClusteredVectors(8, 300, kDim, 30);
  Bitmap removed((*made.folded)->row_count());
  removed.Set(0);

  ASSERT_OK_AND_ASSIGN(const auto again,
                       FoldGraphBase(**made.folded, removed, more, Keys(5000, 5300)));

  EXPECT_EQ(again->row_count(), 1599u);
  EXPECT_OK(GraphBase::FromBytes(again->bytes(), "copy"));
}

// A level more than chance is likely to give; a file may have up to 16.
TEST(GraphFold, KeepsAsManyLevelsAsAFormatAllows) {
  for (const uint32_t degree : {kMinDegree, kMaxDegree}) {
    const auto codes = ClusteredVectors(4, 20, kDim, 3);
    GraphOptions options = SmallOptions();
    options.degree = degree;
    ASSERT_OK_AND_ASSIGN(const auto base, BuildGraphBase(options, codes, Keys(0, 20)));
    auto parts = GraphParts::Of(base->bytes());
    ASSERT_TRUE(parts.has_value());
    GraphHeader& header = parts->header;
    header.level_count = kMaxLevels;
    header.entry_node = 0;
    std::fill(header.nodes_at_level.begin() + 1, header.nodes_at_level.end(), 2u);
    parts->upper_links.clear();
    parts->Fit();
    ASSERT_OK_AND_ASSIGN(const auto tall, GraphBase::FromBytes(parts->File(), "tall"));
    const auto more = ClusteredVectors(8, 10, kDim, 3);

    ASSERT_OK_AND_ASSIGN(const auto folded,
                         FoldGraphBase(*tall, Bitmap(20), more, Keys(100, 110)));

    EXPECT_EQ(folded->level_count(), kMaxLevels);
    EXPECT_EQ(folded->row_count(), 30u);
    EXPECT_OK(GraphBase::FromBytes(folded->bytes(), "copy"));
  }
}

TEST(GraphFold, RemovingAloneIsAFoldToo) {
  const Folded made;
  Bitmap removed(made.base->row_count());
  removed.Set(3);

  ASSERT_OK_AND_ASSIGN(const auto folded, FoldGraphBase(*made.base, removed, {}, {}));

  EXPECT_EQ(folded->row_count(), made.base->row_count() - 1);
  EXPECT_EQ(folded->node_count(), made.base->node_count() - 1);
}

TEST(GraphFold, RefusesWhatDoesNotFit) {
  const Folded made;
  const Bitmap none(made.base->row_count());
  const auto one = ClusteredVectors(8, 1, kDim, 1);
  EXPECT_THAT(FoldGraphBase(*made.base, none, one, Keys(7, 8)),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("old row is not removed")));
  EXPECT_THAT(FoldGraphBase(*made.base, none, one, Keys(5000, 5002)),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("expected 2 vectors")));
  Bitmap all(made.base->row_count());
  for (uint32_t row = 0; row < made.base->row_count(); ++row) all.Set(row);
  EXPECT_THAT(FoldGraphBase(*made.base, all, {}, {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("no vector would be left")));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(FoldGraphBase(*made.base, none, one, Keys(5000, 5001), {}, {}, stop.get_token()),
              StatusIs(StatusCode::kCancelled, HasSubstr("stopped")));
}

}  // namespace
}  // namespace larder::ann
