// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRANSFORMER_INTERNAL_LANES_AVX2_H_
#define LARDER_TEXT_TRANSFORMER_INTERNAL_LANES_AVX2_H_

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#define LARDER_KERNEL __attribute__((target("avx2,fma")))
#define LARDER_LANES LARDER_KERNEL __attribute__((always_inline)) inline

// Lanes 0 to 7 and 8 to 15. lanes_scalar.h says what each function computes.
namespace larder::text::internal::avx2 {

struct F {
  __m256 low, high;
};
struct I {
  __m256i low, high;
};

LARDER_LANES F Set(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
LARDER_LANES F Load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
LARDER_LANES void Store(float* p, F x) {
  _mm256_storeu_ps(p, x.low);
  _mm256_storeu_ps(p + 8, x.high);
}
LARDER_LANES F Add(F a, F b) {
  return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
LARDER_LANES F Sub(F a, F b) {
  return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
LARDER_LANES F Mul(F a, F b) {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
LARDER_LANES F Div(F a, F b) {
  return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
LARDER_LANES F Fma(F a, F b, F c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
LARDER_LANES F Max(F a, F b) {
  return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}
LARDER_LANES F Min(F a, F b) {
  return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}
LARDER_LANES F Abs(F a) {
  const __m256 top = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(top, a.low), _mm256_andnot_ps(top, a.high)};
}
LARDER_LANES F Round(F a) {
  constexpr int kEven = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(a.low, kEven), _mm256_round_ps(a.high, kEven)};
}
LARDER_LANES F IfLess(F x, F y, F a, F b) {
  return {_mm256_blendv_ps(b.low, a.low, _mm256_cmp_ps(x.low, y.low, _CMP_LT_OQ)),
          _mm256_blendv_ps(b.high, a.high, _mm256_cmp_ps(x.high, y.high, _CMP_LT_OQ))};
}
LARDER_LANES F WithSign(F magnitude, F sign) {
  const __m256 top = _mm256_set1_ps(-0.0f);
  const F size = Abs(magnitude);
  return {_mm256_or_ps(size.low, _mm256_and_ps(top, sign.low)),
          _mm256_or_ps(size.high, _mm256_and_ps(top, sign.high))};
}

LARDER_LANES I SetInt(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
LARDER_LANES I LoadInt(const int32_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 8))};
}
LARDER_LANES I AddInt(I a, I b) {
  return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}
LARDER_LANES I SubInt(I a, I b) {
  return {_mm256_sub_epi32(a.low, b.low), _mm256_sub_epi32(a.high, b.high)};
}
LARDER_LANES F FromInt(I a) { return {_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)}; }
LARDER_LANES I ToInt(F a) { return {_mm256_cvtps_epi32(a.low), _mm256_cvtps_epi32(a.high)}; }
LARDER_LANES __m256 Scale2Half(__m256 a, __m256 n) {
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a),
                                              _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23)));
}
LARDER_LANES F Scale2(F a, F n) { return {Scale2Half(a.low, n.low), Scale2Half(a.high, n.high)}; }
LARDER_LANES void StoreBytes(void* p, I a) {
  // The low bytes of each half of a register become its first four.
  const __m256i gather = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                          -1, 0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                          -1, -1);
  const __m256i low = _mm256_shuffle_epi8(a.low, gather);
  const __m256i high = _mm256_shuffle_epi8(a.high, gather);
  const __m256i both = _mm256_unpacklo_epi32(low, high);  // 0-3, 8-11 | 4-7, 12-15
  const __m128i first = _mm256_castsi256_si128(both);
  const __m128i second = _mm256_extracti128_si256(both, 1);
  _mm_storeu_si128(static_cast<__m128i*>(p), _mm_unpacklo_epi32(first, second));
}
LARDER_LANES __m256i Interleave(__m256i a, __m256i b, __m256i c, __m256i d) {
  const __m256i low = _mm256_set1_epi32(255);
  const __m256i ab = _mm256_or_si256(_mm256_and_si256(a, low),
                                     _mm256_slli_epi32(_mm256_and_si256(b, low), 8));
  const __m256i cd = _mm256_or_si256(_mm256_slli_epi32(_mm256_and_si256(c, low), 16),
                                     _mm256_slli_epi32(d, 24));
  return _mm256_or_si256(ab, cd);
}
LARDER_LANES void StoreBytes4(void* p, I a, I b, I c, I d) {
  auto* out = static_cast<__m256i*>(p);
  _mm256_storeu_si256(out, Interleave(a.low, b.low, c.low, d.low));
  _mm256_storeu_si256(out + 1, Interleave(a.high, b.high, c.high, d.high));
}

