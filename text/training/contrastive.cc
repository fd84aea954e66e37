// SPDX-License-Identifier: Apache-2.0
#include "text/training/contrastive.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "text/training/kernels.h"

namespace larder::text::internal {
namespace {

constexpr size_t kRowsPerPiece = 32;

// odds[i, j] = exp((first[i] · second[j] - 1) / temperature): never above 1, so no maximum is
// needed; 0 for other pairs of one subject.
void FillOdds(const VectorPairs& pairs, float temperature, std::span<float> odds) {
  const size_t n = pairs.subjects.size();
  const MatrixView first{pairs.first.data(), pairs.dimensions, 1};
  const MatrixView second{pairs.second.data(), pairs.dimensions, 1};
  ParallelPieces(n, kRowsPerPiece, [&](size_t begin, size_t end) {
    float* out = odds.data() + begin * n;
    Multiply(first.Rows(begin), second.Transposed(), end - begin, n, pairs.dimensions, out, n);
    for (size_t i = begin; i < end; ++i) {
      float* row = odds.data() + i * n;
      for (size_t j = 0; j < n; ++j) {
        const bool same = pairs.subjects[i] == pairs.subjects[j] && i != j;
        row[j] = same ? 0.0f : std::exp((row[j] - 1) / temperature);
      }
    }
  });
}

}  // namespace

double ContrastiveLoss(const VectorPairs& pairs, float temperature, ContrastiveScratch& scratch,
                       std::span<float> first_gradient, std::span<float> second_gradient) {
  const size_t n = pairs.subjects.size();
  const size_t dim = pairs.dimensions;
  scratch.similarity.resize(n * n);
  const std::span<float> odds = scratch.similarity;
  FillOdds(pairs, temperature, odds);

  std::vector<double> row_sums(n);
  std::vector<double> column_sums(n);
  ParallelPieces(n, kRowsPerPiece, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      for (size_t j = 0; j < n; ++j) row_sums[i] += static_cast<double>(odds[i * n + j]);
    }
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = begin; j < end; ++j) column_sums[j] += static_cast<double>(odds[i * n + j]);
    }
  });
  const auto count = static_cast<double>(n);
  double loss = 0;
  for (size_t i = 0; i < n; ++i) {
    const double own = std::max(static_cast<double>(odds[i * n + i]), 1e-37);
    loss -= (std::log(own / row_sums[i]) + std::log(own / column_sums[i])) / (2 * count);
  }

  // By a similarity: (share in its row + share in its column - 2 [own]) / (2 n temperature).
  const double scale = 1 / (2 * count * static_cast<double>(temperature));
  ParallelPieces(n, kRowsPerPiece, [&](size_t begin, size_t end) {
    std::vector<float> by_column(n);
    for (size_t j = 0; j < n; ++j) by_column[j] = static_cast<float>(scale / column_sums[j]);
    for (size_t i = begin; i < end; ++i) {
      const auto by_row = static_cast<float>(scale / row_sums[i]);
      float* row = odds.data() + i * n;
      for (size_t j = 0; j < n; ++j) row[j] *= by_row + by_column[j];
      row[i] -= static_cast<float>(2 * scale);
    }
  });
  const MatrixView by_similarity{odds.data(), n, 1};
  const MatrixView first{pairs.first.data(), dim, 1};
  const MatrixView second{pairs.second.data(), dim, 1};
  ParallelPieces(n, kRowsPerPiece, [&](size_t begin, size_t end) {
    if (!first_gradient.empty()) {
      Multiply(by_similarity.Rows(begin), second, end - begin, dim, n,
               first_gradient.data() + begin * dim, dim);
    }
    if (!second_gradient.empty()) {
      Multiply(by_similarity.Transposed().Rows(begin), first, end - begin, dim, n,
               second_gradient.data() + begin * dim, dim);
    }
  });
  return loss;
}

}  // namespace larder::text::internal
