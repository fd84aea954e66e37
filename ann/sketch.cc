// SPDX-License-Identifier: Apache-2.0
#include "ann/sketch.h"

#include <algorithm>
#include <cstdlib>

namespace larder::ann {

void MakeSketch(const SketchShape& shape, const VectorView& v, float inverse_norm, char* row) {
  std::fill_n(row, shape.stride(), '\0');
  int64_t magnitude = 0;
  int64_t square = 0;
  for (size_t i = 0; i < shape.dim; ++i) {
    const int x = v.high[i];
    if (x > 0) row[i / 8] = static_cast<char>(static_cast<unsigned char>(row[i / 8]) | 1 << i % 8);
    magnitude += std::abs(x);
    square += x * x;
  }
  // A vector whose high halves are all zero is far shorter than its low ones say: it has no
  // direction that int8 could see.
  const double scale = magnitude == 0 ? 0.0
                                      : static_cast<double>(square) /
                                            static_cast<double>(magnitude) * double{inverse_norm};
  const auto rounded = static_cast<float>(scale);
  std::memcpy(row + shape.bits_bytes(), &rounded, sizeof rounded);
}

}  // namespace larder::ann
