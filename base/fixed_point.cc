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

void FromFixedPoint(std::span<const int8_t> halves, std::span<float> values) {
  const size_t n = values.size();
  const auto code = [&](size_t i) { return 256 * halves[i] + halves[n + i]; };
  int64_t squares = 0;
  for (size_t i = 0; i < n; ++i) squares += int64_t{code(i)} * code(i);
  const double norm = squares > 0 ? std::sqrt(static_cast<double>(squares)) : 1;
  for (size_t i = 0; i < n; ++i) values[i] = static_cast<float>(code(i) / norm);
}

}  // namespace larder
