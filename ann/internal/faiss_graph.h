// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_INTERNAL_FAISS_GRAPH_H_
#define LARDER_ANN_INTERNAL_FAISS_GRAPH_H_

#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

#include "ann/graph_base.h"
#include "base/status.h"

namespace larder::ann {

// The links that FAISS made, flattened to rows of fixed width; unused ends hold kNoNode.
struct FaissGraph {
  std::vector<uint32_t> base_links{};   // [n, 2 * degree]
  std::vector<uint32_t> upper_links{};  // per level >= 1: [nodes of the level, degree]
  uint32_t entry_node = 0;
};

// What FAISS is given: distinct vectors, numbered by falling level.
struct FaissGraphInput {
  std::span<const int8_t> vectors;       // [n, dim] row-major high halves
  size_t dim = 0;
  std::span<const float> inverse_norms;  // [n], HighNorm::inverse
  std::span<const uint8_t> levels;       // [n], falling: the levels above 0 that a node is part of
  uint32_t degree = 0;
  uint32_t ef_construction = 0;
  uint32_t threads = 1;
  // A graph of some of the nodes, with empty rows for the others, to which no link leads; its entry
  // is of the highest level that one of them has. Null: a new graph.
  const FaissGraph* linked = nullptr;
  // The nodes to link, in this order, by falling level: all the others of `linked`.
  std::span<const uint32_t> insert;
};

// Builds an HNSW graph by cosine with FAISS's `HNSW` over the given int8 rows, which are neither
// copied nor widened, or adds nodes to one. One thread gives the same graph every time; more do
// not.
//
// Thread-safety: starts `threads` - 1 threads of its own and joins them.
// Errors: kCancelled when `stop` was requested; kResourceExhausted without memory.
// Cost: about insert.size() * ef_construction * degree dot products.
// Source: FAISS 1.7.3 IndexHNSW.cpp hnsw_add_vertices; differs: levels are given, rows are int8,
//   threads take the next node instead of a fixed share, it can be stopped and go on from a graph.
StatusOr<FaissGraph> BuildFaissGraph(const FaissGraphInput& input, const BuildProgress& progress,
                                     const std::stop_token& stop);

}  // namespace larder::ann

#endif  // LARDER_ANN_INTERNAL_FAISS_GRAPH_H_
