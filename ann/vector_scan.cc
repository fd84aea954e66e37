// SPDX-License-Identifier: Apache-2.0
// Scans: of int8 codes, which are exact, and of sketches, whose best are looked at more closely.
#include <algorithm>
#include <array>
#include <numeric>

#include "ann/distance.h"
#include "ann/internal/prefetch.h"
#include "ann/internal/query.h"
#include "ann/internal/sketch_reader.h"
#include "ann/internal/top_k.h"
#include "ann/vector_index.h"

namespace larder::ann {
namespace {

// Rows per call of a kernel: their dot products fit the first-level cache.
constexpr size_t kBlockRows = 512;
// Vectors under way from memory while some are gathered.
constexpr size_t kGather = 32;

}  // namespace

bool VectorIndex::Admits(const Query& query, uint32_t id) const {
  return (query.request.filter == nullptr || query.request.filter->Test(id)) &&
         !query.Excludes(id);
}

// Offers a node's rows that are live and that the filter admits, but for the excluded ones. Returns
// how many there are, those included.
size_t VectorIndex::OfferNode(const Query& query, uint32_t node, int32_t dot, TopK& top) const {
  const double score = query.Score(dot, base_->vector(node));
  const Bitmap* filter = query.request.filter;
  const RowRange rows = base_->rows_of_node(node);
  size_t count = 0;
  for (uint32_t row = rows.begin; row < rows.end; ++row) {
    const uint32_t id = id_of_row_[row];
    if (masked_.Test(row) || (filter != nullptr && !filter->Test(id))) continue;
    ++count;
    if (score >= top.bound() && !query.Excludes(id)) top.Offer(id, score);
  }
  return count;
}

// Offers vectors that lie anywhere; those that come are live and admitted, but for the excluded.
void VectorIndex::OfferIds(const Query& query, std::span<const uint32_t> ids, TopK& top) const {
  std::array<uint32_t, kGather> based;  // of those that the base serves
  std::array<uint32_t, kGather> nodes;
  std::array<int32_t, kGather> dots;
  for (size_t begin = 0; begin < ids.size(); begin += kGather) {
    size_t count = 0;
    for (const uint32_t id : ids.subspan(begin, std::min(kGather, ids.size() - begin))) {
      if (node_of_id_[id] == kNone) {
        OfferSlot(query, places_[id].slot, top);
        continue;
      }
      based[count] = id;
      nodes[count++] = node_of_id_[id];
      Prefetch(base_->vector(node_of_id_[id]).high);
      __builtin_prefetch(base_->inverse_norms() + node_of_id_[id]);
    }
    if (count == 0) continue;
    BestKernel().dot_gather(query.vector.high.data(), base_->high(), nodes.data(), count, dim(),
                            dots.data());
    for (size_t i = 0; i < count; ++i) {
      const float similarity = static_cast<float>(dots[i]) * base_->inverse_norms()[nodes[i]];
      if (similarity < query.Threshold(top.bound(), base_->slack())) continue;
      if (query.Excludes(based[i])) continue;
      top.Offer(based[i], query.Score(dots[i], base_->vector(nodes[i])));
    }
  }
}

void VectorIndex::OfferSlot(const Query& query, uint32_t slot, TopK& top) const {
  const VectorView v = delta_.vector(slot);
  const int32_t dot = ann::Dot(query.vector.high.data(), v.high.data(), dim());
  if (static_cast<float>(dot) * delta_.inverse_norm(slot) <
      query.Threshold(top.bound(), delta_.slack())) {
    return;
  }
  if (!query.Excludes(delta_.id(slot))) top.Offer(delta_.id(slot), query.Score(dot, v));
}

size_t VectorIndex::ScanBase(const Query& query, TopK& top) const {
  if (base_ == nullptr) return 0;
  std::array<int32_t, kBlockRows> dots;
  const size_t nodes = base_->node_count();
  const float* inverse_norms = base_->inverse_norms();
  for (size_t first = 0; first < nodes; first += kBlockRows) {
    if (query.GivesUp(first)) break;
    const size_t count = std::min(kBlockRows, nodes - first);
    DotRows(query.vector.high.data(), base_->high() + first * dim(), count, dim(), dots.data());
    float threshold = query.Threshold(top.bound(), base_->slack());
    for (size_t i = 0; i < count; ++i) {
      if (static_cast<float>(dots[i]) * inverse_norms[first + i] < threshold) continue;
      OfferNode(query, static_cast<uint32_t>(first + i), dots[i], top);
      threshold = query.Threshold(top.bound(), base_->slack());
    }
  }
  return nodes;
}

size_t VectorIndex::ScanDelta(const Query& query, TopK& top) const {
  std::array<int32_t, kBlockRows> dots;
  bool given_up = false;
  delta_.ForEachRun([&](const RowStore::Run& run) {
    for (size_t first = 0; first < run.count; first += kBlockRows) {
      given_up = given_up || query.GivesUp(run.first + first);
      if (given_up) return;
      const size_t count = std::min(kBlockRows, run.count - first);
      DotRows(query.vector.high.data(), run.high + first * dim(), count, dim(), dots.data());
      float threshold = query.Threshold(top.bound(), delta_.slack());
      for (size_t i = 0; i < count; ++i) {
        const size_t slot = run.first + first + i;
        if (static_cast<float>(dots[i]) * delta_.inverse_norm(slot) < threshold) continue;
        if (!Admits(query, delta_.id(slot))) continue;
        top.Offer(delta_.id(slot), query.Score(dots[i], delta_.vector(slot)));
        threshold = query.Threshold(top.bound(), delta_.slack());
      }
    }
  });
  return delta_.size();
}

size_t VectorIndex::ScanSurvivors(const Query& query, TopK& top) const {
  std::array<uint32_t, kBlockRows> ids;
  size_t waiting = 0;
  size_t scanned = 0;
  bool given_up = false;
  query.request.filter->ForEach([&](uint32_t id) {
    if (given_up || id >= places_.size() || !IsLive(places_[id])) return;
    given_up = query.GivesUp(scanned++);
    ids[waiting++] = id;
    if (waiting == ids.size()) {
      OfferIds(query, ids, top);
      waiting = 0;
    }
  });
  OfferIds(query, std::span(ids).first(waiting), top);
  return scanned;
}

// Ids whose estimates promise something, until there are enough for a closer look at once.
class VectorIndex::Looks {
 public:
  Looks(const VectorIndex& index, const Query& query, TopK& top)
      : index_(index), query_(query), top_(top), threshold_(Threshold()) {}

