// SPDX-License-Identifier: Apache-2.0
// Searching: what is checked, which plan, and walking the graph. Scans are in vector_scan.cc.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>

#include "ann/internal/graph_walk.h"
#include "ann/internal/prefetch.h"
#include "ann/internal/query.h"
#include "ann/internal/top_k.h"
#include "ann/vector_index.h"

namespace larder::ann {
namespace {

// Candidates beyond those wanted that are scored with their low halves, at least.
constexpr size_t kRescored = 10;
// Candidates that are fetched from memory ahead of the one that is scored.
constexpr size_t kAhead = 8;
// Walks that a batch has under way at once.
constexpr size_t kWalksAtOnce = 2;

// The calling thread's walks; what they allocate is kept for the next search.
GraphWalk& ThreadWalk(size_t i) {
  thread_local std::array<std::unique_ptr<GraphWalk>, kWalksAtOnce> walks;
  if (walks[i] == nullptr) walks[i] = std::make_unique<GraphWalk>();
  return *walks[i];
}

}  // namespace

std::string Describe(const SearchResult& result) {
  std::string text(PlanName(result.plan));
  if (result.walked > 0) text += Concat(", walked ", result.walked);
  return text + Concat(", scanned ", result.scanned, " of ", result.survivors);
}

// Nodes with a row that is live and that the filter admits.
class VectorIndex::FilteredNodes final : public NodeTest {
 public:
  FilteredNodes(const VectorIndex& index, const Bitmap& filter) : index_(index), filter_(filter) {}

  bool Admits(uint32_t node) const override {
    const RowRange rows = index_.base_->rows_of_node(node);
    for (uint32_t row = rows.begin; row < rows.end; ++row) {
      if (!index_.masked_.Test(row) && filter_.Test(index_.id_of_row_[row])) return true;
    }
    return false;
  }

 private:
  const VectorIndex& index_;
  const Bitmap& filter_;
};

Status VectorIndex::CheckRequest(const SearchRequest& request) const {
  if (request.space != options_.space) {
    return FailedPrecondition("index: query is in space ", request.space.Hex(), ", expected ",
                              options_.space.Hex());
  }
  if (request.query.size() != shape().size()) {
    return InvalidArgument("index: query has ", request.query.size(), " codes, expected ",
                           shape().size());
  }
  if (request.k < 1 || request.k > kMaxK) {
    return InvalidArgument("index: k is ", request.k, ", expected 1 to ", kMaxK);
  }
  if (request.effort > kMaxEffort) {
    return InvalidArgument("index: effort is ", request.effort, ", expected at most ", kMaxEffort);
  }
  if (std::isnan(request.min_score)) {
    return InvalidArgument("index: the minimum score is not a number");
  }
  const auto& exclude = request.exclude;
  const bool ascending = std::adjacent_find(exclude.begin(), exclude.end(),
                                            std::greater_equal<>()) == exclude.end();
  if (exclude.size() > kMaxExcluded || !ascending) {
    return InvalidArgument("index: ", exclude.size(), " excluded ids, expected at most ",
                           kMaxExcluded, ", ascending");
  }
  if (IsZero(request.query)) {
    return InvalidArgument("index: query is a zero vector, which has no neighbours");
  }
  return OkStatus();
}

PlanChoice VectorIndex::Choose(const Query& query) const {
  const SearchRequest& request = query.request;
  PlanInput input{.dim = dim(),
                  .sketches = !sketch_shape().empty(),
                  .delta = delta_.size(),
                  .wanted = query.wanted,
                  .effort = query.effort,
                  .exact = request.exact};
  if (base_ != nullptr) {
    input.base_nodes = base_->node_count();
    input.degree = base_->degree();
    input.live_rows = base_->row_count() - masked_count_;
  }
  if (request.filter != nullptr) input.survivors = request.filter->Count();
  PlanChoice choice = ChoosePlan(input);
  if (request.exact || !request.plan.has_value()) return choice;
  choice.plan = *request.plan;
  choice.max_compared = SIZE_MAX;
  choice.min_share = 0;
  const bool filtered = request.filter != nullptr;
  if ((choice.plan == Plan::kGraph && base_ == nullptr) ||
      (choice.plan == Plan::kSketches && sketch_shape().empty()) ||
      (choice.plan == Plan::kSurvivors && !filtered) ||
      (choice.plan == Plan::kScan && filtered)) {
    choice.plan = filtered ? Plan::kSurvivors : Plan::kScan;
  }
  return choice;
}

// Scores the best of what the walk found. False if there were too few: the neighbourhood is
// masked or not admitted, or the graph has unreachable parts.
bool VectorIndex::OfferWalked(const Query& query, const GraphWalk& walk, TopK& top) const {
  if (walk.gave_up() || !walk.found().complete()) return false;
  std::vector<WalkedNode> found;
  found.reserve(walk.found().admitted());
  walk.found().Take(found);
  // In a float space the low halves put the best few in order, and the others that the high ones
  // cannot tell from the last that is wanted: many, if all vectors are nearly the same.
  size_t most = found.size();
  if (shape().has_low) {
    most = std::min(most, query.wanted + std::max(kRescored, query.wanted / 8));
    const float last = found.empty() ? 0 : found[std::min(query.wanted, most) - 1].similarity;
    const float blur = query.Blur(base_->slack());
    while (most < found.size() && found[most].similarity >= last - blur) ++most;
  }
  const auto prefetch = [&](size_t i) {
    if (i + kAhead < most) base_->PrefetchRows(found[i + kAhead].node);
    if (i >= most) return;
    const VectorView v = base_->vector(found[i].node);
    Prefetch(v.high);
    Prefetch(v.low);
    __builtin_prefetch(id_of_row_.data() + base_->rows_of_node(found[i].node).begin);
  };
  for (size_t i = 0; i < kAhead; ++i) prefetch(i);
  size_t rows = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const uint32_t node = found[i].node;
    const bool matters =
        i < most && found[i].similarity >= query.Threshold(top.bound(), base_->slack());
    if (!matters && rows >= query.wanted) break;
    prefetch(i + kAhead);
    // With low halves the score takes all products anew.
    const int32_t dot =
        shape().has_low
            ? 0
            : ann::Dot(query.vector.high.data(), base_->vector(node).high.data(), dim());
    rows += OfferNode(query, node, dot, top);
  }
  const size_t live = base_->row_count() - masked_count_;
  return rows >= (query.request.filter == nullptr ? std::min(query.wanted, live) : query.wanted);
}

