// SPDX-License-Identifier: Apache-2.0
#include "ann/distance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/ann/ann_testing.h"

namespace larder::ann {
namespace {

TEST(Distance, FirstKernelIsScalarAndBestIsTheLast) {
  const auto kernels = AvailableKernels();

  ASSERT_FALSE(kernels.empty());
  EXPECT_EQ(kernels.front().name, "scalar");
  EXPECT_EQ(BestKernel().name, kernels.back().name);
  for (const DistanceKernel& kernel : kernels) {
    RecordProperty(std::string(kernel.name), "available");
  }
}

TEST(Distance, ScalarKernelMultipliesAndAdds) {
  const std::vector<int8_t> a = {1, -2, 127, -128};
  const std::vector<int8_t> b = {3, 4, -128, -128};

  EXPECT_EQ(AvailableKernels().front().dot(a.data(), b.data(), 4), 3 - 8 - 127 * 128 + 128 * 128);
}

TEST(Distance, AllKernelsAgreeOnRandomVectorsOfAllDims) {
  const uint64_t seed = 20261125;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  std::vector<size_t> dims(300);
  std::iota(dims.begin(), dims.end(), 1);
  dims.insert(dims.end(), {383, 384, 385, 767, 768, 1023, 1024, kMaxDim - 1, kMaxDim});

  for (const size_t dim : dims) {
    const auto a = RandomVector(random, dim);
    const auto b = RandomVector(random, dim);
    const int32_t expected = AvailableKernels().front().dot(a.data(), b.data(), dim);
    for (const DistanceKernel& kernel : AvailableKernels()) {
      ASSERT_EQ(kernel.dot(a.data(), b.data(), dim), expected) << kernel.name << ' ' << dim;
    }
  }
}

TEST(Distance, AllKernelsAgreeOnTheLargestMagnitudes) {
  const int8_t low = std::numeric_limits<int8_t>::min();
  const int8_t high = std::numeric_limits<int8_t>::max();
  for (const size_t dim : {size_t{1}, size_t{63}, size_t{64}, size_t{129}, kMaxDim}) {
    for (const int8_t x : {low, high}) {
      for (const int8_t y : {low, high}) {
        const std::vector<int8_t> a(dim, x);
        const std::vector<int8_t> b(dim, y);
        for (const DistanceKernel& kernel : AvailableKernels()) {
          EXPECT_EQ(kernel.dot(a.data(), b.data(), dim), static_cast<int32_t>(dim) * x * y)
              << kernel.name << ' ' << dim;
        }
      }
    }
  }
}

TEST(Distance, RowsAndGatherGiveTheDotOfEachRow) {
  std::mt19937_64 random(7);
  for (const size_t dim : {1, 31, 64, 100, 256}) {
    const size_t n = 9;
    const auto rows = RandomVector(random, n * dim);
    const auto query = RandomVector(random, dim);
    const std::vector<uint32_t> ids = {8, 0, 3, 3};
    for (const DistanceKernel& kernel : AvailableKernels()) {
      std::vector<int32_t> all(n);
      std::vector<int32_t> some(ids.size());

      kernel.dot_rows(query.data(), rows.data(), n, dim, all.data());
      kernel.dot_gather(query.data(), rows.data(), ids.data(), ids.size(), dim, some.data());

      for (size_t i = 0; i < n; ++i) {
        EXPECT_EQ(all[i], AvailableKernels().front().dot(query.data(), &rows[i * dim], dim))
            << kernel.name;
      }
      for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(some[i], all[ids[i]]) << kernel.name;
    }
  }
}

TEST(Distance, CosineOfAVectorWithItselfIsExactlyOneAndNeverExceedsIt) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 1000; ++i) {
    const auto a = RandomVector(random, 1 + random() % 300);
    const int32_t norm = SquaredNorm(a);
    if (norm == 0) continue;
    EXPECT_EQ(Cosine(norm, norm, norm), 1.0);
    EXPECT_EQ(Cosine(-norm, norm, norm), -1.0);
  }
  EXPECT_DOUBLE_EQ(Cosine(3, 9, 4), 0.5);
}

}  // namespace
}  // namespace larder::ann