  // Estimates below this are not worth one.
  float threshold() const { return threshold_; }
  void Add(uint32_t id) {
    ids_[waiting_++] = id;
    if (waiting_ == ids_.size()) Look();
  }
  void Look() {
    index_.OfferIds(query_, std::span(ids_).first(waiting_), top_);
    waiting_ = 0;
    threshold_ = Threshold();
  }

 private:
  float Threshold() const { return query_.SketchThreshold(top_.bound(), top_.full()); }

  const VectorIndex& index_;
  const Query& query_;
  TopK& top_;
  float threshold_;
  size_t waiting_ = 0;
  std::array<uint32_t, kGather> ids_;
};

size_t VectorIndex::ScanBaseSketches(const Query& query, TopK& top) const {
  if (base_ == nullptr) return 0;
  const size_t stride = sketch_shape().stride();
  SketchReader reader(query, sketch_shape());
  Looks looks(*this, query, top);
  std::array<uint32_t, SketchReader::kMostRows> ids;
  std::array<uint32_t, SketchReader::kMostRows> nodes;
  size_t waiting = 0;
  size_t scanned = 0;
  const char* sketches = base_->sketches();
  const auto flush = [&] {
    const size_t kept = reader.Keep(sketches, looks.threshold(),
                                    std::span(nodes).first(waiting), ids.data());
    for (size_t i = 0; i < kept; ++i) looks.Add(ids[i]);
    waiting = 0;
  };
  bool given_up = false;
  const uint32_t* node_of_id = node_of_id_.data();
  const size_t end = node_of_id_.size();
  const auto take = [&](uint32_t id) {
    if (id >= end || node_of_id[id] == kNone) return;
    const uint32_t node = node_of_id[id];
    Prefetch(std::span(sketches + node * stride, stride));
    ids[waiting] = id;
    nodes[waiting] = node;
    if (++waiting < nodes.size()) return;
    scanned += waiting;
    given_up = given_up || query.GivesUp(scanned);
    if (!given_up) flush();
    waiting = 0;
  };
  if (query.request.filter != nullptr) {
    query.request.filter->ForEach(take);
  } else {
    for (uint32_t id = 0; id < end; ++id) take(id);
  }
  scanned += waiting;
  flush();
  looks.Look();
  return scanned;
}

// A small delta is compared as it is: that is exact, and costs no more.
size_t VectorIndex::ScanDeltaSketches(const Query& query, TopK& top) const {
  constexpr size_t kSmall = 512;
  const SketchShape shape = sketch_shape();
  if (delta_.size() <= kSmall || shape.empty()) return ScanDelta(query, top);
  SketchReader reader(query, shape);
  Looks looks(*this, query, top);
  std::array<uint32_t, SketchReader::kMostRows> rows;
  std::array<uint32_t, SketchReader::kMostRows> ids;
  bool given_up = false;
  delta_.ForEachRun([&](const RowStore::Run& run) {
    for (size_t first = 0; first < run.count; first += rows.size()) {
      given_up = given_up || query.GivesUp(run.first + first);
      if (given_up) return;
      const size_t count = std::min(rows.size(), run.count - first);
      std::iota(rows.begin(), rows.end(), static_cast<uint32_t>(first));
      for (size_t i = 0; i < count; ++i) ids[i] = delta_.id(run.first + first + i);
      const size_t kept = reader.Keep(run.sketches, looks.threshold(),
                                      std::span(rows).first(count), ids.data());
      for (size_t i = 0; i < kept; ++i) {
        if (Admits(query, ids[i])) looks.Add(ids[i]);
      }
    }
  });
  looks.Look();
  return delta_.size();
}

}  // namespace larder::ann
