// SPDX-License-Identifier: Apache-2.0
#include "text/static/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "text/static/static_encoder.h"

namespace larder::text {
namespace {

// All that have a way of their own for: whole groups of columns, halves of them, what is left over.
constexpr size_t kDims[] = {1, 7, 8, 15, 16, 17, 31, 32, 33, 64, 100, 128, 250, 256, 300, 384, 777};

class StaticKernelTest : public testing::TestWithParam<size_t> {
 protected:
  void SetUp() override {
    if (GetParam() >= AvailableStaticKernels().size()) GTEST_SKIP() << "not on this processor";
  }
  const StaticKernel& kernel() const { return AvailableStaticKernels()[GetParam()]; }
};

TEST_P(StaticKernelTest, SumsAreExact) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << kernel().name << ", seed " << seed);
  std::mt19937_64 random(seed);
  for (const size_t dim : kDims) {
    constexpr size_t kVocab = 40;
    std::vector<int8_t> table(kVocab * dim);
    std::vector<int32_t> weights(kVocab);
    // The extremes of both often, so that what overflows shows.
    for (int8_t& entry : table) {
      entry = static_cast<int8_t>(random() % 4 == 0 ? -128 : static_cast<int>(random() % 256));
    }
    for (int32_t& weight : weights) {
      weight = random() % 3 == 0 ? kMaxTokenWeight : static_cast<int32_t>(random() % 32'768);
    }
    for (const size_t count : {0u, 1u, 2u, 3u, 31u, 511u, 512u}) {
      std::vector<int32_t> ids(count);
      for (int32_t& id : ids) id = static_cast<int32_t>(random() % (count > 100 ? 2 : kVocab));
      std::vector<int32_t> sums(dim, 99);
      kernel().sum(table.data(), weights.data(), ids.data(), count, dim, sums.data());
      for (size_t d = 0; d < dim; ++d) {
        int64_t expected = 0;
        for (const int32_t id : ids) {
          const auto row = static_cast<size_t>(id);
          expected += int64_t{weights[row]} * table[row * dim + d];
        }
        ASSERT_EQ(sums[d], expected) << dim << " dimensions, " << count << " tokens, column " << d;
      }
    }
  }
}

TEST_P(StaticKernelTest, ScalesAsTheDefinitionSays) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << kernel().name << ", seed " << seed);
  std::mt19937_64 random(seed);
  for (const size_t dim : kDims) {
    for (int round = 0; round < 300; ++round) {
      const auto range = uint64_t{2} << (random() % 31);
      std::vector<int32_t> sums(dim);
      for (int32_t& sum : sums) {
        sum = static_cast<int32_t>(static_cast<int64_t>(random() % range) -
                                   static_cast<int64_t>(range / 2) + (range > UINT32_MAX ? 1 : 0));
      }
      // The slow way, over sums of 64 bits.
      std::vector<int8_t> expected(dim);
      ScaleToInt8(std::vector<int64_t>(sums.begin(), sums.end()), expected);
      std::vector<int8_t> out(dim, 99);
      kernel().scale(sums.data(), dim, out.data());
      ASSERT_EQ(out, expected) << dim << " dimensions, sums below " << range / 2;
    }
  }
}

// Every quotient that is a half or just beside one: where a division that is not exact would round
// to the other side.
TEST_P(StaticKernelTest, HalvesGoAwayFromZeroAtEverySize) {
  SCOPED_TRACE(kernel().name);
  for (const int64_t largest : {254LL, 508LL, 127'000LL, 2'147'483'646LL, 2'147'483'647LL,
                                2'130'706'432LL, 1'000'000'007LL}) {
    std::vector<int32_t> sums = {static_cast<int32_t>(largest)};
    for (int64_t k = 0; k < 127; ++k) {
      const int64_t half = (2 * k + 1) * largest / 254;
      for (int64_t near = half - 1; near <= half + 1; ++near) {
        sums.push_back(static_cast<int32_t>(std::clamp<int64_t>(near, 0, largest)));
        sums.push_back(-sums.back());
      }
    }
    std::vector<int8_t> expected(sums.size());
    ScaleToInt8(std::vector<int64_t>(sums.begin(), sums.end()), expected);
    std::vector<int8_t> out(sums.size());
    kernel().scale(sums.data(), sums.size(), out.data());
    EXPECT_EQ(out, expected) << largest;
  }
}

TEST_P(StaticKernelTest, ZerosStayZero) {
  const std::vector<int32_t> sums(50, 0);
  std::vector<int8_t> out(50, 99);
  kernel().scale(sums.data(), sums.size(), out.data());
  EXPECT_THAT(out, testing::Each(0));
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, StaticKernelTest, testing::Values(0, 1, 2));

}  // namespace
}  // namespace larder::text
