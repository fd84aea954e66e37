// SPDX-License-Identifier: Apache-2.0
#include "text/training/truncated_svd.h"

#include <gtest/gtest.h>

#include "text/internal/random.h"

namespace larder::text::internal {
namespace {

SparseRows RandomSparse(size_t rows, int32_t columns, uint64_t seed) {
  Random random(seed);
  SparseRows matrix;
  matrix.columns = static_cast<size_t>(columns);
  for (size_t r = 0; r < rows; ++r) {
    for (int32_t c = 0; c < columns; ++c) {
      if (random.Below(4) != 0) continue;
      matrix.column.push_back(c);
      // Columns of falling strength give a spectrum with gaps.
      matrix.value.push_back(static_cast<float>(random.Gaussian() / (1 + c)));
    }
    matrix.begin.push_back(matrix.column.size());
  }
  return matrix;
}

Eigen::MatrixXd Dense(const SparseRows& matrix) {
  Eigen::MatrixXd dense = Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(matrix.rows()),
                                                static_cast<Eigen::Index>(matrix.columns));
  for (size_t r = 0; r < matrix.rows(); ++r) {
    for (size_t k = matrix.begin[r]; k < matrix.begin[r + 1]; ++k) {
      dense(static_cast<Eigen::Index>(r), matrix.column[k]) = matrix.value[k];
    }
  }
  return dense;
}

TEST(TruncatedSvd, AgreesWithTheDenseDecomposition) {
  const SparseRows matrix = RandomSparse(200, 40, 11);
  const Eigen::JacobiSVD<Eigen::MatrixXd> exact(Dense(matrix), Eigen::ComputeThinV);

  const RightSingular found =
      TruncatedSvd(matrix, {.rank = 6, .oversample = 10, .passes = 6}, {});

  ASSERT_EQ(found.values.size(), 6);
  for (Eigen::Index i = 0; i < 6; ++i) {
    EXPECT_NEAR(found.values(i), exact.singularValues()(i), 1e-3 * exact.singularValues()(0));
    const double cosine =
        found.vectors.col(i).cast<double>().dot(exact.matrixV().col(i));
    EXPECT_NEAR(std::abs(cosine), 1, 1e-2) << i;
  }
}

TEST(TruncatedSvd, FindsNoMoreThanTheRank) {
  SparseRows matrix;
  matrix.columns = 5;
  for (int r = 0; r < 10; ++r) {
    matrix.column.insert(matrix.column.end(), {1, 3});
    matrix.value.insert(matrix.value.end(), {1.0f, static_cast<float>(r % 2)});
    matrix.begin.push_back(matrix.column.size());
  }

  const RightSingular found = TruncatedSvd(matrix, {.rank = 4}, {});

  EXPECT_EQ(found.vectors.cols(), 2);
  EXPECT_EQ(found.vectors.rows(), 5);
}

TEST(TruncatedSvd, OfZeroIsNothing) {
  SparseRows matrix;
  matrix.columns = 5;
  matrix.begin = {0, 0, 0};

  EXPECT_EQ(TruncatedSvd(matrix, {.rank = 4}, {}).vectors.cols(), 0);
}

TEST(RandomRotation, HasOrthonormalRows) {
  const FloatMatrix rotation = RandomRotation(5, 8, 3);

  EXPECT_TRUE((rotation * rotation.transpose()).isIdentity(1e-5f));
}

TEST(SampleIndices, AreDistinctAscendingAndSeeded) {
  const auto sample = SampleIndices(1'000, 50, 7);

  EXPECT_EQ(sample.size(), 50u);
  EXPECT_TRUE(std::is_sorted(sample.begin(), sample.end()));
  EXPECT_EQ(std::adjacent_find(sample.begin(), sample.end()), sample.end());
  EXPECT_LT(sample.back(), 1'000u);
  EXPECT_EQ(sample, SampleIndices(1'000, 50, 7));
  EXPECT_NE(sample, SampleIndices(1'000, 50, 8));
  EXPECT_EQ(SampleIndices(5, 50, 7), (std::vector<size_t>{0, 1, 2, 3, 4}));
  EXPECT_TRUE(SampleIndices(0, 5, 7).empty());
}

}  // namespace
}  // namespace larder::text::internal
