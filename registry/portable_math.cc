// SPDX-License-Identifier: Apache-2.0
//
// The three algorithms are those of Sun's fdlibm:
// ====================================================
// Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved.
//
// Developed at SunPro, a Sun Microsystems, Inc. business.
// Permission to use, copy, modify, and distribute this
// software is freely granted, provided that this notice
// is preserved.
// ====================================================
#include "registry/portable_math.h"

#include <bit>
#include <cstdint>
#include <limits>

namespace larder::registry {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

constexpr double kLn2High = 6.93147180369123816490e-01;
constexpr double kLn2Low = 1.90821492927058770002e-10;

// log(1 + f) = f - s * (f - R), s = f / (2 + f), R a polynomial in s * s with these coefficients.
constexpr double kLg1 = 6.666666666666735130e-01;
constexpr double kLg2 = 3.999999999940941908e-01;
constexpr double kLg3 = 2.857142874366239149e-01;
constexpr double kLg4 = 2.222219843214978396e-01;
constexpr double kLg5 = 1.818357216161805012e-01;
constexpr double kLg6 = 1.531383769920937332e-01;
constexpr double kLg7 = 1.479819860511658591e-01;

int32_t HighWord(double x) { return static_cast<int32_t>(std::bit_cast<uint64_t>(x) >> 32); }

double WithHighWord(double x, int32_t high) {
  const uint64_t low = std::bit_cast<uint64_t>(x) & 0xffffffffU;
  return std::bit_cast<double>((static_cast<uint64_t>(static_cast<uint32_t>(high)) << 32) | low);
}

// 2^k for -1022 <= k <= 1023.
double PowerOfTwo(int k) { return std::bit_cast<double>(static_cast<uint64_t>(k + 1023) << 52); }

}  // namespace

double PortableExp(double x) {
  constexpr double kOverflow = 7.09782712893383973096e+02;
  constexpr double kUnderflow = -7.45133219101941108420e+02;
  constexpr double kInverseLn2 = 1.44269504088896338700e+00;
  constexpr double kP1 = 1.66666666666666019037e-01;
  constexpr double kP2 = -2.77777777770155933842e-03;
  constexpr double kP3 = 6.61375632143793436117e-05;
  constexpr double kP4 = -1.65339022054652515390e-06;
  constexpr double kP5 = 4.13813679705723846039e-08;

  if (x != x) return kNaN;
  if (x > kOverflow) return kInfinity;
  if (x < kUnderflow) return 0;

  // x = k * ln2 + r with |r| <= ln2 / 2, r = high - low.
  const double magnitude = x < 0 ? -x : x;
  if (magnitude < 0x1p-28) return 1 + x;
  int k = 0;
  double high = x;
  double low = 0;
  if (magnitude > 0.34657359027997264) {  // ln2 / 2
    if (magnitude < 1.0397207708399179) {  // 3 ln2 / 2
      k = x < 0 ? -1 : 1;
    } else {
      k = static_cast<int>(kInverseLn2 * x + (x < 0 ? -0.5 : 0.5));
    }
    high = x - k * kLn2High;
    low = k * kLn2Low;
  }
  const double r = high - low;
  const double t = r * r;
  const double c = r - t * (kP1 + t * (kP2 + t * (kP3 + t * (kP4 + t * kP5))));
  if (k == 0) return 1 - ((r * c) / (c - 2) - r);
  const double y = 1 - ((low - (r * c) / (2 - c)) - high);
  if (k == 1024) return y * 2 * 0x1p1023;
  if (k >= -1021) return y * PowerOfTwo(k);
  return y * PowerOfTwo(k + 1000) * 0x1p-1000;
}

