// SPDX-License-Identifier: Apache-2.0
#include "ann/internal/graph_draft.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "ann/internal/link_repair.h"
#include "ann/internal/mainland.h"
#include "base/bytes.h"
#include "base/hash.h"

namespace larder::ann {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014), so that levels do not depend on a library's generator.
uint64_t Mix(uint64_t z) {
  z += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// A node's, by the hash of its vector.
uint64_t DrawOf(uint64_t hash, uint64_t seed) { return Mix(hash ^ Mix(seed)); }

// Each further level is reached with probability 1 / degree (Malkov & Yashunin 2018, §4.1).
uint8_t LevelOf(uint64_t draw, uint32_t degree) {
  uint8_t level = 0;
  for (draw = Mix(draw); level + 1u < kMaxLevels && draw % degree == 0; draw = Mix(draw)) ++level;
  return level;
}

uint64_t HashOf(const VectorView& v) { return Hash64(AsBytes(v.low), Hash64(AsBytes(v.high))); }

// More than a quarter of its links led to what is gone: linked anew it is found more often than by
// what was beyond them (ADR 13), and where all of its surroundings are gone nothing is.
bool HasLostMuch(const GraphBase& graph, const std::vector<bool>& gone, uint32_t node) {
  size_t links = 0;
  size_t left = 0;
  for (const uint32_t link : graph.links(0, node)) {
    if (link == kNoNode) break;
    ++links;
    if (!gone[link]) ++left;
  }
  return 4 * left < 3 * links;
}

Status CheckRange(std::string_view what, uint64_t value, uint64_t low, uint64_t high) {
  if (value >= low && value <= high) return OkStatus();
  return InvalidArgument("graph: ", what, " is ", value, ", expected ", low, " to ", high);
}

}  // namespace

Status CheckGraphOptions(const GraphOptions& options) {
  LARDER_RETURN_IF_ERROR(CheckRange("dim", options.shape.dim, 1, kMaxDim));
  LARDER_RETURN_IF_ERROR(CheckRange("degree", options.degree, kMinDegree, kMaxDegree));
  LARDER_RETURN_IF_ERROR(CheckRange("ef_construction", options.ef_construction, 8, 2000));
  return CheckRange("threads", options.threads, 1, 64);
}

uint32_t GraphDraft::Add(const VectorView& vector) {
  const uint64_t hash = HashOf(vector);
  const auto node = static_cast<uint32_t>(nodes_.size());
  const auto [it, is_new] = by_hash_.try_emplace(hash, node);
  if (!is_new && nodes_[it->second].vector == vector) return it->second;
  const uint64_t draw = DrawOf(hash, options_.seed);
  nodes_.push_back({vector, draw, LevelOf(draw, options_.degree)});
  return node;
}

void GraphDraft::AddOld(const VectorView& vector, uint32_t level) {
  const uint64_t hash = HashOf(vector);
  by_hash_.try_emplace(hash, static_cast<uint32_t>(nodes_.size()));
  nodes_.push_back({vector, DrawOf(hash, options_.seed), static_cast<uint8_t>(level)});
  old_count_ = nodes_.size();
}

void GraphDraft::AddRow(std::string_view key, uint32_t node) {
  node_of_row_.push_back(node);
  keys_.push_back(key);
  key_bytes_ += key.size();
}

// By falling level, then in order of keys, so that a pass over rows goes through memory in order.
// Nodes without rows get no number.
void GraphDraft::Number() {
  std::vector<uint32_t> first_row(nodes_.size(), kNoNode);
  for (uint32_t row = 0; row < node_of_row_.size(); ++row) {
    first_row[node_of_row_[row]] = std::min(first_row[node_of_row_[row]], row);
  }
  for (uint32_t node = 0; node < nodes_.size(); ++node) {
    if (first_row[node] != kNoNode) order_.push_back(node);
  }
  std::sort(order_.begin(), order_.end(), [&](uint32_t a, uint32_t b) {
    if (nodes_[a].level != nodes_[b].level) return nodes_[a].level > nodes_[b].level;
    return first_row[a] < first_row[b];
  });
  number_.assign(nodes_.size(), kNoNode);
  for (uint32_t i = 0; i < order_.size(); ++i) number_[order_[i]] = i;
}

// The numbers of the nodes that are not linked yet, in the order in which they will be: by falling
// level, shuffled within one, since an order of its own (by topic, say) makes a worse graph.
std::vector<uint32_t> GraphDraft::InsertOrder(const std::vector<bool>& linked) const {
  std::vector<uint32_t> insert;
  for (uint32_t i = 0; i < order_.size(); ++i) {
    if (!linked[i]) insert.push_back(i);
  }
  std::sort(insert.begin(), insert.end(), [this](uint32_t a, uint32_t b) {
    const Node& x = nodes_[order_[a]];
    const Node& y = nodes_[order_[b]];
    if (x.level != y.level) return x.level > y.level;
    return x.draw != y.draw ? x.draw < y.draw : a < b;
  });
  return insert;
}

GraphHeader GraphDraft::MakeHeader() const {
  GraphHeader header{.dim = static_cast<uint32_t>(options_.shape.dim),
                     .degree = options_.degree,
                     .node_count = static_cast<uint32_t>(order_.size()),
                     .row_count = static_cast<uint32_t>(keys_.size()),
                     .level_count = uint32_t{nodes_[order_.front()].level} + 1,
                     .has_low = options_.shape.has_low,
                     .space = options_.space};
  for (const uint32_t added : order_) {
    for (uint32_t level = 0; level <= nodes_[added].level; ++level) ++header.nodes_at_level[level];
  }
  return header;
}

