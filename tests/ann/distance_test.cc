// SPDX-License-Identifier: Apache-2.0
#include "ann/distance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <string>
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

TEST(Distance, FixedPointDotsEqualTheScalarKernels) {
  std::mt19937_64 random(17);
  for (const size_t dim : {1u, 31u, 63u, 64u, 65u, 128u, 200u, 384u, 4096u}) {
    for (int round = 0; round < 4; ++round) {
      std::vector<std::vector<int8_t>> halves;
      for (int i = 0; i < 4; ++i) {
        halves.push_back(round == 0 ? std::vector<int8_t>(dim, -128) : RandomVector(random, dim));
      }
      for (const DistanceKernel& kernel : AvailableKernels()) {
        int64_t dot = 0, norm = 0, expected_dot = 0, expected_norm = 0;
        for (size_t i = 0; i < dim; ++i) {
          const int64_t q = 256 * halves[0][i] + halves[1][i];
          const int64_t v = 256 * halves[2][i] + halves[3][i];
          expected_dot += q * v;
          expected_norm += v * v;
        }

        kernel.fine(halves[0].data(), halves[1].data(), halves[2].data(), halves[3].data(), dim,
                    &dot, &norm);

        EXPECT_EQ(dot, expected_dot) << kernel.name << " dim " << dim;
        EXPECT_EQ(norm, expected_norm) << kernel.name << " dim " << dim;
      }
    }
  }
}

TEST(Distance, SumsAtBitsEqualTheObviousOnes) {
  std::mt19937_64 random(19);
  for (const size_t dim : {1u, 31u, 32u, 33u, 63u, 64u, 65u, 200u, 256u, 384u, 4096u}) {
    const size_t stride = (dim + 63) / 64 * 8 + 8;
    constexpr size_t kRows = 9;
    std::string rows(kRows * stride, '\0');
    for (size_t row = 0; row < kRows; ++row) {
      for (size_t i = 0; i < dim; ++i) {
        char& byte = rows[row * stride + i / 8];
        if (row == 0 || random() % 2 == 0) byte = static_cast<char>(byte | 1 << i % 8);
      }
    }
    for (const bool lowest : {true, false}) {
      const auto query = lowest ? std::vector<int8_t>(dim, -128) : RandomVector(random, dim);
      const std::vector<uint32_t> ids = {8, 0, 3, 3, 1, 2, 7};
      for (const DistanceKernel& kernel : AvailableKernels()) {
        std::vector<int32_t> out(ids.size());
        kernel.sum_bits(query.data(), rows.data(), stride, ids.data(), ids.size(), dim, out.data());
        for (size_t n = 0; n < ids.size(); ++n) {
          int32_t expected = 0;
          for (size_t i = 0; i < dim; ++i) {
            const auto byte = static_cast<unsigned char>(rows[ids[n] * stride + i / 8]);
            if ((byte >> i % 8 & 1) != 0) expected += query[i];
          }
          EXPECT_EQ(out[n], expected) << kernel.name << " dim " << dim << " row " << ids[n];
        }
      }
    }
  }
}

}  // namespace
}  // namespace larder::ann