double PortableLog(double x) {
  if (x != x) return kNaN;
  if (x == 0) return -kInfinity;
  if (x < 0) return kNaN;
  if (x == kInfinity) return kInfinity;

  int k = 0;
  int32_t high = HighWord(x);
  if (high < 0x00100000) {  // subnormal
    k -= 54;
    x *= 0x1p54;
    high = HighWord(x);
  }
  // x = 2^k * (1 + f) with sqrt(2)/2 < 1 + f < sqrt(2).
  k += (high >> 20) - 1023;
  high &= 0x000fffff;
  const int32_t i = (high + 0x95f64) & 0x100000;
  x = WithHighWord(x, high | (i ^ 0x3ff00000));
  k += i >> 20;
  const double f = x - 1;
  const double dk = k;
  if ((0x000fffff & (2 + high)) < 3) {  // |f| < 2^-20
    if (f == 0) return k == 0 ? 0 : dk * kLn2High + dk * kLn2Low;
    const double r = f * f * (0.5 - 0.33333333333333333 * f);
    return k == 0 ? f - r : dk * kLn2High - ((r - dk * kLn2Low) - f);
  }
  const double s = f / (2 + f);
  const double z = s * s;
  const double w = z * z;
  const double t1 = w * (kLg2 + w * (kLg4 + w * kLg6));
  const double t2 = z * (kLg1 + w * (kLg3 + w * (kLg5 + w * kLg7)));
  const double r = t2 + t1;
  if (((high - 0x6147a) | (0x6b851 - high)) > 0) {
    const double half = 0.5 * f * f;
    if (k == 0) return f - (half - s * (half + r));
    return dk * kLn2High - ((half - (s * (half + r) + dk * kLn2Low)) - f);
  }
  if (k == 0) return f - s * (f - r);
  return dk * kLn2High - ((s * (f - r) - dk * kLn2Low) - f);
}

double PortableLog1p(double x) {
  if (x != x || x < -1) return kNaN;
  if (x == -1) return -kInfinity;
  if (x == kInfinity) return kInfinity;

  const int32_t high = HighWord(x);
  const double magnitude = x < 0 ? -x : x;
  if (magnitude < 0x1p-54) return x;
  if (magnitude < 0x1p-29) return x - x * x * 0.5;

  // 1 + x = 2^k * (1 + f), and c is what was lost in rounding 1 + x, relative to it.
  int k = 0;
  double f = x;
  double c = 0;
  bool tiny = false;  // |f| < 2^-20
  const bool small = x > 0 ? high < 0x3fda827a : static_cast<uint32_t>(high) <= 0xbfd2bec3U;
  if (!small) {
    double u = x;
    if (high < 0x43400000) {  // below 2^53
      u = 1 + x;
      k = (HighWord(u) >> 20) - 1023;
      c = (k > 0 ? 1 - (u - x) : x - (u - 1)) / u;
    } else {
      k = (HighWord(u) >> 20) - 1023;
    }
    int32_t mantissa = HighWord(u) & 0x000fffff;
    if (mantissa < 0x6a09e) {
      u = WithHighWord(u, mantissa | 0x3ff00000);
    } else {
      ++k;
      u = WithHighWord(u, mantissa | 0x3fe00000);
      mantissa = (0x00100000 - mantissa) >> 2;
    }
    tiny = mantissa == 0;
    f = u - 1;
  }
  const double half = 0.5 * f * f;
  const double dk = k;
  if (tiny) {
    if (f == 0) return k == 0 ? 0 : dk * kLn2High + (c + dk * kLn2Low);
    const double r = half * (1 - 0.66666666666666666 * f);
    return k == 0 ? f - r : dk * kLn2High - ((r - (dk * kLn2Low + c)) - f);
  }
  const double s = f / (2 + f);
  const double z = s * s;
  const double r =
      z * (kLg1 + z * (kLg2 + z * (kLg3 + z * (kLg4 + z * (kLg5 + z * (kLg6 + z * kLg7))))));
  if (k == 0) return f - (half - s * (half + r));
  return dk * kLn2High - ((half - (s * (half + r) + (dk * kLn2Low + c))) - f);
}

}  // namespace larder::registry
