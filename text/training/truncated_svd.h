// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRAINING_TRUNCATED_SVD_H_
#define LARDER_TEXT_TRAINING_TRUNCATED_SVD_H_

#include <Eigen/Dense>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace larder::text::internal {

using FloatMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// A sparse matrix by rows.
struct SparseRows {
  size_t columns = 0;
  std::vector<size_t> begin = {0};  // [rows + 1]
  std::vector<int32_t> column;
  std::vector<float> value;

  size_t rows() const { return begin.size() - 1; }
};

struct SvdOptions {
  int32_t rank = 256;
  // Extra directions carried along, and passes over the matrix: both buy accuracy.
  int32_t oversample = 32;
  int32_t passes = 3;
  uint64_t seed = 1;
};

// The leading right singular vectors of a sparse matrix, one per column, strongest first, with
// their singular values. Fewer than `rank` when the matrix has a lower rank.
struct RightSingular {
  FloatMatrix vectors;  // [columns, found]
  Eigen::VectorXf values;
};

// Order: loops run in one fixed order on the calling thread, so the same input gives the same
// bits on one machine.
// Cost: O((passes + 1) * nonzeros * rank + passes * columns * rank^2). Memory: a few times
// columns * (rank + oversample) floats, nothing per row.
// Source: Halko, Martinsson & Tropp 2011, Alg. 4.4 (randomised subspace iteration), applied to
// the Gram matrix, so that only column-sized matrices are kept.
RightSingular TruncatedSvd(const SparseRows& matrix, const SvdOptions& options,
                           const std::function<void(uint64_t done, uint64_t total)>& progress);

// A random matrix with orthonormal rows, [rows, columns], rows <= columns.
FloatMatrix RandomRotation(int32_t rows, int32_t columns, uint64_t seed);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_TRAINING_TRUNCATED_SVD_H_
