// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_SKETCH_H_
#define LARDER_ANN_SKETCH_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "ann/codes.h"

namespace larder::ann {

// Dimensions below this have no sketches: their estimates would be too rough to save anything.
inline constexpr size_t kMinSketchDim = 64;

// One bit per component, its sign, and a scale: a rough copy of a vector in one cache line (dim
// 384) that tells most of a walk's candidates, and of a scan's, from those worth a closer look.
// An unset bit is a component of 0 or less. The estimate of dot(query, high) * inverse norm is
//   (2 * sum of the query's components at set bits - sum of all of them) * scale,
// off by about SketchError.
// Source: Gao & Long 2024 (RaBitQ, arXiv 2405.12497) §3; differs: no rotation (measured on text
// vectors: it changes nothing), the query stays int8.
//
// A row is the bits, padded to words of 64, then the scale (f32), padded to `stride`.
struct SketchShape {
  size_t dim = 0;

  bool empty() const { return dim < kMinSketchDim; }
  size_t bits_bytes() const { return (dim + 63) / 64 * 8; }
  size_t stride() const { return empty() ? 0 : (bits_bytes() + sizeof(float) + 15) / 16 * 16; }
};

// Writes the row of a vector whose HighNorm::inverse is given. Shapes: row [stride], overwritten.
void MakeSketch(const SketchShape& shape, const VectorView& v, float inverse_norm, char* row);

inline float SketchScale(const SketchShape& shape, const char* row) {
  float scale;
  std::memcpy(&scale, row + shape.bits_bytes(), sizeof scale);
  return scale;
}

// The standard error of an estimate, in units of the query's length, when the vectors are far
// apart; it is less when they are near.
inline float SketchError(size_t dim) { return 0.75F / std::sqrt(static_cast<float>(dim)); }

}  // namespace larder::ann

#endif  // LARDER_ANN_SKETCH_H_
