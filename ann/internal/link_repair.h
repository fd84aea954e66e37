// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_INTERNAL_LINK_REPAIR_H_
#define LARDER_ANN_INTERNAL_LINK_REPAIR_H_

#include <cstdint>
#include <span>
#include <vector>

#include "ann/graph_base.h"

namespace larder::ann {

// The links of a graph's nodes once some nodes are gone. In place of a lost link comes one to what
// that node was linked to, so that paths through it stay: first those that are nearer to the node
// than to what it is linked to, the nearest first, as many as there is room for; then others, up to
// as many links as it had.
//
// Thread-safety: single-thread.
// Cost: some 20 µs for a node that loses links; the others' are copied.
// Source: Singh et al. 2021 (FreshDiskANN, arXiv 2105.09613) §4.2, delete; differs: the links that
//   are left stay as they are, and the rule is that of Malkov & Yashunin 2018, algorithm 4.
class LinkRepair {
 public:
  // `gone` by node. Both must outlive this.
  LinkRepair(const GraphBase& graph, const std::vector<bool>& gone) : graph_(graph), gone_(gone) {}

  // Of a node that is not gone, at one of its levels. Valid until the next call.
  std::span<const uint32_t> Links(uint32_t level, uint32_t node);

 private:
  struct Candidate {
    uint32_t node = 0;
    float similarity = 0;  // to the node whose links are wanted
  };
  float Similarity(uint32_t a, uint32_t b) const;
  void Collect(uint32_t level, uint32_t node, uint32_t lost);
  bool IsApart(const Candidate& candidate) const;

  const GraphBase& graph_;
  const std::vector<bool>& gone_;
  std::vector<uint32_t> links_;
  std::vector<uint32_t> beyond_;  // what the lost ones were linked to
  std::vector<Candidate> candidates_;
};

}  // namespace larder::ann

#endif  // LARDER_ANN_INTERNAL_LINK_REPAIR_H_
