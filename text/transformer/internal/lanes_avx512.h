// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRANSFORMER_INTERNAL_LANES_AVX512_H_
#define LARDER_TEXT_TRANSFORMER_INTERNAL_LANES_AVX512_H_

#ifndef __clang__
// gcc 12 reports its own _mm512_undefined_ps as uninitialised.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#define LARDER_KERNEL __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")))
#define LARDER_LANES LARDER_KERNEL __attribute__((always_inline)) inline

// lanes_scalar.h says what each function computes.
namespace larder::text::internal::avx512vnni {

using F = __m512;
using I = __m512i;

LARDER_LANES F Set(float x) { return _mm512_set1_ps(x); }
LARDER_LANES F Load(const float* p) { return _mm512_loadu_ps(p); }
LARDER_LANES void Store(float* p, F x) { _mm512_storeu_ps(p, x); }
LARDER_LANES F Add(F a, F b) { return _mm512_add_ps(a, b); }
LARDER_LANES F Sub(F a, F b) { return _mm512_sub_ps(a, b); }
LARDER_LANES F Mul(F a, F b) { return _mm512_mul_ps(a, b); }
LARDER_LANES F Div(F a, F b) { return _mm512_div_ps(a, b); }
LARDER_LANES F Fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
LARDER_LANES F Max(F a, F b) { return _mm512_max_ps(a, b); }
LARDER_LANES F Min(F a, F b) { return _mm512_min_ps(a, b); }
LARDER_LANES F Abs(F a) { return _mm512_abs_ps(a); }
LARDER_LANES F Round(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT); }
LARDER_LANES F IfLess(F x, F y, F a, F b) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, y, _CMP_LT_OQ), b, a);
}
LARDER_LANES F WithSign(F magnitude, F sign) {
  const __m512i top = _mm512_set1_epi32(INT32_MIN);
  return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(
      top, _mm512_castps_si512(sign), _mm512_castps_si512(magnitude), 0xca));
}

LARDER_LANES I SetInt(int32_t x) { return _mm512_set1_epi32(x); }
LARDER_LANES I LoadInt(const int32_t* p) { return _mm512_loadu_si512(p); }
LARDER_LANES I AddInt(I a, I b) { return _mm512_add_epi32(a, b); }
LARDER_LANES I SubInt(I a, I b) { return _mm512_sub_epi32(a, b); }
LARDER_LANES F FromInt(I a) { return _mm512_cvtepi32_ps(a); }
LARDER_LANES I ToInt(F a) { return _mm512_cvtps_epi32(a); }
LARDER_LANES F Scale2(F a, F n) {
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a),
                                              _mm512_slli_epi32(_mm512_cvtps_epi32(n), 23)));
}
LARDER_LANES void StoreBytes(void* p, I a) {
  _mm_storeu_si128(static_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a));
}
LARDER_LANES void StoreBytes4(void* p, I a, I b, I c, I d) {
  const __m512i low = _mm512_set1_epi32(255);
  const __m512i ab = _mm512_or_si512(_mm512_and_si512(a, low),
                                     _mm512_slli_epi32(_mm512_and_si512(b, low), 8));
  const __m512i cd = _mm512_or_si512(_mm512_slli_epi32(_mm512_and_si512(c, low), 16),
                                     _mm512_slli_epi32(d, 24));
  _mm512_storeu_si512(p, _mm512_or_si512(ab, cd));
}

LARDER_LANES float FoldSum(F a) {
  __m256 h = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
LARDER_LANES float FoldMax(F a) {
  __m256 h = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  q = _mm_max_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}
LARDER_LANES float FoldMin(F a) {
  __m256 h = _mm256_min_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  __m128 q = _mm_min_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  q = _mm_min_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_min_ss(q, _mm_movehdup_ps(q)));
}
LARDER_LANES int32_t FoldSumInt(I a) { return _mm512_reduce_add_epi32(a); }

inline constexpr size_t kFloatTileRows = 6;

// ---- the tile of 6 x 64 ------------------------------------------------------------------------
// One block of assembly: gcc 12 keeps 24 sums of intrinsics on the stack, at half the speed. Sums
// are zmm8 to zmm31, zmm0 to zmm3 the weights of 4 k, zmm4 to zmm7 four bytes of a row everywhere.

#define LARDER_DOT(weights, x, sum) \
  "vpdpbusd %%zmm" #weights ", %%zmm" #x ", %%zmm" #sum "\n\t"
