// SPDX-License-Identifier: Apache-2.0
#include "base/fixed_point.h"

#include <algorithm>
#include <cmath>

namespace larder {
namespace {

// values[i] = component(i), an integer, scaled to length 1; zero stays zero.
template <typename Component>
void ToUnitLength(const Component& component, std::span<float> values) {
  int64_t squares = 0;
  for (size_t i = 0; i < values.size(); ++i) squares += int64_t{component(i)} * component(i);
  const double norm = squares > 0 ? std::sqrt(static_cast<double>(squares)) : 1;
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(component(i) / norm);
}

}  // namespace

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
  const size_t low = halves.size() / 2;
  ToUnitLength([&](size_t i) { return 256 * halves[i] + halves[low + i]; }, values);
}

void FromInt8(std::span<const int8_t> codes, std::span<float> values) {
  ToUnitLength([&](size_t i) { return int{codes[i]}; }, values);
}

}  // namespace larder
