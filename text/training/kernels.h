// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRAINING_KERNELS_H_
#define LARDER_TEXT_TRAINING_KERNELS_H_

#include <cstddef>

namespace larder::text::internal {

// Loops over floats with the widest instructions that the machine has. The same input gives the
// same bits on one machine, on any thread.

// out[i] += factor * x[i]
void AddScaled(float factor, const float* x, size_t n, float* out);

// sum of a[i] * b[i]
float DotFloat(const float* a, const float* b, size_t n);

// A matrix of floats: element (i, j) is data[i * row_stride + j * column_stride].
struct MatrixView {
  const float* data = nullptr;
  size_t row_stride = 0;
  size_t column_stride = 1;

  MatrixView Transposed() const { return {data, column_stride, row_stride}; }
  MatrixView Rows(size_t first) const {
    return {data + first * row_stride, row_stride, column_stride};
  }
};

// out = a * b, on the calling thread.
//
// Shapes: a [rows, inner], b [inner, columns], out [rows, columns] with out_stride between rows.
// Order: an element of `out` is the same in whatever group of rows or columns it is asked for.
// Cost: O(rows * columns * inner): some 60 to 100 GFLOP/s of a core with AVX-512.
// Source: packing and tiles as in Goto & van de Geijn 2008.
void Multiply(const MatrixView& a, const MatrixView& b, size_t rows, size_t columns, size_t inner,
              float* out, size_t out_stride);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_TRAINING_KERNELS_H_
