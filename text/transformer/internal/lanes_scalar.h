// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRANSFORMER_INTERNAL_LANES_SCALAR_H_
#define LARDER_TEXT_TRANSFORMER_INTERNAL_LANES_SCALAR_H_

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

// The attributes of every function of this instruction set; none here.
#define LARDER_KERNEL
#define LARDER_LANES inline

// 16 lanes by plain loops: what the other instruction sets must equal bit for bit. Where IEEE 754
// leaves a choice (NaN in Max, integers out of range), this does as x86 does.
namespace larder::text::internal::scalar {

struct F {
  float lane[16];
};
struct I {
  int32_t lane[16];
};

#define LARDER_EACH(type, expression)       \
  type out;                                 \
  for (size_t i = 0; i < 16; ++i) {         \
    out.lane[i] = (expression);             \
  }                                         \
  return out

LARDER_LANES F Set(float x) { LARDER_EACH(F, x); }
LARDER_LANES F Load(const float* p) {
  F out;
  std::memcpy(out.lane, p, sizeof out.lane);
  return out;
}
LARDER_LANES void Store(float* p, F x) { std::memcpy(p, x.lane, sizeof x.lane); }
LARDER_LANES F Add(F a, F b) { LARDER_EACH(F, a.lane[i] + b.lane[i]); }
LARDER_LANES F Sub(F a, F b) { LARDER_EACH(F, a.lane[i] - b.lane[i]); }
LARDER_LANES F Mul(F a, F b) { LARDER_EACH(F, a.lane[i] * b.lane[i]); }
LARDER_LANES F Div(F a, F b) { LARDER_EACH(F, a.lane[i] / b.lane[i]); }
// a · b + c, rounded once.
LARDER_LANES F Fma(F a, F b, F c) {
  LARDER_EACH(F, std::fma(a.lane[i], b.lane[i], c.lane[i]));
}
// b where either is NaN.
LARDER_LANES F Max(F a, F b) { LARDER_EACH(F, a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]); }
LARDER_LANES F Min(F a, F b) { LARDER_EACH(F, a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]); }
LARDER_LANES F Abs(F a) { LARDER_EACH(F, std::fabs(a.lane[i])); }
// Halves to even.
LARDER_LANES F Round(F a) { LARDER_EACH(F, std::nearbyint(a.lane[i])); }
// x < y ? a : b.
LARDER_LANES F IfLess(F x, F y, F a, F b) {
  LARDER_EACH(F, x.lane[i] < y.lane[i] ? a.lane[i] : b.lane[i]);
}
LARDER_LANES F WithSign(F magnitude, F sign) {
  LARDER_EACH(F, std::copysign(magnitude.lane[i], sign.lane[i]));
}

LARDER_LANES I SetInt(int32_t x) { LARDER_EACH(I, x); }
LARDER_LANES I LoadInt(const int32_t* p) {
  I out;
  std::memcpy(out.lane, p, sizeof out.lane);
  return out;
}
LARDER_LANES I AddInt(I a, I b) {
  LARDER_EACH(I, static_cast<int32_t>(static_cast<uint32_t>(a.lane[i]) +
                                      static_cast<uint32_t>(b.lane[i])));
}
LARDER_LANES I SubInt(I a, I b) {
  LARDER_EACH(I, static_cast<int32_t>(static_cast<uint32_t>(a.lane[i]) -
                                      static_cast<uint32_t>(b.lane[i])));
}
LARDER_LANES F FromInt(I a) { LARDER_EACH(F, static_cast<float>(a.lane[i])); }
LARDER_LANES int32_t ToIntOne(float x) {
  if (!(x > -0x1p31f && x < 0x1p31f)) return std::numeric_limits<int32_t>::min();
  return static_cast<int32_t>(std::nearbyint(x));
}
// Halves to even; the least integer for what does not fit.
LARDER_LANES I ToInt(F a) { LARDER_EACH(I, ToIntOne(a.lane[i])); }
// a · 2^n by its bits, for an integer n in float.
LARDER_LANES F Scale2(F a, F n) {
  LARDER_EACH(F, std::bit_cast<float>(
                     std::bit_cast<uint32_t>(a.lane[i]) +
                     (static_cast<uint32_t>(ToIntOne(n.lane[i])) << 23)));
}
// The low bytes.
LARDER_LANES void StoreBytes(void* p, I a) {
  for (size_t i = 0; i < 16; ++i) {
    static_cast<uint8_t*>(p)[i] = static_cast<uint8_t>(a.lane[i]);
  }
}
// 16 times the low bytes of a, b, c, d.
LARDER_LANES void StoreBytes4(void* p, I a, I b, I c, I d) {
  auto* out = static_cast<uint8_t*>(p);
  for (size_t i = 0; i < 16; ++i) {
    out[4 * i] = static_cast<uint8_t>(a.lane[i]);
    out[4 * i + 1] = static_cast<uint8_t>(b.lane[i]);
    out[4 * i + 2] = static_cast<uint8_t>(c.lane[i]);
    out[4 * i + 3] = static_cast<uint8_t>(d.lane[i]);
  }
}

