// SPDX-License-Identifier: Apache-2.0
#include "ann/planner.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "ann/vector_index.h"
#include "tests/ann/ann_testing.h"

namespace larder::ann {
namespace {

// 200,000 vectors of 384 dimensions in a base, ten hits at the default effort. By the cost table,
// in nanoseconds:
//   exact, all      2,000 + 200,000 * 384 / 1,024 * 40                          = 3,002,000
//   survivors, of n 2,000 + n * (2.5 + 447 / 64 * 6.5)                          = 2,000 + 47.9 n
//   sketches, of n  2,000 + n * (2.5 + 4) + min(n, 400) * 40
//   graph, share s  2,000 + 16 * (12 + 160 / s) * 45
PlanInput Typical(std::optional<size_t> survivors = std::nullopt) {
  return {.dim = 384,
          .sketches = true,
          .base_nodes = 200'000,
          .degree = 16,
          .live_rows = 200'000,
          .survivors = survivors,
          .wanted = 10,
          .effort = kDefaultEffort};
}

struct Cell {
  PlanInput input;
  Plan plan;
  Plan otherwise;
};

TEST(Planner, ChoosesByTheCostTable) {
  PlanInput no_sketches = Typical();
  no_sketches.sketches = false;
  PlanInput no_sketches_few = Typical(20'000);
  no_sketches_few.sketches = false;
  PlanInput narrow = Typical(1'700);  // 64 dimensions: 2.5 + 127 / 64 * 6.5 = 15.4 a survivor
  narrow.dim = 64;
  PlanInput narrow_more = narrow;  // 16,000 / (15.4 - 6.5) = 1,798 survivors cost as much as looks
  narrow_more.survivors = 1'900;
  PlanInput no_graph = Typical();
  no_graph.base_nodes = no_graph.live_rows = 0;
  no_graph.sketches = false;
  no_graph.delta = 200'000;
  PlanInput no_graph_filtered = no_graph;
  no_graph_filtered.survivors = 150'000;
  PlanInput tiny = Typical();  // exact 17,000, sketches 24,500, graph 47,000
  tiny.base_nodes = tiny.live_rows = 1'000;
  PlanInput small = tiny;  // exact 62,000, sketches 44,000, graph 127,840
  small.base_nodes = small.live_rows = 4'000;
  PlanInput slow = Typical();  // 10,000 candidates: graph 7,210,640
  slow.effort = 10'000;
  const std::vector<std::pair<std::string, Cell>> cells = {
      {"no filter", {Typical(), Plan::kGraph, Plan::kSketches}},
      {"no filter, no sketches", {no_sketches, Plan::kGraph, Plan::kScan}},
      {"none admitted", {Typical(0), Plan::kSurvivors, Plan::kSurvivors}},
      {"one admitted", {Typical(1), Plan::kSketches, Plan::kSketches}},
      {"0.1 %", {Typical(200), Plan::kSketches, Plan::kSketches}},
      // A look at 400 nodes of a walk is a tenth of a scan of sketches of 24,923.
      {"12 %", {Typical(24'900), Plan::kSketches, Plan::kSketches}},
      {"13 %", {Typical(25'000), Plan::kGraph, Plan::kSketches}},
      {"half", {Typical(100'000), Plan::kGraph, Plan::kSketches}},
      {"all admitted", {Typical(200'000), Plan::kGraph, Plan::kSketches}},
      {"no sketches, 10 %", {no_sketches_few, Plan::kGraph, Plan::kSurvivors}},
      {"64 dimensions, 1,700", {narrow, Plan::kSurvivors, Plan::kSurvivors}},
      {"64 dimensions, 1,900", {narrow_more, Plan::kSketches, Plan::kSketches}},
      {"delta alone", {no_graph, Plan::kScan, Plan::kScan}},
      {"delta alone, filtered", {no_graph_filtered, Plan::kSurvivors, Plan::kSurvivors}},
      {"1,000 vectors", {tiny, Plan::kScan, Plan::kScan}},
      {"4,000 vectors", {small, Plan::kSketches, Plan::kSketches}},
      {"effort", {slow, Plan::kSketches, Plan::kSketches}},
  };
  for (const auto& [name, cell] : cells) {
    const PlanChoice choice = ChoosePlan(cell.input);
    EXPECT_EQ(PlanName(choice.plan), PlanName(cell.plan)) << name;
    EXPECT_EQ(PlanName(choice.otherwise), PlanName(cell.otherwise)) << name;
  }
}

TEST(Planner, AnEmptyIndexIsScanned) {
  EXPECT_EQ(ChoosePlan({}).plan, Plan::kScan);
  EXPECT_EQ(ChoosePlan({.dim = 384, .wanted = 10, .effort = 160}).plan, Plan::kScan);
  // A filter may admit ids although none has a vector.
  EXPECT_EQ(ChoosePlan({.dim = 384, .survivors = 7, .wanted = 10, .effort = 160}).plan,
            Plan::kSurvivors);
}

TEST(Planner, ABaseOfWhichNothingIsLiveIsNotWalked) {
  PlanInput in = Typical();
  in.live_rows = 0;
  EXPECT_NE(ChoosePlan(in).plan, Plan::kGraph);
  in.survivors = 0;
  EXPECT_NE(ChoosePlan(in).plan, Plan::kGraph);
}

TEST(Planner, ExactIsNeverAnEstimate) {
  for (const std::optional<size_t> survivors :
       {std::optional<size_t>(), std::optional<size_t>(0), std::optional<size_t>(150'000)}) {
    PlanInput in = Typical(survivors);
    in.exact = true;

    EXPECT_EQ(ChoosePlan(in).plan, survivors.has_value() ? Plan::kSurvivors : Plan::kScan);
  }
}

// 160 admitted ones of the 704 that a walk's buffer holds at most: 0.227.
TEST(Planner, AWalkIsGivenUpWhereItWouldEndWithoutEnough) {
  PlanInput in = Typical(220'000);  // of a million; by time alone a share of 0.08 would do
  in.base_nodes = in.live_rows = 1'000'000;
  const PlanChoice choice = ChoosePlan(in);

  EXPECT_EQ(choice.plan, Plan::kGraph) << "a look costs a tenth of the scan at most";
  EXPECT_EQ(choice.otherwise, Plan::kSketches);
  EXPECT_DOUBLE_EQ(choice.min_share, 160.0 / 704);
}

// Degree 4: a walk at a share of 0.2 is cheaper than the scan, 148,160 to 158,400, but it would end
// without enough, and a look of 18,000 is more than a tenth of that.
TEST(Planner, AWalkThatWouldEndWithoutEnoughIsNoPlan) {
  PlanInput in = Typical(21'600);
  in.degree = 4;
  in.base_nodes = in.live_rows = 108'000;
  EXPECT_EQ(ChoosePlan(in).plan, Plan::kSketches);

  in.base_nodes = in.live_rows = 90'000;  // a share of 0.24
  EXPECT_EQ(ChoosePlan(in).plan, Plan::kGraph);
}

// Less is admitted where the query is: at 0.5 the scan takes 668,000 and a walk as much at a share
// of 160 / (666,000 / 45 / 16 - 12).
TEST(Planner, AWalkIsGivenUpWhereItWouldCostMoreThanTheScan) {
  const PlanChoice choice = ChoosePlan(Typical(100'000));

  EXPECT_EQ(choice.plan, Plan::kGraph);
  EXPECT_DOUBLE_EQ(choice.min_share, 160.0 / 704) << "that is more";
  EXPECT_EQ(choice.max_compared, 668'000u / 45 + 1);

  const PlanChoice closer = ChoosePlan(Typical(40'000));
  EXPECT_NEAR(closer.min_share, 160.0 / (278'000.0 / 45 / 16 - 12), 1e-9);
  EXPECT_EQ(closer.max_compared, 278'000u / 45 + 1);
}

TEST(Planner, AFilterThatAdmitsIdsWithoutVectorsIsNoBetterThanOneThatAdmitsAll) {
  for (const size_t live : {4'000u, 20'000u, 200'000u}) {
    PlanInput all = Typical(live);
    all.base_nodes = all.live_rows = live;
    for (const size_t survivors : {15'000u, 1'000'000u}) {
      if (survivors < live) continue;
      PlanInput more = all;
      more.survivors = survivors;
      EXPECT_EQ(ChoosePlan(more).plan, ChoosePlan(all).plan) << live << ' ' << survivors;
      EXPECT_EQ(ChoosePlan(more).max_compared, ChoosePlan(all).max_compared);
      EXPECT_EQ(ChoosePlan(more).survivors, survivors);
    }
  }
}

// What the table's cells are examples of.
TEST(Planner, MoreAdmittedMeansNeverLessOfAShortcut) {
  const uint64_t seed = 11;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    PlanInput in{.dim = 1 + random() % 1'000,
                 .base_nodes = random() % 8 == 0 ? 0 : 1 + random() % 3'000'000,
                 .degree = 4 + random() % 60,
                 .wanted = 1 + random() % 500};
    in.sketches = in.base_nodes > 0 && in.dim >= 64 && random() % 4 > 0;
    in.live_rows = in.base_nodes;
    in.delta = random() % 2 == 0 ? 0 : random() % 5'000;
    in.effort = std::max<size_t>(in.wanted, 1 + random() % 2'000);
    const size_t all = in.live_rows + in.delta;
    Plan last = Plan::kSurvivors;
    for (int step = 0; step <= 200; ++step) {
      in.survivors = all * static_cast<size_t>(step * step) / 40'000;
      const PlanChoice choice = ChoosePlan(in);
      const std::string at = Concat("round ", round, " survivors ", *in.survivors, " of ", all);
      ASSERT_GE(static_cast<int>(choice.plan), static_cast<int>(last)) << at;
      ASSERT_EQ(choice.survivors, *in.survivors);
      ASSERT_NE(choice.plan, Plan::kScan) << at;
      ASSERT_NE(choice.otherwise, Plan::kGraph) << at;
      ASSERT_NE(choice.otherwise, Plan::kScan) << at;
      if (!in.sketches) {
        ASSERT_NE(choice.plan, Plan::kSketches) << at;
      }
      if (choice.plan == Plan::kGraph) {
        ASSERT_GT(in.base_nodes, 0u) << at;
        ASSERT_GE(choice.min_share * static_cast<double>(
                                         CandidateBuffer::MixedLimit(in.effort)),
                  static_cast<double>(in.effort) * 0.999)
            << at;
        ASSERT_LE(choice.min_share, 1) << at;
        ASSERT_LT(choice.max_compared, SIZE_MAX) << at;
      } else {
        ASSERT_EQ(choice.plan, choice.otherwise) << at;
      }
      last = choice.plan;
    }
    in.survivors.reset();
    const PlanChoice choice = ChoosePlan(in);
    ASSERT_EQ(choice.survivors, all);
    ASSERT_NE(choice.plan, Plan::kSurvivors);
    ASSERT_EQ(choice.min_share, 0);
    ASSERT_EQ(choice.max_compared, SIZE_MAX);
  }
}

TEST(Planner, MoreEffortNeverMakesAWalkOfAScan) {
  for (const std::optional<size_t> survivors :
       {std::optional<size_t>(), std::optional<size_t>(30'000), std::optional<size_t>(120'000)}) {
    bool walked = true;
    for (size_t effort = 10; effort <= kMaxEffort; effort += 10) {
      PlanInput in = Typical(survivors);
      in.effort = effort;
      const bool walks = ChoosePlan(in).plan == Plan::kGraph;
      ASSERT_TRUE(walked || !walks) << effort;
      walked = walks;
    }
    EXPECT_FALSE(walked);
  }
}

// A plan that is asked for falls back where there is no graph, no sketch or no filter.
TEST(Planner, AForcedPlanFallsBackToWhatFits) {
  constexpr size_t kDim = 64;
  constexpr uint32_t kCount = 300;
  const auto vectors = ClusteredVectors(8, kCount, kDim, 10);
  VectorIndex index({.shape = {.dim = kDim}, .space = TestSpace()});
  for (uint32_t id = 0; id < kCount; ++id) {
    ASSERT_OK(index.Upsert(id, std::span(vectors).subspan(id * kDim, kDim)));
  }
  Bitmap filter(kCount);
  for (uint32_t id = 0; id < kCount; id += 2) filter.Set(id);
  const auto used = [&](Plan plan, bool filtered, bool exact = false) {
    const auto result = index.Search({.query = std::span(vectors).first(kDim),
                                      .space = TestSpace(),
                                      .filter = filtered ? &filter : nullptr,
                                      .exact = exact,
                                      .plan = plan});
    EXPECT_OK(result);
    EXPECT_EQ(result->hits.size(), 10u);
    return result->plan;
  };
  for (const Plan plan : {Plan::kScan, Plan::kSurvivors, Plan::kSketches, Plan::kGraph}) {
    EXPECT_EQ(used(plan, false), Plan::kScan) << PlanName(plan) << " without a base";
    EXPECT_EQ(used(plan, true), Plan::kSurvivors) << PlanName(plan) << " without a base";
  }

  const auto base = BuildFromSnapshot(index.TakeSnapshot(), {.dim = kDim});
  ASSERT_OK(base);
  ASSERT_OK(index.InstallBase(*base, IdsOfRows(**base)));

  EXPECT_EQ(used(Plan::kScan, false), Plan::kScan);
  EXPECT_EQ(used(Plan::kScan, true), Plan::kSurvivors);
  EXPECT_EQ(used(Plan::kSurvivors, false), Plan::kScan);
  EXPECT_EQ(used(Plan::kSurvivors, true), Plan::kSurvivors);
  for (const bool filtered : {false, true}) {
    EXPECT_EQ(used(Plan::kSketches, filtered), Plan::kSketches);
    EXPECT_EQ(used(Plan::kGraph, filtered), Plan::kGraph);
    EXPECT_EQ(used(Plan::kGraph, filtered, true), filtered ? Plan::kSurvivors : Plan::kScan);
  }
}

}  // namespace
}  // namespace larder::ann