// The links of the old graph's nodes that are left, under the new numbers. What has lost many of
// its links, and what they do not hold together, is linked anew.
StatusOr<GraphDraft::Start> GraphDraft::TakeLinks(const GraphHeader& header, const GraphBase& old,
                                                  const std::stop_token& stop) const {
  constexpr size_t kLook = 1'024;  // nodes between two looks at the stop token
  std::vector<bool> removed(old_count_);
  for (size_t node = 0; node < old_count_; ++node) removed[node] = number_[node] == kNoNode;
  std::vector<bool> gone = removed;
  std::vector<uint32_t> left;  // the numbers of those that keep their links
  for (uint32_t i = 0; i < order_.size(); ++i) {
    if (order_[i] >= old_count_) continue;
    if (HasLostMuch(old, removed, order_[i])) {
      gone[order_[i]] = true;
    } else {
      left.push_back(i);
    }
  }
  LinkRepair repair(old, gone);
  FaissGraph graph;
  const uint32_t top = nodes_[order_.front()].level;
  size_t looked = 0;
  for (uint32_t level = 0; level <= top; ++level) {
    std::vector<uint32_t>& out = level == 0 ? graph.base_links : graph.upper_links;
    const size_t width = (level == 0 ? size_t{2} : size_t{1}) * options_.degree;
    for (const uint32_t added : order_) {
      if (nodes_[added].level < level) break;
      const size_t begin = out.size();
      out.resize(begin + width, kNoNode);
      if (added >= old_count_ || gone[added]) continue;
      if (++looked % kLook == 0 && stop.stop_requested()) return Cancelled("graph build stopped");
      const std::span<const uint32_t> links = repair.Links(level, added);
      for (size_t i = 0; i < links.size(); ++i) out[begin + i] = number_[links[i]];
    }
  }
  auto mainland = FindMainland(graph, size_t{2} * options_.degree, left);
  if (!mainland.has_value()) return Start{.linked = std::vector<bool>(order_.size())};
  graph.entry_node = mainland->entry;
  Isolate(*mainland, options_.degree, std::span(header.nodes_at_level).first(top + 1), graph);
  return Start{.graph = std::move(graph), .linked = std::move(mainland->nodes)};
}

// The rows in order of their nodes; within a node they stay in order of keys.
std::vector<uint32_t> GraphDraft::RowsByNode() const {
  std::vector<uint32_t> rows(keys_.size());
  std::iota(rows.begin(), rows.end(), 0u);
  std::stable_sort(rows.begin(), rows.end(), [this](uint32_t a, uint32_t b) {
    return number_[node_of_row_[a]] < number_[node_of_row_[b]];
  });
  return rows;
}

StatusOr<std::shared_ptr<const GraphBase>> GraphDraft::Finish(const GraphBase* old,
                                                              const BuildProgress& progress,
                                                              const std::stop_token& stop) {
  Number();
  GraphHeader header = MakeHeader();
  const uint64_t size = GraphFileBytes(header, key_bytes_);
  if (size > kMaxGraphFileBytes) {
    return ResourceExhausted("graph: file would have ", size, " bytes, expected at most ",
                             kMaxGraphFileBytes);
  }

  std::vector<int8_t> high;
  std::vector<int8_t> low;
  std::vector<float> inverse_norms;
  std::vector<uint8_t> levels;
  const SketchShape sketch = header.sketch();
  std::vector<char> sketches(order_.size() * sketch.stride());
  high.reserve(order_.size() * header.dim);
  if (header.has_low) low.reserve(order_.size() * header.dim);
  for (uint32_t i = 0; i < order_.size(); ++i) {
    const Node& node = nodes_[order_[i]];
    high.insert(high.end(), node.vector.high.begin(), node.vector.high.end());
    low.insert(low.end(), node.vector.low.begin(), node.vector.low.end());
    const HighNorm norm = NormOf(node.vector);
    inverse_norms.push_back(norm.inverse);
    header.slack = std::max(header.slack, norm.slack);
    levels.push_back(node.level);
    if (!sketch.empty()) {
      MakeSketch(sketch, node.vector, norm.inverse, &sketches[i * sketch.stride()]);
    }
  }
  Start start{.linked = std::vector<bool>(order_.size())};
  if (old != nullptr) {
    LARDER_ASSIGN_OR_RETURN(start, TakeLinks(header, *old, stop));
  }
  const std::vector<uint32_t> insert = InsertOrder(start.linked);
  const FaissGraph* linked = start.graph.has_value() ? &*start.graph : nullptr;
  LARDER_ASSIGN_OR_RETURN(FaissGraph graph,
                          BuildFaissGraph({.vectors = high,
                                           .dim = header.dim,
                                           .inverse_norms = inverse_norms,
                                           .levels = levels,
                                           .degree = options_.degree,
                                           .ef_construction = options_.ef_construction,
                                           .threads = options_.threads,
                                           .linked = linked,
                                           .insert = insert},
                                          progress, stop));
  header.entry_node = graph.entry_node;
  std::vector<uint32_t> node_of_row;
  std::string key_bytes;
  std::vector<uint32_t> key_ends;
  key_bytes.reserve(key_bytes_);
  for (const uint32_t row : RowsByNode()) {
    node_of_row.push_back(number_[node_of_row_[row]]);
    key_bytes += keys_[row];
    key_ends.push_back(static_cast<uint32_t>(key_bytes.size()));
  }
  return GraphBase::FromSections({.header = header,
                                  .vectors = high,
                                  .low = low,
                                  .base_links = graph.base_links,
                                  .upper_links = graph.upper_links,
                                  .inverse_norms = inverse_norms,
                                  .sketches = sketches,
                                  .node_of_row = node_of_row,
                                  .key_ends = key_ends,
                                  .key_bytes = key_bytes});
}

}  // namespace larder::ann
