// SPDX-License-Identifier: Apache-2.0
#include "ann/internal/kernels.h"

#ifdef LARDER_ANN_X86
#ifndef __clang__
// gcc 12 reports its own _mm512_undefined_epi32 as uninitialised.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#define LARDER_VNNI __attribute__((target("avx512f,avx512bw,avx512vnni")))

namespace larder::ann::avx512vnni {
namespace {

// `vpdpbusd` multiplies unsigned by signed bytes and never saturates. Flipping a row's top bits
// turns x into x + 128 (unsigned), so  Σ (x + 128)·q − 128·Σ q = Σ x·q  exactly, -128 included.
// Lanes past the end load q = 0 and add nothing.
LARDER_VNNI inline __mmask64 TailMask(size_t rest) {
  return (__mmask64{1} << rest) - 1;  // rest < 64
}

LARDER_VNNI inline __m512i Load(const int8_t* p) { return _mm512_loadu_si512(p); }

LARDER_VNNI inline int32_t Biased(const int8_t* query, const int8_t* row, size_t dim) {
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(0x80));
  __m512i sum0 = _mm512_setzero_si512();
  __m512i sum1 = _mm512_setzero_si512();
  size_t i = 0;
  for (; i + 128 <= dim; i += 128) {
    sum0 = _mm512_dpbusd_epi32(sum0, _mm512_xor_si512(Load(row + i), flip), Load(query + i));
    sum1 = _mm512_dpbusd_epi32(sum1, _mm512_xor_si512(Load(row + i + 64), flip),
                               Load(query + i + 64));
  }
  for (; i + 64 <= dim; i += 64) {
    sum0 = _mm512_dpbusd_epi32(sum0, _mm512_xor_si512(Load(row + i), flip), Load(query + i));
  }
  if (i < dim) {
    const __mmask64 mask = TailMask(dim - i);
    sum1 = _mm512_dpbusd_epi32(sum1, _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, row + i), flip),
                               _mm512_maskz_loadu_epi8(mask, query + i));
  }
  return _mm512_reduce_add_epi32(_mm512_add_epi32(sum0, sum1));
}

// Adds the lanes of four sums: {Σ a, Σ b, Σ c, Σ d}.
LARDER_VNNI inline __m128i SumEach(__m512i a, __m512i b, __m512i c, __m512i d) {
  const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
  const __m512i abcd =
      _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(abcd),
                                        _mm512_extracti64x4_epi64(abcd, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

// Biased() of four rows at once: the query is loaded once, and the lanes are added together.
LARDER_VNNI inline __m128i FourBiased(const int8_t* query, const int8_t* const rows[4],
                                      size_t dim) {
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(0x80));
  __m512i sums[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                     _mm512_setzero_si512()};
  size_t i = 0;
  for (; i + 64 <= dim; i += 64) {
    const __m512i q = Load(query + i);
    for (int r = 0; r < 4; ++r) {
      sums[r] = _mm512_dpbusd_epi32(sums[r], _mm512_xor_si512(Load(rows[r] + i), flip), q);
    }
  }
  if (i < dim) {
    const __mmask64 mask = TailMask(dim - i);
    const __m512i q = _mm512_maskz_loadu_epi8(mask, query + i);
    for (int r = 0; r < 4; ++r) {
      const __m512i row = _mm512_maskz_loadu_epi8(mask, rows[r] + i);
      sums[r] = _mm512_dpbusd_epi32(sums[r], _mm512_xor_si512(row, flip), q);
    }
  }
  return SumEach(sums[0], sums[1], sums[2], sums[3]);
}

// 128 · Σ query.
LARDER_VNNI inline int32_t Bias(const int8_t* query, size_t dim) {
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(0x80));
  __m512i sum = _mm512_setzero_si512();
  size_t i = 0;
  for (; i + 64 <= dim; i += 64) sum = _mm512_dpbusd_epi32(sum, flip, Load(query + i));
  if (i < dim) {
    const __mmask64 mask = TailMask(dim - i);
    sum = _mm512_dpbusd_epi32(sum, flip, _mm512_maskz_loadu_epi8(mask, query + i));
  }
  return _mm512_reduce_add_epi32(sum);
}

}  // namespace

LARDER_VNNI int32_t Dot(const int8_t* a, const int8_t* b, size_t dim) {
  return Biased(a, b, dim) - Bias(a, dim);
}

LARDER_VNNI void DotRows(const int8_t* query, const int8_t* rows, size_t count, size_t dim,
                         int32_t* out) {
  const int32_t bias = Bias(query, dim);
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const int8_t* first = rows + i * dim;
    const int8_t* const four[4] = {first, first + dim, first + 2 * dim, first + 3 * dim};
    const __m128i dots = _mm_sub_epi32(FourBiased(query, four, dim), _mm_set1_epi32(bias));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), dots);
  }
  for (; i < count; ++i) out[i] = Biased(query, rows + i * dim, dim) - bias;
}

LARDER_VNNI void DotGather(const int8_t* query, const int8_t* rows, const uint32_t* ids,
                           size_t count, size_t dim, int32_t* out) {
  const int32_t bias = Bias(query, dim);
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const int8_t* const four[4] = {rows + size_t{ids[i]} * dim, rows + size_t{ids[i + 1]} * dim,
                                   rows + size_t{ids[i + 2]} * dim,
                                   rows + size_t{ids[i + 3]} * dim};
    const __m128i dots = _mm_sub_epi32(FourBiased(query, four, dim), _mm_set1_epi32(bias));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), dots);
  }
  for (; i < count; ++i) out[i] = Biased(query, rows + size_t{ids[i]} * dim, dim) - bias;
}

