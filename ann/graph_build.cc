// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "ann/distance.h"
#include "ann/graph_base.h"
#include "base/bytes.h"

namespace larder::ann {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014): a stateless mix of seed and position, so that levels do
// not depend on a library's generator.
uint64_t Mix(uint64_t seed, uint64_t i) {
  uint64_t z = seed + (i + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

Status CheckRange(std::string_view what, uint64_t value, uint64_t low, uint64_t high) {
  if (value >= low && value <= high) return OkStatus();
  return InvalidArgument("graph: ", what, " is ", value, ", expected ", low, " to ", high);
}

Status CheckInput(const GraphOptions& options, std::span<const int8_t> vectors,
                  std::span<const std::string> keys) {
  LARDER_RETURN_IF_ERROR(CheckRange("dim", options.dim, 1, kMaxDim));
  LARDER_RETURN_IF_ERROR(CheckRange("degree", options.degree, kMinDegree, kMaxDegree));
  LARDER_RETURN_IF_ERROR(CheckRange("ef_construction", options.ef_construction, 8, 2000));
  LARDER_RETURN_IF_ERROR(CheckRange("threads", options.threads, 1, 64));
  if (keys.size() > kMaxNodes) {
    return ResourceExhausted("graph: ", keys.size(), " vectors, expected at most ", kMaxNodes);
  }
  if (vectors.size() != keys.size() * options.dim) {
    return InvalidArgument("graph: ", vectors.size(), " components, expected ", keys.size(),
                           " vectors of ", options.dim);
  }
  return OkStatus();
}

// The input's rows in order of key, without those whose vector is zero.
StatusOr<std::vector<uint32_t>> SortedRows(const GraphOptions& options,
                                           std::span<const int8_t> vectors,
                                           std::span<const std::string> keys) {
  std::vector<uint32_t> rows(keys.size());
  std::iota(rows.begin(), rows.end(), 0u);
  std::sort(rows.begin(), rows.end(), [&](uint32_t a, uint32_t b) { return keys[a] < keys[b]; });
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string& key = keys[rows[i]];
    if (key.empty() || key.size() > kMaxKeyBytes || !IsUtf8(key)) {
      return InvalidArgument("graph: key of vector ", rows[i], " has ", key.size(),
                             " bytes, expected 1 to ", kMaxKeyBytes, " of UTF-8");
    }
    if (i > 0 && keys[rows[i - 1]] == key) {
      return InvalidArgument("graph: key '", key, "' comes twice");
    }
  }
  std::erase_if(rows, [&](uint32_t row) {
    return SquaredNorm(vectors.subspan(row * options.dim, options.dim)) == 0;
  });
  if (rows.empty()) return InvalidArgument("graph: no vector to index");
  return rows;
}

struct Nodes {
  std::vector<uint32_t> first_row;    // [nodes] the input row that a node's vector is taken from
  std::vector<uint8_t> levels;        // [nodes], falling
  std::vector<uint32_t> node_of_row;  // [rows], in order of key
};

// Distinct vectors, numbered by falling level and shuffled within one: the order of insertion.
// Depends on vectors, keys and seed alone, not on the order of the input.
Nodes NumberNodes(const GraphOptions& options, std::span<const int8_t> vectors,
                  std::span<const uint32_t> rows) {
  Nodes nodes;
  std::vector<uint32_t> found;  // first rows, in order of key
  std::unordered_map<std::string_view, uint32_t> index;
  index.reserve(rows.size());
  for (const uint32_t row : rows) {
    const auto bytes = AsBytes(vectors.subspan(row * options.dim, options.dim));
    const auto [it, is_new] = index.try_emplace(bytes, static_cast<uint32_t>(found.size()));
    if (is_new) found.push_back(row);
    nodes.node_of_row.push_back(it->second);
  }

  std::vector<uint8_t> level(found.size());
  for (size_t i = 0; i < found.size(); ++i) {
    // Each further level is reached with probability 1 / degree (Malkov & Yashunin 2018, §4.1).
    uint64_t draw = Mix(options.seed, i);
    while (level[i] + 1u < kMaxLevels && draw % options.degree == 0) {
      ++level[i];
      draw = Mix(draw, i);
    }
  }
  std::vector<uint32_t> order(found.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    if (level[a] != level[b]) return level[a] > level[b];
    const uint64_t mix_a = Mix(~options.seed, a);
    const uint64_t mix_b = Mix(~options.seed, b);
    return mix_a != mix_b ? mix_a < mix_b : a < b;
  });

  std::vector<uint32_t> number(found.size());
  for (uint32_t node = 0; node < order.size(); ++node) {
    number[order[node]] = node;
    nodes.first_row.push_back(found[order[node]]);
    nodes.levels.push_back(level[order[node]]);
  }
  for (uint32_t& node : nodes.node_of_row) node = number[node];
  return nodes;
}

