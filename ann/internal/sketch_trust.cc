// SPDX-License-Identifier: Apache-2.0
#include "ann/internal/sketch_trust.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ann/distance.h"
#include "ann/internal/query.h"

namespace larder::ann {
namespace {

// Nodes and links of each that are looked at. Neighbours matter, since a search wants what is near.
constexpr size_t kNodes = 32;
constexpr size_t kLinks = 8;
// The share of neighbours whose estimates may be too low. Measured: 0.035 to 0.04 of text through
// MiniLM and static encoders, at most 0.06 of clusters, 0.76 to 1 where sketches mislead.
constexpr double kMostTooLow = 0.2;
// Estimates of near-copies are off by a float's rounding.
constexpr double kRounding = 1e-4;

}  // namespace

bool MayTrustSketches(const GraphSections& s) {
  const GraphHeader& h = s.header;
  const SketchShape shape = h.sketch();
  if (shape.empty()) return false;
  size_t compared = 0;
  size_t too_low = 0;
  const size_t nodes = std::min<size_t>(kNodes, h.node_count);
  for (size_t i = 0; i < nodes; ++i) {
    const size_t node = i * h.node_count / nodes;
    const std::vector<int8_t> codes = s.vector(node).Codes();
    const SearchRequest request{.query = codes};
    const Query query(request, h.shape());
    for (size_t j = 0; j < std::min<size_t>(kLinks, 2 * h.degree); ++j) {
      const uint32_t link = s.base_links[node * 2 * h.degree + j];
      if (link == kNoNode) break;
      const int32_t dot = Dot(query.vector.high.data(), s.vector(link).high.data(), h.dim);
      const double cosine =
          static_cast<double>(dot) * s.inverse_norms[node] * s.inverse_norms[link];
      int32_t sum = 0;
      BestKernel().sum_bits(query.vector.high.data(), s.sketches.data(), shape.stride(), &link, 1,
                            h.dim, &sum);
      const float scale = SketchScale(shape, s.sketches.data() + link * shape.stride());
      ++compared;
      if (query.Estimate(sum, scale) < query.SketchThreshold(cosine - kRounding)) ++too_low;
    }
  }
  return compared > 0 &&
         static_cast<double>(too_low) <= kMostTooLow * static_cast<double>(compared);
}

}  // namespace larder::ann