// One pass for all products of halves; the biases are summed beside them.
LARDER_VNNI void Fine(const int8_t* query_high, const int8_t* query_low, const int8_t* high,
                      const int8_t* low, size_t dim, int64_t* dot, int64_t* squared_norm) {
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(0x80));
  const __m512i zero = _mm512_setzero_si512();
  __m512i hh = zero, hl = zero, lh = zero, ll = zero;  // half of the row x half of the query
  __m512i rhh = zero, rhl = zero, rll = zero;          // halves of the row x halves of the row
  __m512i bias_rh = zero, bias_rl = zero, bias_qh = zero, bias_ql = zero;
  for (size_t i = 0; i < dim; i += 64) {
    const __mmask64 mask = dim - i >= 64 ? ~__mmask64{0} : TailMask(dim - i);
    const __m512i qh = _mm512_maskz_loadu_epi8(mask, query_high + i);
    const __m512i ql = _mm512_maskz_loadu_epi8(mask, query_low + i);
    const __m512i rh = _mm512_maskz_loadu_epi8(mask, high + i);
    const __m512i rl = _mm512_maskz_loadu_epi8(mask, low + i);
    const __m512i uh = _mm512_xor_si512(rh, flip);
    const __m512i ul = _mm512_xor_si512(rl, flip);
    hh = _mm512_dpbusd_epi32(hh, uh, qh);
    hl = _mm512_dpbusd_epi32(hl, uh, ql);
    lh = _mm512_dpbusd_epi32(lh, ul, qh);
    ll = _mm512_dpbusd_epi32(ll, ul, ql);
    rhh = _mm512_dpbusd_epi32(rhh, uh, rh);
    rhl = _mm512_dpbusd_epi32(rhl, uh, rl);
    rll = _mm512_dpbusd_epi32(rll, ul, rl);
    bias_rh = _mm512_dpbusd_epi32(bias_rh, flip, rh);
    bias_rl = _mm512_dpbusd_epi32(bias_rl, flip, rl);
    bias_qh = _mm512_dpbusd_epi32(bias_qh, flip, qh);
    bias_ql = _mm512_dpbusd_epi32(bias_ql, flip, ql);
  }
  alignas(16) int32_t a[12];
  _mm_store_si128(reinterpret_cast<__m128i*>(a), SumEach(hh, hl, lh, ll));
  _mm_store_si128(reinterpret_cast<__m128i*>(a + 4), SumEach(rhh, rhl, rll, bias_rh));
  _mm_store_si128(reinterpret_cast<__m128i*>(a + 8), SumEach(bias_rl, bias_qh, bias_ql, zero));
  const int64_t rh = a[7];
  const int64_t rl = a[8];
  const int64_t qh = a[9];
  const int64_t ql = a[10];
  *dot = 65536 * (a[0] - qh) + 256 * ((a[1] - ql) + (a[2] - qh)) + (a[3] - ql);
  *squared_norm = 65536 * (a[4] - rh) + 512 * (a[5] - rl) + (a[6] - rl);
}

namespace {

// A set bit is an unsigned 1 for `vpdpbusd`, an unset one 0.
LARDER_VNNI inline __m512i AddAtBits(__m512i sum, __m512i one, __m512i query, const char* bits) {
  __mmask64 mask;
  __builtin_memcpy(&mask, bits, sizeof mask);
  return _mm512_dpbusd_epi32(sum, _mm512_maskz_mov_epi8(mask, one), query);
}

LARDER_VNNI inline __m512i LoadUpTo(const int8_t* p, size_t rest) {
  return rest >= 64 ? Load(p) : _mm512_maskz_loadu_epi8(TailMask(rest), p);
}

}  // namespace

LARDER_VNNI void SumBits(const int8_t* query, const char* rows, size_t stride,
                         const uint32_t* ids, size_t count, size_t dim, int32_t* out) {
  const __m512i zero = _mm512_setzero_si512();
  const __m512i one = _mm512_set1_epi8(1);
  size_t n = 0;
  for (; n + 4 <= count; n += 4) {
    const char* const four[4] = {rows + size_t{ids[n]} * stride, rows + size_t{ids[n + 1]} * stride,
                                 rows + size_t{ids[n + 2]} * stride,
                                 rows + size_t{ids[n + 3]} * stride};
    __m512i a = zero;
    __m512i b = zero;
    __m512i c = zero;
    __m512i d = zero;
    for (size_t i = 0; i < dim; i += 64) {
      const __m512i q = LoadUpTo(query + i, dim - i);
      a = AddAtBits(a, one, q, four[0] + i / 8);
      b = AddAtBits(b, one, q, four[1] + i / 8);
      c = AddAtBits(c, one, q, four[2] + i / 8);
      d = AddAtBits(d, one, q, four[3] + i / 8);
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + n), SumEach(a, b, c, d));
  }
  for (; n < count; ++n) {
    __m512i sum = zero;
    for (size_t i = 0; i < dim; i += 64) {
      sum = AddAtBits(sum, one, LoadUpTo(query + i, dim - i),
                      rows + size_t{ids[n]} * stride + i / 8);
    }
    out[n] = _mm512_reduce_add_epi32(sum);
  }
}

}  // namespace larder::ann::avx512vnni

#endif  // LARDER_ANN_X86
