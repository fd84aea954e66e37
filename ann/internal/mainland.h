// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_INTERNAL_MAINLAND_H_
#define LARDER_ANN_INTERNAL_MAINLAND_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ann/internal/faiss_graph.h"

namespace larder::ann {

// The part of a graph that its links hold together.
struct Mainland {
  uint32_t entry = 0;         // from here all of it is reached, on level 0
  std::vector<bool> nodes;    // by node
};

// Finds the part that has more than half of the nodes in `starts`: deletions may leave others
// without a way to them. Where a node with a high level leads to an island only, the next one is
// tried; it is then not part of the mainland, even if links lead to it.
//
// Shapes: starts: all nodes that are linked, those that should be the entry first; `width` links
//         per node on level 0.
// Nothing if none of the first few starts reaches as many: the graph is in pieces.
// Cost: a pass over the links, in the worst case sixteen.
std::optional<Mainland> FindMainland(const FaissGraph& graph, size_t width,
                                     std::span<const uint32_t> starts);

// Takes the links of all nodes that are not of the mainland, and those to them.
// Shapes: nodes of a level are those below `nodes_at_level`[level]; `degree` links per node above
//         level 0, twice as many there.
void Isolate(const Mainland& mainland, uint32_t degree, std::span<const uint32_t> nodes_at_level,
             FaissGraph& graph);

}  // namespace larder::ann

#endif  // LARDER_ANN_INTERNAL_MAINLAND_H_
