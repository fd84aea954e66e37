// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_INTERNAL_GRAPH_WALK_H_
#define LARDER_ANN_INTERNAL_GRAPH_WALK_H_

#include <cstdint>
#include <span>
#include <vector>

#include "ann/bitmap.h"
#include "ann/graph_base.h"

namespace larder::ann {

struct WalkResult {
  std::vector<uint32_t> nodes;  // best first by float similarity; dead ones may be among them
  size_t distances = 0;         // dot products computed
};

// Walks the graph towards `query` with a buffer of the `effort` best nodes found.
//
// Nodes of `dead` (null: none) are walked through but do not count against the effort, so masked
// neighbourhoods are crossed rather than answered with.
//
// Thread-safety: thread-safe; the marks of visited nodes belong to the calling thread.
// Cost: about effort * degree dot products.
// Source: Malkov & Yashunin 2018, Alg. 2 and 5; differs: one sorted buffer instead of two heaps,
//   every unvisited neighbour of a node is prefetched before the first dot product.
WalkResult WalkGraph(const GraphBase& base, std::span<const int8_t> query, size_t effort,
                     const Bitmap* dead);

}  // namespace larder::ann

#endif  // LARDER_ANN_INTERNAL_GRAPH_WALK_H_
