// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BASE_FIXED_POINT_H_
#define LARDER_BASE_FIXED_POINT_H_

#include <cstdint>
#include <span>
#include <vector>

namespace larder {

// A float vector's direction as 16-bit fixed point, split into halves:
//   component * 127 * 256 / largest magnitude = 256 * high + low,
// rounded half to even, high in [-127, 127], low in [-128, 127]. The high halves alone are the
// vector as int8. All zero if nothing is finite and not zero; what is not finite counts as zero.
// Shapes: values [n]; the result is the high halves [n], then the low ones [n].
std::vector<int8_t> ToFixedPoint(std::span<const float> values);

// The vector of length 1 that the halves stand for; all zero for zero. ToFixedPoint of it gives the
// same halves if they came from there. Of fewer values than halves stand for, the first ones alone.
// Shapes: halves [2 n]; values [n] or fewer.
void FromFixedPoint(std::span<const int8_t> halves, std::span<float> values);

// The same for a vector of int8. Shapes: codes [n]; values [n] or fewer.
void FromInt8(std::span<const int8_t> codes, std::span<float> values);

}  // namespace larder

#endif  // LARDER_BASE_FIXED_POINT_H_
