// SPDX-License-Identifier: Apache-2.0
#include "ann/planner.h"

#include <algorithm>

#include "ann/internal/graph_walk.h"

namespace larder::ann {
namespace {

constexpr double kLine = 64;
// Steps of a walk from the entry to the query's surroundings.
constexpr double kDescent = 12;
// What a walk compares until it knows its share: nearly always less (filters by chance of 5 to 20 %
// of the nodes: 170 in the middle, 400 of the slowest tenth).
constexpr double kProbeNodes = 400;
// Closer looks of a scan of sketches, for each hit that is wanted.
constexpr double kLooksPerHit = 40;

double Lines(const PlanInput& in) { return (static_cast<double>(in.dim) + kLine - 1) / kLine; }

// A filter may admit ids that have no vector: those cost next to nothing.
double Admitted(const PlanInput& in) {
  const size_t live = in.live_rows + in.delta;
  return static_cast<double>(std::min(in.survivors.value_or(live), live));
}

// The share of admitted nodes below which a walk's buffer is full of others before it holds what
// it should: it is given up then.
double LeastShare(const PlanInput& in) {
  return static_cast<double>(in.effort) /
         static_cast<double>(CandidateBuffer::MixedLimit(in.effort));
}

// Of a walk that meets this share of admitted nodes and is not given up. Measured at degrees 16 and
// 24: it compares about as many nodes per candidate as a node has links upwards.
double WalkCost(const PlanInput& in, double share) {
  const double compared = static_cast<double>(in.degree) *
                          (kDescent + static_cast<double>(in.effort) / share);
  const auto effort = static_cast<double>(in.effort);
  return std::min(compared, static_cast<double>(in.base_nodes)) * kCosts.walk +
         effort * effort * kCosts.keep;
}

// The share at which a walk costs so much.
double ShareAt(const PlanInput& in, double cost) {
  const double effort = cost / kCosts.walk / static_cast<double>(in.degree) - kDescent;
  return effort <= 0 ? 1 : std::min(1.0, static_cast<double>(in.effort) / effort);
}

double CostOf(Plan plan, const PlanInput& in) {
  const CostTable& c = kCosts;
  const auto bytes = static_cast<double>((in.base_nodes + in.delta) * in.dim);
  const auto delta = static_cast<double>(in.delta);
  switch (plan) {
    case Plan::kScan: return c.fixed + bytes / 1024 * c.scan_per_kb;
    case Plan::kSurvivors:
      return c.fixed + Admitted(in) * (c.survivor + Lines(in) * c.gather_per_line);
    case Plan::kSketches: {
      const double looks = kLooksPerHit * static_cast<double>(in.wanted);
      return c.fixed + Admitted(in) * (c.survivor + c.sketch) +
             std::min(looks, Admitted(in)) * c.look;
    }
    case Plan::kGraph: {
      const auto live = static_cast<double>(in.live_rows + in.delta);
      const double share = live == 0 ? 0 : Admitted(in) / live;
      if (share < LeastShare(in)) return 1e18;
      return c.fixed + WalkCost(in, share) + delta * c.sketch;
    }
  }
  return 0;
}

}  // namespace

std::string_view PlanName(Plan plan) {
  switch (plan) {
    case Plan::kScan: return "exact";
    case Plan::kSurvivors: return "survivors";
    case Plan::kSketches: return "sketches";
    case Plan::kGraph: return "graph";
  }
  return "";
}

PlanChoice ChoosePlan(const PlanInput& in) {
  const bool filtered = in.survivors.has_value();
  const Plan exact = filtered ? Plan::kSurvivors : Plan::kScan;
  PlanChoice choice{.plan = exact,
                    .otherwise = exact,
                    .survivors = in.survivors.value_or(in.live_rows + in.delta)};
  if (in.exact) return choice;
  double cost = CostOf(exact, in);
  const auto consider = [&](Plan plan) {
    const double its = CostOf(plan, in);
    if (its >= cost) return;
    choice.plan = plan;
    cost = its;
  };
  if (in.sketches) consider(Plan::kSketches);
  choice.otherwise = choice.plan;
  const double scan = cost;
  if (in.base_nodes == 0) return choice;
  consider(Plan::kGraph);
  if (!filtered) return choice;
  // The share that a walk meets may be far from that of all: it costs little to look. Where it is
  // not, the look was for nothing and a scan follows.
  constexpr double kProbe = 0.1;  // of the scan's time
  if (WalkCost(in, 1) < scan && kProbeNodes * kCosts.walk < kProbe * scan) {
    choice.plan = Plan::kGraph;
  }
  if (choice.plan == Plan::kGraph) {
    // Where fewer are admitted the walk would cost more than the scan, or end without enough.
    choice.min_share = std::max(ShareAt(in, scan), LeastShare(in));
    choice.max_compared = static_cast<size_t>(scan / kCosts.walk) + 1;
  }
  return choice;
}

}  // namespace larder::ann