GraphHeader MakeHeader(const GraphOptions& options, const Nodes& nodes) {
  GraphHeader header{.dim = static_cast<uint32_t>(options.dim),
                     .degree = options.degree,
                     .node_count = static_cast<uint32_t>(nodes.levels.size()),
                     .row_count = static_cast<uint32_t>(nodes.node_of_row.size()),
                     .level_count = uint32_t{nodes.levels.front()} + 1,
                     .space = options.space};
  for (const uint8_t top : nodes.levels) {
    for (uint32_t level = 0; level <= top; ++level) ++header.nodes_at_level[level];
  }
  return header;
}

}  // namespace

StatusOr<std::shared_ptr<const GraphBase>> BuildGraphBase(const GraphOptions& options,
                                                          std::span<const int8_t> vectors,
                                                          std::span<const std::string> keys,
                                                          const BuildProgress& progress,
                                                          std::stop_token stop) {
  LARDER_RETURN_IF_ERROR(CheckInput(options, vectors, keys));
  LARDER_ASSIGN_OR_RETURN(const std::vector<uint32_t> rows, SortedRows(options, vectors, keys));
  const Nodes nodes = NumberNodes(options, vectors, rows);
  GraphHeader header = MakeHeader(options, nodes);
  uint64_t key_size = 0;
  for (const uint32_t row : rows) key_size += keys[row].size();
  if (const uint64_t size = GraphFileBytes(header, key_size); size > kMaxGraphFileBytes) {
    return ResourceExhausted("graph: file would have ", size, " bytes, expected at most ",
                             kMaxGraphFileBytes);
  }

  std::vector<int8_t> node_vectors;
  node_vectors.reserve(nodes.first_row.size() * options.dim);
  for (const uint32_t row : nodes.first_row) {
    const auto v = vectors.subspan(row * options.dim, options.dim);
    node_vectors.insert(node_vectors.end(), v.begin(), v.end());
  }
  const FaissGraphInput input{.vectors = node_vectors,
                              .dim = options.dim,
                              .levels = nodes.levels,
                              .degree = options.degree,
                              .ef_construction = options.ef_construction,
                              .threads = options.threads};
  LARDER_ASSIGN_OR_RETURN(const FaissGraph graph, BuildFaissGraph(input, progress, stop));
  header.entry_node = graph.entry_node;

  std::string key_bytes;
  std::vector<uint32_t> key_ends;
  key_bytes.reserve(key_size);
  for (const uint32_t row : rows) {
    key_bytes += keys[row];
    key_ends.push_back(static_cast<uint32_t>(key_bytes.size()));
  }
  const GraphSections sections{.header = header,
                               .vectors = node_vectors,
                               .base_links = graph.base_links,
                               .upper_links = graph.upper_links,
                               .node_of_row = nodes.node_of_row,
                               .key_ends = key_ends,
                               .key_bytes = key_bytes};
  return GraphBase::FromBytes(Frame(kGraphFormat, EncodeGraph(sections)), "new graph");
}

}  // namespace larder::ann
