// SPDX-License-Identifier: Apache-2.0
#include "text/training/newness.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace larder::text::internal {

std::vector<double> NewnessWeights(std::span<const TimeUs> times) {
  std::vector<TimeUs> sorted(times.begin(), times.end());
  std::sort(sorted.begin(), sorted.end());
  const auto count = static_cast<double>(times.size());
  std::vector<double> weights;
  for (const TimeUs time : times) {
    const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), time);
    const auto place = static_cast<double>((first - sorted.begin()) + (last - sorted.begin())) / 2;
    weights.push_back(std::exp(place / count));
  }
  const double mean = std::accumulate(weights.begin(), weights.end(), 0.0) / count;
  for (double& weight : weights) weight /= mean;
  return weights;
}

std::vector<uint32_t> DrawByWeight(std::span<const double> weights, Random& random) {
  const auto count = static_cast<double>(weights.size());
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  // Marks at next, next + 1, …, count of them, on a line that the weights share.
  double next = random.Unit();
  double end = 0;
  std::vector<uint32_t> drawn;
  drawn.reserve(weights.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    end += weights[i] / total * count;
    for (; next < end && drawn.size() < weights.size(); ++next) {
      drawn.push_back(static_cast<uint32_t>(i));
    }
  }
  // Rounding may leave the last mark beyond the end.
  if (drawn.size() < weights.size()) drawn.push_back(static_cast<uint32_t>(weights.size() - 1));
  return drawn;
}

}  // namespace larder::text::internal
