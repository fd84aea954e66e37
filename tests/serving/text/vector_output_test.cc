// SPDX-License-Identifier: Apache-2.0
#include "serving/text/vector_output.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "base/fixed_point.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

text::EncoderInfo Info(text::EncoderKind kind, int32_t dimensions) {
  return {.digest = {}, .kind = kind, .dimensions = dimensions, .matryoshka = {2}};
}

// By the rules of IEEE 754, without bits.
double ValueOf(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int mantissa = half & 1023;
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24)
                                         : std::ldexp(1024 + mantissa, exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

TEST(VectorOutput, KnowsTheLengthsThatTheEncoderWasTrainedFor) {
  const text::EncoderInfo info = Info(text::EncoderKind::kStatic, 4);
  EXPECT_THAT(OutputDimensions(info, std::nullopt), IsOkAndHolds(4U));
  EXPECT_THAT(OutputDimensions(info, 4), IsOkAndHolds(4U));
  EXPECT_THAT(OutputDimensions(info, 2), IsOkAndHolds(2U));
  for (const uint32_t wrong : {0U, 1U, 3U, 5U, 4'294'967'295U}) {
    EXPECT_THAT(OutputDimensions(info, wrong),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("has 2, 4, got ")));
  }
}

TEST(VectorOutput, StaticVectorsAreTheirCodesScaledToLengthOne) {
  const text::EncoderInfo info = Info(text::EncoderKind::kStatic, 4);
  const std::vector<int8_t> codes = {3, -4, 0, 127, 0, 0, 0, 0};
  EXPECT_THAT(UnitVectors(info, codes, 2), ElementsAre(0.6F, -0.8F, 0, 0));
  EXPECT_THAT(Int8Vectors(info, codes, 2), ElementsAre(3, -4, 0, 0));
  EXPECT_EQ(Int8Vectors(info, codes, 4), codes);
  EXPECT_NEAR(UnitVectors(info, codes, 4)[3], 127 / std::sqrt(127 * 127 + 25), 1e-7);
}

TEST(VectorOutput, FloatVectorsComeBackFromFixedPoint) {
  constexpr uint64_t kSeed = 5;
  RecordProperty("seed", std::to_string(kSeed));
  std::mt19937_64 random(kSeed);
  std::normal_distribution<float> normal;
  const text::EncoderInfo info = Info(text::EncoderKind::kTransformer, 384);
  std::vector<float> vector(384);
  double squares = 0;
  for (float& value : vector) squares += std::pow(value = normal(random), 2);
  for (float& value : vector) value = static_cast<float>(value / std::sqrt(squares));
  const std::vector<int8_t> codes = ToFixedPoint(vector);

  const std::vector<float> back = UnitVectors(info, codes, 384);
  const std::vector<int8_t> int8s = Int8Vectors(info, codes, 384);

  ASSERT_EQ(back.size(), 384U);
  ASSERT_EQ(int8s.size(), 384U);
  const float largest = std::fabs(*std::max_element(
      vector.begin(), vector.end(), [](float a, float b) { return std::fabs(a) < std::fabs(b); }));
  for (size_t d = 0; d < 384; ++d) {
    EXPECT_NEAR(back[d], vector[d], 5e-6);
    EXPECT_NEAR(int8s[d], vector[d] / largest * 127, 0.51);
  }
}

TEST(VectorOutput, HalvesAreTheNearestThereAre) {
  constexpr uint64_t kSeed = 9;
  RecordProperty("seed", std::to_string(kSeed));
  std::mt19937_64 random(kSeed);
  EXPECT_EQ(ToHalf(0), 0);
  EXPECT_EQ(ToHalf(-0.0F), 0x8000);
  EXPECT_EQ(ToHalf(1), 0x3c00);
  EXPECT_EQ(ToHalf(-1), 0xbc00);
  EXPECT_EQ(ToHalf(1 + 0x1p-11F), 0x3c00);      // a tie: to even
  EXPECT_EQ(ToHalf(1 + 3 * 0x1p-11F), 0x3c02);  // another
  EXPECT_EQ(ToHalf(0x1p-25F), 0);
  EXPECT_EQ(ToHalf(0x1.8p-25F), 1);
  EXPECT_EQ(ToHalf(65'504), 0x7bff);
  EXPECT_EQ(ToHalf(1e9F), 0x7c00);
  for (int i = 0; i < 20'000; ++i) {
    const auto value = static_cast<float>(std::ldexp(
        static_cast<double>(random() % 2'000'001) / 1'000'000 - 1,
        -static_cast<int>(random() % 26)));
    const uint16_t half = ToHalf(value);
    const double error = std::fabs(ValueOf(half) - value);
    for (const int step : {-1, 1}) {
      const auto other = static_cast<uint16_t>(half + step);
      if ((other & 0x7c00) == 0x7c00 || (other ^ half) >= 0x8000) continue;
      EXPECT_LE(error, std::fabs(ValueOf(other) - value)) << value;
    }
  }
}

}  // namespace
}  // namespace larder::serving
