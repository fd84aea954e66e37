// SPDX-License-Identifier: Apache-2.0
#include "text/training/truncated_svd.h"

#include <algorithm>
#include <cmath>

#include "text/internal/random.h"

namespace larder::text::internal {
namespace {

using Eigen::Index;

// Eigen's decompositions are fastest on column-major matrices.
using ColumnMatrix = Eigen::MatrixXf;

// Directions whose variance is below this share of the strongest are rounding noise.
constexpr double kNoise = 1e-9;
constexpr size_t kRowsPerBlock = 256;

FloatMatrix GaussianMatrix(Index rows, Index columns, uint64_t seed) {
  FloatMatrix matrix(rows, columns);
  Random random(seed);
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < columns; ++c) matrix(r, c) = static_cast<float>(random.Gaussian());
  }
  return matrix;
}

FloatMatrix Orthonormal(const FloatMatrix& matrix) {
  const Eigen::HouseholderQR<ColumnMatrix> qr{ColumnMatrix(matrix)};
  const ColumnMatrix q = qr.householderQ() * ColumnMatrix::Identity(matrix.rows(), matrix.cols());
  return q;
}

// y = (row `r` of the matrix) * q
void RowTimes(const SparseRows& matrix, size_t r, const FloatMatrix& q, float* y) {
  const Index width = q.cols();
  std::fill(y, y + width, 0.0f);
  for (size_t k = matrix.begin[r]; k < matrix.begin[r + 1]; ++k) {
    const float value = matrix.value[k];
    const float* row = q.data() + Index{matrix.column[k]} * width;
    for (Index c = 0; c < width; ++c) y[c] += value * row[c];
  }
}

// matrix^T * matrix * q, row by row, so that nothing of the number of rows is ever stored.
FloatMatrix GramTimes(const SparseRows& matrix, const FloatMatrix& q,
                      const std::function<void(uint64_t)>& progress) {
  const Index width = q.cols();
  FloatMatrix z = FloatMatrix::Zero(q.rows(), width);
  std::vector<float> y(static_cast<size_t>(width));
  for (size_t r = 0; r < matrix.rows(); ++r) {
    RowTimes(matrix, r, q, y.data());
    for (size_t k = matrix.begin[r]; k < matrix.begin[r + 1]; ++k) {
      const float value = matrix.value[k];
      float* row = z.data() + Index{matrix.column[k]} * width;
      for (Index c = 0; c < width; ++c) row[c] += value * y[static_cast<size_t>(c)];
    }
    if (r % kRowsPerBlock == 0) progress(r);
  }
  return z;
}

// (matrix * q)^T * (matrix * q)
Eigen::MatrixXd ProjectedGram(const SparseRows& matrix, const FloatMatrix& q,
                              const std::function<void(uint64_t)>& progress) {
  const Index width = q.cols();
  Eigen::MatrixXd gram = Eigen::MatrixXd::Zero(width, width);
  FloatMatrix block(static_cast<Index>(kRowsPerBlock), width);
  for (size_t first = 0; first < matrix.rows(); first += kRowsPerBlock) {
    const size_t count = std::min(kRowsPerBlock, matrix.rows() - first);
    block.setZero();
    for (size_t r = 0; r < count; ++r) {
      RowTimes(matrix, first + r, q, block.data() + static_cast<Index>(r) * width);
    }
    const Eigen::MatrixXf product = block.transpose() * block;
    gram += product.cast<double>();
    progress(first);
  }
  return gram;
}

}  // namespace

RightSingular TruncatedSvd(const SparseRows& matrix, const SvdOptions& options,
                           const std::function<void(uint64_t done, uint64_t total)>& progress) {
  const auto columns = static_cast<Index>(matrix.columns);
  const Index width = std::min<Index>(options.rank + options.oversample, columns);
  const uint64_t passes = static_cast<uint64_t>(options.passes) + 1;
  const uint64_t total = passes * matrix.rows();
  uint64_t done = 0;
  uint64_t reported = 0;
  const auto report = [&](uint64_t row) {
    if (!progress || (done + row - reported) * 100 < total) return;
    reported = done + row;
    progress(reported, total);
  };

  FloatMatrix q = Orthonormal(GaussianMatrix(columns, width, options.seed));
  for (int32_t pass = 0; pass < options.passes; ++pass) {
    q = Orthonormal(GramTimes(matrix, q, report));
    done += matrix.rows();
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(ProjectedGram(matrix, q, report));
  // Eigenvalues come in ascending order.
  const Eigen::VectorXd variances = solver.eigenvalues().reverse();
  Index found = 0;
  const Index wanted = std::min<Index>(options.rank, width);
  while (found < wanted && variances(found) > kNoise * variances(0) && variances(found) > 0) {
    ++found;
  }
  RightSingular result;
  const Eigen::MatrixXd basis = solver.eigenvectors().rowwise().reverse().leftCols(found);
  result.vectors = q * basis.cast<float>();
  result.values = variances.head(found).cwiseSqrt().cast<float>();
  if (progress) progress(total, total);
  return result;
}

FloatMatrix RandomRotation(int32_t rows, int32_t columns, uint64_t seed) {
  return Orthonormal(GaussianMatrix(columns, rows, seed)).transpose();
}

}  // namespace larder::text::internal