LARDER_LANES float FoldSum(F a) {
  const __m256 h = _mm256_add_ps(a.low, a.high);
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
LARDER_LANES float FoldMax(F a) {
  const __m256 h = _mm256_max_ps(a.low, a.high);
  __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  q = _mm_max_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}
LARDER_LANES float FoldMin(F a) {
  const __m256 h = _mm256_min_ps(a.low, a.high);
  __m128 q = _mm_min_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  q = _mm_min_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_min_ss(q, _mm_movehdup_ps(q)));
}
LARDER_LANES int32_t FoldSumInt(I a) {
  const __m256i h = _mm256_add_epi32(a.low, a.high);
  __m128i q = _mm_add_epi32(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1));
  q = _mm_add_epi32(q, _mm_shuffle_epi32(q, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(q, _mm_shuffle_epi32(q, 0xb1)));
}

inline constexpr size_t kFloatTileRows = 2;

// Sums of kRows rows and 16 columns: bytes are widened to 16 bits, where `vpmaddwd` adds pairs of
// products exactly (`vpmaddubsw` would saturate). `step` bytes lie between groups of four k.
template <int kRows>
LARDER_LANES void Columns16(const uint8_t* a, size_t stride, const int8_t* w, size_t step,
                            size_t k, int32_t* out, size_t out_stride) {
  __m256i sum[kRows][4];
#pragma GCC unroll 2
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) sum[r][c] = _mm256_setzero_si256();
  }
  for (size_t i = 0; i < k; i += 4) {
    const int8_t* group = w + i / 4 * step;
    __m256i x[kRows];
#pragma GCC unroll 2
    for (int r = 0; r < kRows; ++r) {
      int32_t four;
      std::memcpy(&four, a + static_cast<size_t>(r) * stride + i, sizeof four);
      x[r] = _mm256_broadcastq_epi64(_mm_cvtepu8_epi16(_mm_cvtsi32_si128(four)));
    }
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) {
      const __m256i wide = _mm256_cvtepi8_epi16(
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(group + 16 * c)));
#pragma GCC unroll 2
      for (int r = 0; r < kRows; ++r) {
        sum[r][c] = _mm256_add_epi32(sum[r][c], _mm256_madd_epi16(x[r], wide));
      }
    }
  }
  // Each column has two sums side by side.
#pragma GCC unroll 2
  for (int r = 0; r < kRows; ++r) {
    auto* row = reinterpret_cast<__m256i*>(out + static_cast<size_t>(r) * out_stride);
#pragma GCC unroll 2
    for (int c = 0; c < 2; ++c) {
      const __m256i pairs = _mm256_hadd_epi32(sum[r][2 * c], sum[r][2 * c + 1]);
      _mm256_storeu_si256(row + c, _mm256_permute4x64_epi64(pairs, 0xd8));
    }
  }
}

LARDER_KERNEL inline void AllRows(const uint8_t* a, size_t stride, size_t rows, const int8_t* w,
                                  size_t step, size_t k, int32_t* out, size_t out_stride) {
  size_t r = 0;
  for (; r + 2 <= rows; r += 2) {
    Columns16<2>(a + r * stride, stride, w, step, k, out + r * out_stride, out_stride);
  }
  if (r < rows) {
    Columns16<1>(a + r * stride, stride, w, step, k, out + r * out_stride, out_stride);
  }
}

LARDER_KERNEL inline void Tile64(const uint8_t* a, size_t stride, size_t rows, const int8_t* panel,
                                 size_t k, int32_t* out) {
  for (size_t c = 0; c < 64; c += 16) {
    AllRows(a, stride, rows, panel + 4 * c, 256, k, out + c, 64);
  }
}

LARDER_KERNEL inline void Tile16(const uint8_t* a, size_t stride, size_t rows,
                                 const int8_t* panels, size_t panel_size, size_t panel_count,
                                 size_t k, int32_t* out, size_t out_stride) {
  for (size_t p = 0; p < panel_count; ++p) {
    AllRows(a, stride, rows, panels + p * panel_size, 64, k, out + 16 * p, out_stride);
  }
}

}  // namespace larder::text::internal::avx2

#endif  // LARDER_TEXT_TRANSFORMER_INTERNAL_LANES_AVX2_H_
