// SPDX-License-Identifier: Apache-2.0
#include "ann/internal/link_repair.h"

#include <algorithm>

#include "ann/distance.h"
#include "ann/internal/prefetch.h"

namespace larder::ann {
namespace {

bool Contains(const std::vector<uint32_t>& links, uint32_t node) {
  return std::find(links.begin(), links.end(), node) != links.end();
}

}  // namespace

float LinkRepair::Similarity(uint32_t a, uint32_t b) const {
  const auto dot = static_cast<float>(
      Dot(graph_.vector(a).high.data(), graph_.vector(b).high.data(), graph_.shape().dim));
  return dot * graph_.inverse_norms()[a] * graph_.inverse_norms()[b];
}

// What a lost link's node was linked to, but for what is gone too.
void LinkRepair::Collect(uint32_t level, uint32_t node, uint32_t lost) {
  for (const uint32_t link : graph_.links(level, lost)) {
    if (link == kNoNode) break;
    if (gone_[link] || link == node) continue;
    Prefetch(graph_.vector(link).high);
    beyond_.push_back(link);
  }
}

// Nearer to the node than to each of those that it is linked to.
bool LinkRepair::IsApart(const Candidate& candidate) const {
  return std::all_of(links_.begin(), links_.end(), [&](uint32_t link) {
    return Similarity(candidate.node, link) < candidate.similarity;
  });
}

std::span<const uint32_t> LinkRepair::Links(uint32_t level, uint32_t node) {
  links_.clear();
  beyond_.clear();
  const std::span<const uint32_t> before = graph_.links(level, node);
  size_t had = 0;
  for (const uint32_t link : before) {
    if (link == kNoNode) break;
    ++had;
    if (gone_[link]) {
      Collect(level, node, link);
    } else {
      links_.push_back(link);
    }
  }
  std::sort(beyond_.begin(), beyond_.end());
  beyond_.erase(std::unique(beyond_.begin(), beyond_.end()), beyond_.end());
  candidates_.clear();
  for (const uint32_t link : beyond_) {
    if (Contains(links_, link)) continue;
    candidates_.push_back({link, Similarity(node, link)});
  }
  std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.node < b.node;
  });
  for (const Candidate& candidate : candidates_) {
    if (links_.size() == before.size()) break;
    if (IsApart(candidate)) links_.push_back(candidate.node);
  }
  for (const Candidate& candidate : candidates_) {
    if (links_.size() >= had) break;
    if (!Contains(links_, candidate.node)) links_.push_back(candidate.node);
  }
  return links_;
}

}  // namespace larder::ann
