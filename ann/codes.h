// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_CODES_H_
#define LARDER_ANN_CODES_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ann/distance.h"

namespace larder::ann {

// How the vectors of a space are held.
//
// A static encoder's vector *is* int8: `dim` components. The vectors of a float space are 16-bit
// fixed point, split into halves so that most work touches one of them:
//   component = 256 * high + low  (see base/fixed_point.h).
// The graph and the scans compare the high halves; what they find is scored again with both.
// As *codes* in one span: the high halves [dim], then, in a float space, the low ones [dim].
struct CodeShape {
  size_t dim = 0;
  bool has_low = false;

  size_t size() const { return has_low ? 2 * dim : dim; }
  bool operator==(const CodeShape&) const = default;
};

// A vector inside some store. `low` is empty in an int8 space.
struct VectorView {
  std::span<const int8_t> high{};
  std::span<const int8_t> low{};

  bool empty() const { return high.empty(); }
  bool operator==(const VectorView& other) const;
  std::vector<int8_t> Codes() const;
  void AppendTo(std::vector<int8_t>& codes) const;
};

// A vector of these codes has no direction.
bool IsZero(std::span<const int8_t> codes);

// The codes as a view. `codes` must have shape.size() components.
inline VectorView View(const CodeShape& shape, std::span<const int8_t> codes) {
  return {codes.first(shape.dim), codes.subspan(shape.dim)};
}

// The dot product of two vectors of one shape: exact, in units of 1 (int8) or of the fixed point.
int64_t Dot(const VectorView& a, const VectorView& b);
inline int64_t SquaredNorm(const VectorView& v) { return Dot(v, v); }

// What the comparison of high halves needs to know of a vector.
struct HighNorm {
  // dot(high, other high) * inverse * (that of the other) estimates the cosine.
  float inverse = 0;
  // The share of the low half in the length: how far the estimate may be off, see Margin. 0 in an
  // int8 space, where the estimate is as exact as floats are.
  float slack = 0;
};
// The cosine is never farther from the estimate than this (Cauchy-Schwarz on the four products of
// halves), floats' own error included.
inline double Margin(double slack_a, double slack_b) {
  return slack_a + slack_b + 3 * slack_a * slack_b + 1e-6;
}
// `v` must not be zero.
HighNorm NormOf(const VectorView& v);

// The cosine from exact dot products: one rounding of the root, one of the quotient, so a vector's
// cosine with itself is exactly 1. Norms must not be 0.
inline double Cosine(int64_t dot, int64_t squared_norm_a, int64_t squared_norm_b) {
  return static_cast<double>(dot) /
         std::sqrt(static_cast<double>(squared_norm_a) * static_cast<double>(squared_norm_b));
}

}  // namespace larder::ann

#endif  // LARDER_ANN_CODES_H_
