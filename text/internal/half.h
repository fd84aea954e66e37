// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_INTERNAL_HALF_H_
#define LARDER_TEXT_INTERNAL_HALF_H_

#include <bit>
#include <cmath>
#include <cstdint>

namespace larder::text::internal {

// The value of an IEEE 754 binary16, exactly; infinities and NaNs stay such.
inline float HalfToFloat(uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const auto fraction = static_cast<float>(bits & 1023);
  float value = 0;
  if (exponent == 31) {
    value = std::bit_cast<float>(uint32_t{0x7f800000} | (uint32_t{bits} & 1023) << 13);
  } else if (exponent == 0) {
    value = std::ldexp(fraction, -24);
  } else {
    value = std::ldexp(1024 + fraction, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

// The value of a bfloat16, exactly.
inline float BfloatToFloat(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_INTERNAL_HALF_H_
