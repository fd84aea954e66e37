// SPDX-License-Identifier: Apache-2.0
#include "base/fixed_point.h"

#include <algorithm>
#include <cmath>

namespace larder {

std::vector<int8_t> ToFixedPoint(std::span<const float> values) {
  double largest = 0;
  for (const float value : values) {
    if (std::isfinite(value)) largest = std::max(largest, std::fabs(double{value}));
  }
  const size_t n = values.size();
  std::vector<int8_t> halves(2 * n);
  if (largest == 0) return halves;
  for (size_t i = 0; i < n; ++i) {
    if (!std::isfinite(values[i])) continue;
    // Divided first: 127 / largest would be infinite for tiny vectors.
    const int code = static_cast<int>(std::nearbyint(double{values[i]} / largest * (127 * 256)));
    const int high = (code + 128) >> 8;  // floor: the low half is in [-128, 127]
    halves[i] = static_cast<int8_t>(high);
    halves[n + i] = static_cast<int8_t>(code - 256 * high);
  }
  return halves;
}

}  // namespace larder
