// SPDX-License-Identifier: Apache-2.0
#include "text/internal/half.h"

#include <gtest/gtest.h>

#include <cmath>

namespace larder::text::internal {
namespace {

// The definition of binary16, in double.
double Expected(uint32_t bits) {
  const int exponent = static_cast<int>(bits >> 10 & 31);
  const double fraction = (bits & 1023) / 1024.0;
  const double sign = bits >= 0x8000 ? -1 : 1;
  if (exponent == 31) return (bits & 1023) == 0 ? sign * HUGE_VAL : std::nan("");
  return sign * (exponent == 0 ? std::pow(2.0, -14) * fraction
                               : std::pow(2.0, exponent - 15) * (1 + fraction));
}

TEST(Half, EveryPatternHasItsValue) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto value = static_cast<double>(HalfToFloat(static_cast<uint16_t>(bits)));
    const double expected = Expected(bits);
    ASSERT_TRUE(std::isnan(expected) ? std::isnan(value) : value == expected) << bits;
    ASSERT_TRUE(std::isnan(expected) || std::signbit(value) == (bits >= 0x8000)) << bits;
  }
}

TEST(Half, ABfloatIsTheUpperHalfOfAFloat) {
  EXPECT_EQ(BfloatToFloat(0x3F80), 1.0f);
  EXPECT_EQ(BfloatToFloat(0xC040), -3.0f);
  EXPECT_EQ(BfloatToFloat(0x0001), std::ldexp(1.0f, -133));
  EXPECT_TRUE(std::isinf(BfloatToFloat(0x7F80)));
}

}  // namespace
}  // namespace larder::text::internal