#define LARDER_ROW(address, x, s0, s1, s2, s3)                                             \
  "vpbroadcastd " address ", %%zmm" #x "\n\t" LARDER_DOT(0, x, s0) LARDER_DOT(1, x, s1)    \
      LARDER_DOT(2, x, s2) LARDER_DOT(3, x, s3)
#define LARDER_ROWS1(k) LARDER_ROW(k "(%[a])", 4, 8, 9, 10, 11)
#define LARDER_ROWS2(k) LARDER_ROWS1(k) LARDER_ROW(k "(%[a],%[stride])", 5, 12, 13, 14, 15)
#define LARDER_ROWS3(k) LARDER_ROWS2(k) LARDER_ROW(k "(%[a],%[stride],2)", 6, 16, 17, 18, 19)
#define LARDER_ROWS4(k) LARDER_ROWS3(k) LARDER_ROW(k "(%[a3])", 7, 20, 21, 22, 23)
#define LARDER_ROWS5(k) LARDER_ROWS4(k) LARDER_ROW(k "(%[a3],%[stride])", 4, 24, 25, 26, 27)
#define LARDER_ROWS6(k) LARDER_ROWS5(k) LARDER_ROW(k "(%[a3],%[stride],2)", 5, 28, 29, 30, 31)

#define LARDER_FETCH(at) "prefetcht0 4096+" at "(%[w])\n\t"
#define LARDER_STEP(rows, k, w0, w1, w2, w3)                                              \
  "vmovdqa64 " w0 "(%[w]), %%zmm0\n\tvmovdqa64 " w1 "(%[w]), %%zmm1\n\t"                  \
  "vmovdqa64 " w2 "(%[w]), %%zmm2\n\tvmovdqa64 " w3 "(%[w]), %%zmm3\n\t"                  \
  LARDER_FETCH(w0) LARDER_FETCH(w1) LARDER_FETCH(w2) LARDER_FETCH(w3) rows(k)

#define LARDER_ZERO(s) "vpxord %%zmm" #s ", %%zmm" #s ", %%zmm" #s "\n\t"
#define LARDER_ZERO4(a, b, c, d) LARDER_ZERO(a) LARDER_ZERO(b) LARDER_ZERO(c) LARDER_ZERO(d)
#define LARDER_ZERO1 LARDER_ZERO4(8, 9, 10, 11)
#define LARDER_ZERO2 LARDER_ZERO1 LARDER_ZERO4(12, 13, 14, 15)
#define LARDER_ZERO3 LARDER_ZERO2 LARDER_ZERO4(16, 17, 18, 19)
#define LARDER_ZEROS4 LARDER_ZERO3 LARDER_ZERO4(20, 21, 22, 23)
#define LARDER_ZERO5 LARDER_ZEROS4 LARDER_ZERO4(24, 25, 26, 27)
#define LARDER_ZERO6 LARDER_ZERO5 LARDER_ZERO4(28, 29, 30, 31)

#define LARDER_KEEP(s, at) "vmovdqa64 %%zmm" #s ", " #at "(%[out])\n\t"
#define LARDER_KEEP1 \
  LARDER_KEEP(8, 0) LARDER_KEEP(9, 64) LARDER_KEEP(10, 128) LARDER_KEEP(11, 192)
#define LARDER_KEEP2 LARDER_KEEP1 \
  LARDER_KEEP(12, 256) LARDER_KEEP(13, 320) LARDER_KEEP(14, 384) LARDER_KEEP(15, 448)
#define LARDER_KEEP3 LARDER_KEEP2 \
  LARDER_KEEP(16, 512) LARDER_KEEP(17, 576) LARDER_KEEP(18, 640) LARDER_KEEP(19, 704)
#define LARDER_KEEP4 LARDER_KEEP3 \
  LARDER_KEEP(20, 768) LARDER_KEEP(21, 832) LARDER_KEEP(22, 896) LARDER_KEEP(23, 960)
#define LARDER_KEEP5 LARDER_KEEP4 \
  LARDER_KEEP(24, 1024) LARDER_KEEP(25, 1088) LARDER_KEEP(26, 1152) LARDER_KEEP(27, 1216)
#define LARDER_KEEP6 LARDER_KEEP5 \
  LARDER_KEEP(28, 1280) LARDER_KEEP(29, 1344) LARDER_KEEP(30, 1408) LARDER_KEEP(31, 1472)