// Lanes fold 16 → 8 → 4 → 2 → 1: lane i meets lane i + half.
LARDER_LANES float FoldSum(F a) {
  for (size_t half = 8; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) a.lane[i] += a.lane[i + half];
  }
  return a.lane[0];
}
LARDER_LANES float FoldMax(F a) {
  for (size_t half = 8; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) {
      a.lane[i] = a.lane[i] > a.lane[i + half] ? a.lane[i] : a.lane[i + half];
    }
  }
  return a.lane[0];
}
LARDER_LANES float FoldMin(F a) {
  for (size_t half = 8; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) {
      a.lane[i] = a.lane[i] < a.lane[i + half] ? a.lane[i] : a.lane[i + half];
    }
  }
  return a.lane[0];
}
LARDER_LANES int32_t FoldSumInt(I a) {
  uint32_t sum = 0;
  for (size_t i = 0; i < 16; ++i) sum += static_cast<uint32_t>(a.lane[i]);
  return static_cast<int32_t>(sum);
}

#undef LARDER_EACH

// Rows of float products at once.
inline constexpr size_t kFloatTileRows = 4;

// Products of rows of bytes, out [rows, 64] of one panel [k / 4][64][4]; rows <= 6.
inline void Tile64(const uint8_t* a, size_t stride, size_t rows, const int8_t* panel, size_t k,
                   int32_t* out) {
  std::memset(out, 0, rows * 64 * sizeof *out);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t i = 0; i < k; ++i) {
      const int8_t* column = panel + i / 4 * 256 + i % 4;
      const int32_t x = a[r * stride + i];
      for (size_t c = 0; c < 64; ++c) out[r * 64 + c] += x * column[4 * c];
    }
  }
}

// The same of several panels [k / 4][16][4], `panel_size` bytes apart; out [rows, out_stride].
inline void Tile16(const uint8_t* a, size_t stride, size_t rows, const int8_t* panels,
                   size_t panel_size, size_t panel_count, size_t k, int32_t* out,
                   size_t out_stride) {
  for (size_t r = 0; r < rows; ++r) {
    for (size_t p = 0; p < panel_count; ++p) {
      int32_t* sums = out + r * out_stride + 16 * p;
      std::memset(sums, 0, 16 * sizeof *sums);
      for (size_t i = 0; i < k; ++i) {
        const int8_t* column = panels + p * panel_size + i / 4 * 64 + i % 4;
        const int32_t x = a[r * stride + i];
        for (size_t c = 0; c < 16; ++c) sums[c] += x * column[4 * c];
      }
    }
  }
}

}  // namespace larder::text::internal::scalar

#endif  // LARDER_TEXT_TRANSFORMER_INTERNAL_LANES_SCALAR_H_
