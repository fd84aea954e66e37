// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <functional>

#include "ann/distance.h"
#include "ann/internal/graph_walk.h"
#include "ann/internal/top_k.h"
#include "ann/vector_index.h"

namespace larder::ann {
namespace {

// Rows per call of a kernel: their dot products fit the first-level cache.
constexpr size_t kBlockRows = 512;
// Vectors under way from memory while survivors are gathered.
constexpr size_t kGather = 32;
// Vectors scanned between two looks at the deadline.
constexpr size_t kLookEvery = 64 * kBlockRows;

}  // namespace

struct VectorIndex::Query {
  explicit Query(const SearchRequest& request)
      : vector(request.query),
        exclude(request.exclude),
        squared_norm(SquaredNorm(request.query)),
        norm(std::sqrt(static_cast<double>(squared_norm))),
        deadline(request.deadline) {}

  bool Excludes(uint32_t id) const {
    return std::binary_search(exclude.begin(), exclude.end(), id);
  }
  double Score(int32_t dot, int32_t other_squared_norm) const {
    return Cosine(dot, squared_norm, other_squared_norm);
  }
  // Below this, dot * float(1 / norm) cannot reach the score `bound`: dividing is for the few that
  // pass. The margin is ten times the float's error.
  double Threshold(double bound) const { return (bound - 1e-6) * norm; }
  // True if the scan that has done `scanned` vectors is to be given up.
  bool GivesUp(size_t scanned) const { return scanned % kLookEvery == 0 && Late(); }
  bool Late() const { return std::chrono::steady_clock::now() >= deadline; }

  std::span<const int8_t> vector;
  std::span<const uint32_t> exclude;
  int32_t squared_norm;
  double norm;
  std::chrono::steady_clock::time_point deadline;
};

Status VectorIndex::CheckRequest(const SearchRequest& request) const {
  if (request.space != options_.space) {
    return FailedPrecondition("index: query is in space ", request.space.Hex(), ", expected ",
                              options_.space.Hex());
  }
  if (request.query.size() != options_.dim) {
    return InvalidArgument("index: query has dim ", request.query.size(), ", expected ",
                           options_.dim);
  }
  if (request.k < 1 || request.k > kMaxK) {
    return InvalidArgument("index: k is ", request.k, ", expected 1 to ", kMaxK);
  }
  if (request.effort > kMaxEffort) {
    return InvalidArgument("index: effort is ", request.effort, ", expected at most ", kMaxEffort);
  }
  const auto& exclude = request.exclude;
  if (exclude.size() > kMaxK || std::adjacent_find(exclude.begin(), exclude.end(),
                                                   std::greater_equal<>()) != exclude.end()) {
    return InvalidArgument("index: ", exclude.size(), " excluded ids, expected at most ", kMaxK,
                           ", ascending");
  }
  if (SquaredNorm(request.query) == 0) {
    return InvalidArgument("index: query is a zero vector, which has no neighbours");
  }
  return OkStatus();
}

void VectorIndex::OfferNode(const Query& query, uint32_t node, int32_t dot, TopK& top) const {
  const double score = query.Score(dot, base_->squared_norm(node));
  if (score < top.bound()) return;
  for (const uint32_t row : base_->rows_of_node(node)) {
    if (masked_.Test(row) || query.Excludes(id_of_row_[row])) continue;
    top.Offer(id_of_row_[row], score);
  }
}

void VectorIndex::ScanBase(const Query& query, TopK& top) const {
  if (base_ == nullptr) return;
  std::array<int32_t, kBlockRows> dots;
  const size_t nodes = base_->node_count();
  const float* inverse_norms = base_->inverse_norms();
  for (size_t first = 0; first < nodes; first += kBlockRows) {
    if (query.GivesUp(first)) return;
    const size_t count = std::min(kBlockRows, nodes - first);
    DotRows(query.vector.data(), base_->vectors() + first * options_.dim, count, options_.dim,
            dots.data());
    for (size_t i = 0; i < count; ++i) {
      if (static_cast<double>(dots[i]) * inverse_norms[first + i] >=
          query.Threshold(top.bound())) {
        OfferNode(query, static_cast<uint32_t>(first + i), dots[i], top);
      }
    }
  }
}

void VectorIndex::ScanDelta(const Query& query, TopK& top) const {
  std::array<int32_t, kBlockRows> dots;
  delta_.ForEachRun([&](size_t run_first, const int8_t* rows, size_t run_count) {
    for (size_t first = 0; first < run_count; first += kBlockRows) {
      if (query.GivesUp(first)) return;
      const size_t count = std::min(kBlockRows, run_count - first);
      DotRows(query.vector.data(), rows + first * options_.dim, count, options_.dim, dots.data());
      for (size_t i = 0; i < count; ++i) {
        const size_t slot = run_first + first + i;
        if (static_cast<double>(dots[i]) * delta_.inverse_norm(slot) <
            query.Threshold(top.bound())) {
          continue;
        }
        if (query.Excludes(delta_.id(slot))) continue;
        top.Offer(delta_.id(slot), query.Score(dots[i], delta_.squared_norm(slot)));
      }
    }
  });
}

size_t VectorIndex::ScanSurvivors(const Query& query, const Bitmap& filter, TopK& top) const {
  std::array<uint32_t, kGather> ids;
  std::array<uint32_t, kGather> nodes;
  std::array<int32_t, kGather> dots;
  size_t waiting = 0;
  size_t scanned = 0;
  bool given_up = false;
  const auto flush = [&] {
    BestKernel().dot_gather(query.vector.data(), base_->vectors(), nodes.data(), waiting,
                            options_.dim, dots.data());
    for (size_t i = 0; i < waiting; ++i) {
      top.Offer(ids[i], query.Score(dots[i], base_->squared_norm(nodes[i])));
    }
    waiting = 0;
  };
  filter.ForEach([&](uint32_t id) {
    if (given_up || id >= places_.size() || !IsLive(places_[id]) || query.Excludes(id)) return;
    given_up = query.GivesUp(scanned++);
    const Place& place = places_[id];
    if (place.slot != kNone) {
      const auto v = delta_.vector(place.slot);
      top.Offer(id, query.Score(Dot(query.vector.data(), v.data(), v.size()),
                                delta_.squared_norm(place.slot)));
      return;
    }
    ids[waiting] = id;
    nodes[waiting] = base_->node_of_row(place.row);
    const auto v = base_->vector(nodes[waiting]);
    for (size_t i = 0; i < v.size(); i += 64) __builtin_prefetch(v.data() + i);
    if (++waiting == kGather) flush();
  });
  if (waiting > 0) flush();
  return scanned;
}

// Scores what the walk found; returns how many live rows there were.
size_t VectorIndex::OfferWalked(const Query& query, std::span<const uint32_t> nodes,
                                TopK& top) const {
  std::vector<int32_t> dots(nodes.size());
  BestKernel().dot_gather(query.vector.data(), base_->vectors(), nodes.data(), nodes.size(),
                          options_.dim, dots.data());
  size_t live = 0;
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (const uint32_t row : base_->rows_of_node(nodes[i])) live += masked_.Test(row) ? 0 : 1;
    OfferNode(query, nodes[i], dots[i], top);
  }
  return live;
}

