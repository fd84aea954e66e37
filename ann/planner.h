// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_PLANNER_H_
#define LARDER_ANN_PLANNER_H_

#include <cstddef>
#include <optional>
#include <string_view>

namespace larder::ann {

// A way to find the nearest. The delta is scanned besides in all of them.
enum class Plan {
  kScan,      // every vector's int8 codes, in order of memory: exact
  kSurvivors,  // the int8 codes of the vectors that the filter admits: exact
  kSketches,  // the sketches of all vectors that are admitted, then a closer look at the best
  kGraph,     // a walk over the base's graph, through nodes that are not admitted
};

// "exact", "survivors", "sketches", "graph".
std::string_view PlanName(Plan plan);

// What the choice depends on.
struct PlanInput {
  size_t dim = 0;
  bool sketches = false;   // whether there are any to go by
  size_t base_nodes = 0;   // 0: no graph
  size_t degree = 0;       // of the graph
  size_t live_rows = 0;    // rows of the base that are not masked
  size_t delta = 0;        // vectors outside of the base
  std::optional<size_t> survivors = std::nullopt;  // ids that the filter, if any, admits
  size_t wanted = 0;       // hits
  size_t effort = 0;
  bool exact = false;
};

struct PlanChoice {
  Plan plan = Plan::kScan;
  // A filter may hide the query's surroundings. A walk is given up for `otherwise` if of the
  // nearest nodes that it has met less than this share is admitted, since it would then cost more
  // or end without enough: it looks at this once it has met 100 and each time that it has compared
  // twice as many. It is given up at the latest when it has compared so many.
  double min_share = 0;
  size_t max_compared = SIZE_MAX;
  Plan otherwise = Plan::kScan;
  size_t survivors = 0;  // of the filter; all that is live without one
};

// The cheapest plan by the cost table below. Thread-safety: thread-safe.
PlanChoice ChoosePlan(const PlanInput& input);

// Nanoseconds, from what `tools/bench ann --filters` measured (docs/benchmarks.md). Only their
// ratios matter to the choice.
struct CostTable {
  double scan_per_kb = 0;          // int8 codes in order
  double survivor = 0;             // finding an admitted vector
  double gather_per_line = 0;      // int8 codes in some order, per cache line of 64 bytes
  double sketch = 0;               // a sketch of 64 bytes, in order
  double walk = 0;                 // a node compared in a walk
  double keep = 0;                 // moving a candidate for one that is nearer: effort times effort
  double look = 0;                 // a closer look: int8, then fine
  double fixed = 0;                // any search
};
inline constexpr CostTable kCosts{.scan_per_kb = 40,
                                  .survivor = 2.5,
                                  .gather_per_line = 6.5,
                                  .sketch = 4,
                                  .walk = 45,
                                  .keep = 0.1,
                                  .look = 40,
                                  .fixed = 2000};

}  // namespace larder::ann

#endif  // LARDER_ANN_PLANNER_H_