void VectorIndex::BeginWalk(const Query& query, const PlanChoice& choice, const NodeTest* test,
                            GraphWalk& walk) const {
  if (test == nullptr && any_dead_) test = &live_nodes_;
  walk.Begin(*base_, query,
             {.test = test, .max_compared = choice.max_compared, .min_share = choice.min_share});
}

SearchResult VectorIndex::FinishWalk(const Query& query, const PlanChoice& choice,
                                     const GraphWalk& walk) const {
  TopK top(query.request.k, query.request.order, query.request.min_score);
  SearchResult result;
  if (OfferWalked(query, walk, top)) {
    result.plan = Plan::kGraph;
    result.scanned = ScanDeltaSketches(query, top);
    result.hits = top.Take();
  } else {
    result = Scan(query, choice.otherwise);
  }
  result.walked = walk.compared();
  return result;
}

SearchResult VectorIndex::Scan(const Query& query, Plan plan) const {
  TopK top(query.request.k, query.request.order, query.request.min_score);
  SearchResult result{.plan = plan};
  switch (plan) {
    case Plan::kSurvivors: result.scanned = ScanSurvivors(query, top); break;
    case Plan::kSketches:
      result.scanned = ScanBaseSketches(query, top);
      result.scanned += ScanDeltaSketches(query, top);
      break;
    case Plan::kScan:
    case Plan::kGraph:
      result.scanned = ScanBase(query, top);
      result.scanned += ScanDelta(query, top);
      break;
  }
  result.hits = top.Take();
  return result;
}

StatusOr<SearchResult> VectorIndex::Search(const SearchRequest& request) const {
  LARDER_ASSIGN_OR_RETURN(std::vector<SearchResult> results, SearchBatch({&request, 1}));
  return std::move(results.front());
}

StatusOr<std::vector<SearchResult>> VectorIndex::SearchBatch(
    std::span<const SearchRequest> requests) const {
  if (base_ != nullptr && base_->is_damaged()) return base_->damage();
  for (const SearchRequest& request : requests) LARDER_RETURN_IF_ERROR(CheckRequest(request));
  std::vector<SearchResult> results(requests.size());
  // A search under way.
  struct Lane {
    GraphWalk* walk = nullptr;
    std::optional<Query> query;
    std::optional<FilteredNodes> filter;
    PlanChoice choice;
    size_t index = 0;
  };
  std::array<Lane, kWalksAtOnce> lanes;
  size_t next = 0;
  size_t running = 0;
  // Starts the next search that walks; answers those before it that do not.
  const auto start = [&](Lane& lane) {
    lane.query.reset();
    while (next < requests.size()) {
      lane.index = next++;
      const SearchRequest& request = requests[lane.index];
      lane.query.emplace(request, shape());
      lane.choice = Choose(*lane.query);
      if (lane.choice.plan == Plan::kGraph) {
        lane.filter.reset();
        if (request.filter != nullptr) lane.filter.emplace(*this, *request.filter);
        BeginWalk(*lane.query, lane.choice, lane.filter.has_value() ? &*lane.filter : nullptr,
                  *lane.walk);
        ++running;
        return;
      }
      results[lane.index] = Scan(*lane.query, lane.choice.plan);
      results[lane.index].survivors = lane.choice.survivors;
      lane.query.reset();
    }
  };
  for (size_t i = 0; i < lanes.size(); ++i) {
    lanes[i].walk = &ThreadWalk(i);
    start(lanes[i]);
  }
  while (running > 0) {
    for (Lane& lane : lanes) {
      if (!lane.query.has_value() || lane.walk->Step()) continue;
      results[lane.index] = FinishWalk(*lane.query, lane.choice, *lane.walk);
      results[lane.index].survivors = lane.choice.survivors;
      --running;
      start(lane);
    }
  }
  const auto now = std::chrono::steady_clock::now();
  for (const SearchRequest& request : requests) {
    if (now >= request.deadline) {
      return DeadlineExceeded("index: the search took longer than its deadline");
    }
  }
  return results;
}

}  // namespace larder::ann