// A candidate of a walk costs about as much as scanning this many vectors in order (measured at
// 60,000 x 256, degree 16: 2.4 µs against 37 ns): `degree` of them are touched, at random.
bool VectorIndex::GraphPays(size_t effort) const {
  constexpr size_t kScannedPerCandidate = 64;
  return base_ != nullptr && effort * kScannedPerCandidate < base_->node_count();
}

StatusOr<SearchResult> VectorIndex::Search(const SearchRequest& request) const {
  LARDER_RETURN_IF_ERROR(CheckRequest(request));
  const Query query(request);
  SearchResult result = Find(request, query);
  if (query.Late()) return DeadlineExceeded("index: the search took longer than its deadline");
  return result;
}

SearchResult VectorIndex::Find(const SearchRequest& request, const Query& query) const {
  SearchResult result;

  if (request.filter != nullptr) {
    TopK top(request.k, request.order);
    result.plan = "filtered-exact";
    result.scanned = ScanSurvivors(query, *request.filter, top);
    result.hits = top.Take();
    return result;
  }

  const size_t wanted = request.k + request.exclude.size();
  const size_t effort = request.effort == 0 ? std::max(kDefaultEffort, 2 * wanted)
                                            : std::max(request.effort, wanted);
  if (!request.exact && GraphPays(effort)) {
    const size_t live = base_->row_count() - masked_count_;
    const WalkResult walk =
        WalkGraph(*base_, query.vector, effort, masked_count_ > 0 ? &dead_nodes_ : nullptr);
    TopK top(request.k, request.order);
    result.walked = walk.distances;
    // Too few: the neighbourhood is masked, or the graph has unreachable parts.
    if (OfferWalked(query, walk.nodes, top) >= std::min(wanted, live)) {
      ScanDelta(query, top);
      result.plan = "graph+delta";
      result.scanned = delta_.size();
      result.hits = top.Take();
      return result;
    }
  }

  TopK top(request.k, request.order);
  ScanBase(query, top);
  ScanDelta(query, top);
  result.plan = "exact";
  result.scanned = delta_.size() + (base_ == nullptr ? 0 : base_->node_count());
  result.hits = top.Take();
  return result;
}

}  // namespace larder::ann