#define LARDER_TILE(zero, rows, keep)                                                       \
  asm volatile(zero                                                                         \
               ".balign 64\n"                                                               \
               "0:\n\t"                                                                     \
               LARDER_STEP(rows, "0", "0", "64", "128", "192")                              \
               LARDER_STEP(rows, "4", "256", "320", "384", "448")                           \
               LARDER_STEP(rows, "8", "512", "576", "640", "704")                           \
               LARDER_STEP(rows, "12", "768", "832", "896", "960")                          \
               "add $1024, %[w]\n\t"                                                        \
               "add $16, %[a]\n\t"                                                          \
               "add $16, %[a3]\n\t"                                                         \
               "cmp %[end], %[a]\n\t"                                                       \
               "jne 0b\n\t"                                                                 \
               keep                                                                         \
               : [a] "+r"(a), [a3] "+r"(a3), [w] "+r"(w)                                    \
               : [stride] "r"(stride), [end] "r"(end), [out] "r"(out)                       \
               : "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",    \
                 "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",       \
                 "xmm15", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22",    \
                 "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30",    \
                 "xmm31")

// k is a multiple of 16 over 0; panel and out begin at cache lines.
LARDER_KERNEL inline void Tile64(const uint8_t* a, size_t stride, size_t rows, const int8_t* w,
                                 size_t k, int32_t* out) {
  const uint8_t* a3 = a + 3 * stride;
  const uint8_t* const end = a + k;
  switch (rows) {
    case 1: LARDER_TILE(LARDER_ZERO1, LARDER_ROWS1, LARDER_KEEP1); break;
    case 2: LARDER_TILE(LARDER_ZERO2, LARDER_ROWS2, LARDER_KEEP2); break;
    case 3: LARDER_TILE(LARDER_ZERO3, LARDER_ROWS3, LARDER_KEEP3); break;
    case 4: LARDER_TILE(LARDER_ZEROS4, LARDER_ROWS4, LARDER_KEEP4); break;
    case 5: LARDER_TILE(LARDER_ZERO5, LARDER_ROWS5, LARDER_KEEP5); break;
    default: LARDER_TILE(LARDER_ZERO6, LARDER_ROWS6, LARDER_KEEP6); break;
  }
}

// ---- the tiles of attention: few sums, so intrinsics will do -----------------------------------

template <int kRows, int kPanels>
LARDER_LANES void SmallTile(const uint8_t* a, size_t stride, const int8_t* panels,
                            size_t panel_size, size_t k, int32_t* out, size_t out_stride) {
  __m512i sum[kRows][kPanels];
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) sum[r][p] = _mm512_setzero_si512();
  }
  for (size_t i = 0; i < k; i += 4) {
    __m512i w[kPanels];
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) {
      w[p] = _mm512_loadu_si512(panels + static_cast<size_t>(p) * panel_size + 16 * i);
    }
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      int32_t four;
      std::memcpy(&four, a + static_cast<size_t>(r) * stride + i, sizeof four);
      const __m512i x = _mm512_set1_epi32(four);
#pragma GCC unroll 2
      for (int p = 0; p < kPanels; ++p) sum[r][p] = _mm512_dpbusd_epi32(sum[r][p], x, w[p]);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) {
      _mm512_storeu_si512(out + static_cast<size_t>(r) * out_stride + 16 * p, sum[r][p]);
    }
  }
}

template <int kRows>
LARDER_KERNEL inline void SmallTiles(const uint8_t* a, size_t stride, const int8_t* panels,
                                     size_t panel_size, size_t panel_count, size_t k, int32_t* out,
                                     size_t out_stride) {
  size_t p = 0;
  for (; p + 2 <= panel_count; p += 2) {
    SmallTile<kRows, 2>(a, stride, panels + p * panel_size, panel_size, k, out + 16 * p,
                        out_stride);
  }
  if (p < panel_count) {
    SmallTile<kRows, 1>(a, stride, panels + p * panel_size, panel_size, k, out + 16 * p,
                        out_stride);
  }
}

LARDER_KERNEL inline void Tile16(const uint8_t* a, size_t stride, size_t rows,
                                 const int8_t* panels, size_t panel_size, size_t panel_count,
                                 size_t k, int32_t* out, size_t out_stride) {
#define LARDER_CASE(n) \
  SmallTiles<n>(a, stride, panels, panel_size, panel_count, k, out, out_stride)
  switch (rows) {
    case 1: LARDER_CASE(1); break;
    case 2: LARDER_CASE(2); break;
    case 3: LARDER_CASE(3); break;
    case 4: LARDER_CASE(4); break;
    case 5: LARDER_CASE(5); break;
    default: LARDER_CASE(6); break;
  }
#undef LARDER_CASE
}

}  // namespace larder::text::internal::avx512vnni

#endif  // LARDER_TEXT_TRANSFORMER_INTERNAL_LANES_AVX512_H_
