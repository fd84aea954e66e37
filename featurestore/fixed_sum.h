// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_FIXED_SUM_H_
#define LARDER_FEATURESTORE_FIXED_SUM_H_

#include <cmath>
#include <cstdint>

#include "base/bytes.h"

namespace larder::featurestore {

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 Uint128;

// A 128-bit integer in two words, so that it needs no more than 8-byte alignment in tiles.
struct Wide {
  uint64_t low = 0;
  uint64_t high = 0;

  Int128 value() const {
    return static_cast<Int128>((static_cast<Uint128>(high) << 64) | low);
  }
  static Wide Of(Int128 value) {
    const auto bits = static_cast<Uint128>(value);
    return {static_cast<uint64_t>(bits), static_cast<uint64_t>(bits >> 64)};
  }
  // Modulo 2^128. Sums of fewer than 2^33 admitted inputs never reach the modulus (S3.2).
  void Add(Wide other) {
    const auto sum = static_cast<Uint128>(value()) + static_cast<Uint128>(other.value());
    *this = Of(static_cast<Int128>(sum));
  }
  bool operator==(const Wide&) const = default;
};

// Zigzag varint of up to 19 bytes, so that small sums are short. `ReadWide` accepts only what
// `WriteWide` writes.
inline void WriteWide(ByteWriter& out, Wide wide) {
  const Int128 value = wide.value();
  Uint128 bits = (static_cast<Uint128>(value) << 1) ^ static_cast<Uint128>(value >> 127);
  while (bits >= 0x80) {
    out.Fixed(static_cast<uint8_t>(static_cast<uint8_t>(bits) | 0x80));
    bits >>= 7;
  }
  out.Fixed(static_cast<uint8_t>(bits));
}

inline Wide ReadWide(ByteReader& in) {
  Uint128 bits = 0;
  for (int shift = 0; shift < 128; shift += 7) {
    const auto byte = in.Fixed<uint8_t>();
    if (!in.ok() || (shift == 126 && byte > 3) || (shift > 0 && byte == 0)) break;
    bits |= static_cast<Uint128>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      return Wide::Of(static_cast<Int128>(bits >> 1) ^ -static_cast<Int128>(bits & 1));
    }
  }
  in.Fail();
  return {};
}

// Sums in fixed point at 2^-32 (R3, S3.2): exact, so independent of order.
// Units: a sum of 1.0 is 2^32.
class FixedSum {
 public:
  static constexpr int kFractionBits = 32;
  static constexpr double kLimit = 0x1p62;  // inputs with |x| >= kLimit, NaN, infinity: not held

  static bool Holds(double x) { return std::fabs(x) < kLimit; }  // false for NaN
  static bool Holds(int64_t x) {
    constexpr int64_t limit = int64_t{1} << 62;
    return x < limit && x > -limit;
  }

  // Half to even; `x` must be held.
  static Wide FromDouble(double x) {
    return Wide::Of(static_cast<Int128>(std::nearbyint(std::ldexp(x, kFractionBits))));
  }
  static Wide FromInt(int64_t x) { return Wide::Of(static_cast<Int128>(x) << kFractionBits); }

  // The sum as a double, rounded once, half to even.
  static double ToDouble(Wide sum) {
    return std::ldexp(static_cast<double>(sum.value()), -kFractionBits);
  }

  // sum / count, rounded once, half to even. `count` > 0.
  static double Mean(Wide sum, uint64_t count) {
    const Int128 value = sum.value();
    const bool negative = value < 0;
    const Uint128 a = negative ? -static_cast<Uint128>(value) : static_cast<Uint128>(value);
    if (a == 0) return 0.0;
    // A quotient of at least 64 significant bits; what is below it only matters as "not zero".
    Uint128 quotient = a / count;
    Uint128 rest = a % count;
    int exponent = 0;
    if (quotient < (static_cast<Uint128>(1) << 64)) {
      const Uint128 whole = quotient;
      const Uint128 first = (rest << 64) / count;
      rest = (rest << 64) % count;
      exponent = -64;
      if (whole != 0) {
        quotient = (whole << 64) | first;
      } else {
        quotient = (first << 64) | ((rest << 64) / count);
        rest = (rest << 64) % count;
        exponent = -128;
      }
    }
    if (rest != 0) quotient |= 1;
    const double mean = std::ldexp(static_cast<double>(quotient), exponent - kFractionBits);
    return negative ? -mean : mean;
  }
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_FIXED_SUM_H_
