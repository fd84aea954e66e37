// SPDX-License-Identifier: Apache-2.0
#include "ann/internal/mainland.h"

#include <algorithm>

#include "ann/internal/graph_format.h"

namespace larder::ann {
namespace {

constexpr size_t kTries = 16;

// Marks what links lead to from `start`, but for `taboo`; returns how many nodes.
size_t Reach(std::span<const uint32_t> links, size_t width, uint32_t start,
             const std::vector<bool>& taboo, std::vector<bool>& reached) {
  std::vector<uint32_t> open = {start};
  reached[start] = true;
  size_t count = 0;
  while (!open.empty()) {
    const uint32_t node = open.back();
    open.pop_back();
    ++count;
    for (const uint32_t link : links.subspan(node * width, width)) {
      if (link == kNoNode) break;
      if (reached[link] || taboo[link]) continue;
      reached[link] = true;
      open.push_back(link);
    }
  }
  return count;
}

// Empties the rows of all others and takes the links to them out of those that are left.
void IsolateLevel(const std::vector<bool>& kept, size_t width, std::span<uint32_t> links) {
  for (size_t node = 0; node * width < links.size(); ++node) {
    const auto row = links.subspan(node * width, width);
    const auto end = kept[node] ? std::remove_if(row.begin(), row.end(),
                                                 [&](uint32_t link) {
                                                   return link == kNoNode || !kept[link];
                                                 })
                                : row.begin();
    std::fill(end, row.end(), kNoNode);
  }
}

}  // namespace

std::optional<Mainland> FindMainland(const FaissGraph& graph, size_t width,
                                     std::span<const uint32_t> starts) {
  const size_t count = graph.base_links.size() / width;
  std::vector<bool> failed(count);   // starts
  std::vector<bool> islands(count);  // what they lead to, which leads no further
  size_t tries = 0;
  for (const uint32_t start : starts) {
    if (islands[start]) {
      failed[start] = true;
      continue;
    }
    Mainland mainland{.entry = start, .nodes = std::vector<bool>(count)};
    const size_t reached = Reach(graph.base_links, width, start, failed, mainland.nodes);
    if (2 * reached > starts.size()) return mainland;
    if (++tries == kTries) break;
    failed[start] = true;
    for (size_t node = 0; node < count; ++node) {
      if (mainland.nodes[node]) islands[node] = true;
    }
  }
  return std::nullopt;
}

void Isolate(const Mainland& mainland, uint32_t degree, std::span<const uint32_t> nodes_at_level,
             FaissGraph& graph) {
  IsolateLevel(mainland.nodes, size_t{2} * degree, graph.base_links);
  size_t begin = 0;
  for (const uint32_t nodes : nodes_at_level.subspan(1)) {
    const size_t size = size_t{nodes} * degree;
    IsolateLevel(mainland.nodes, degree, std::span(graph.upper_links).subspan(begin, size));
    begin += size;
  }
}

}  // namespace larder::ann
