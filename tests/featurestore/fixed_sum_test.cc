// SPDX-License-Identifier: Apache-2.0
#include "featurestore/fixed_sum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>

namespace larder::featurestore {
namespace {

TEST(FixedSum, RoundsInputsHalfToEven) {
  EXPECT_EQ(FixedSum::FromDouble(0x1p-33).value(), 0);
  EXPECT_EQ(FixedSum::FromDouble(0x3p-33).value(), 2);
  EXPECT_EQ(FixedSum::FromDouble(0x5p-33).value(), 2);
  EXPECT_EQ(FixedSum::FromDouble(-0x1p-33).value(), 0);
  EXPECT_EQ(FixedSum::FromDouble(-0x3p-33).value(), -2);
  EXPECT_EQ(FixedSum::FromDouble(1.0).value(), Int128{1} << 32);
}

TEST(FixedSum, HoldsOnlyWhatIsBelowTwoToThe62) {
  EXPECT_TRUE(FixedSum::Holds(std::nextafter(0x1p62, 0)));
  EXPECT_FALSE(FixedSum::Holds(0x1p62));
  EXPECT_FALSE(FixedSum::Holds(-0x1p62));
  EXPECT_FALSE(FixedSum::Holds(std::numeric_limits<double>::quiet_NaN()));
  EXPECT_FALSE(FixedSum::Holds(std::numeric_limits<double>::infinity()));
  EXPECT_TRUE(FixedSum::Holds((int64_t{1} << 62) - 1));
  EXPECT_FALSE(FixedSum::Holds(int64_t{1} << 62));
  EXPECT_FALSE(FixedSum::Holds(std::numeric_limits<int64_t>::min()));
}

TEST(FixedSum, LargeAndSmallSummandsDoNotDisturbEachOther) {
  Wide sum;
  sum.Add(FixedSum::FromDouble(0x1p61));
  sum.Add(FixedSum::FromDouble(0.5));
  sum.Add(FixedSum::FromDouble(-0x1p61));

  EXPECT_EQ(FixedSum::ToDouble(sum), 0.5);
}

// A quotient of 113 bits rounded again to 53 is the true one but for one case in 2^60.
TEST(FixedSum, MeanIsRoundedOnce) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const auto bits = static_cast<int>(random() % 110);
    const auto high = static_cast<Uint128>(random()) << 64;
    Int128 value = static_cast<Int128>((high | random()) >> (127 - bits));
    if (random() % 2 == 0) value = -value;
    const uint64_t count = (random() >> (random() % 63)) | 1;

    const double mean = FixedSum::Mean(Wide::Of(value), count);

    __extension__ typedef __float128 Float128;
    const auto exact = static_cast<Float128>(value) / static_cast<Float128>(count);
    ASSERT_EQ(mean, std::ldexp(static_cast<double>(exact), -32)) << "case " << i;
  }
}

TEST(FixedSum, VarintsComeBackAndForgedOnesAreRefused) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 10'000; ++i) {
    const Wide wide = Wide::Of(static_cast<Int128>((static_cast<Uint128>(random()) << 64) |
                                                   random()) >>
                               (random() % 127));
    std::string bytes;
    ByteWriter out(bytes);
    WriteWide(out, wide);
    ByteReader in(bytes);
    ASSERT_EQ(ReadWide(in), wide);
    ASSERT_TRUE(in.ok());
    ASSERT_EQ(in.remaining(), 0U);
  }
  for (const std::string& forged : {std::string(20, '\xff'), std::string("\x80\x00", 2),
                                    std::string(), std::string("\x80", 1)}) {
    ByteReader in(forged);
    ReadWide(in);
    EXPECT_FALSE(in.ok());
  }
}

}  // namespace
}  // namespace larder::featurestore
