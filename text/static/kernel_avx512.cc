// SPDX-License-Identifier: Apache-2.0
#include "text/static/kernel_sets.h"

#ifdef LARDER_TEXT_X86

#ifndef __clang__
// gcc 12 reports its own _mm512_undefined_epi32 as uninitialised.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#define LARDER_AVX512 __attribute__((target("avx512f,avx512bw")))

namespace larder::text::avx512 {
namespace {

constexpr size_t kGroup = 32;  // columns that one step takes of two rows

// Two tokens at a time: their 16-bit entries side by side, times their weights side by side, is one
// multiply-add. `Groups` groups of columns stay in registers over all tokens.
template <size_t Groups>
LARDER_AVX512 void SumGroups(const int8_t* table, const int32_t* weights, const int32_t* ids,
                             size_t count, size_t dim, int32_t* sums) {
  __m512i low[Groups];   // columns 0 to 3, 8 to 11, … of a group
  __m512i high[Groups];  // columns 4 to 7, 12 to 15, …
#pragma GCC unroll 8
  for (size_t g = 0; g < Groups; ++g) low[g] = high[g] = _mm512_setzero_si512();
  for (size_t i = 0; i < count; i += 2) {
    const auto a = static_cast<size_t>(ids[i]);
    const bool is_pair = i + 1 < count;
    const size_t b = is_pair ? static_cast<size_t>(ids[i + 1]) : a;
    const int32_t weight_b = is_pair ? weights[b] : 0;
    const __m512i weight = _mm512_set1_epi32((weight_b << 16) | weights[a]);
    const int8_t* row_a = table + a * dim;
    const int8_t* row_b = table + b * dim;
#pragma GCC unroll 8
    for (size_t g = 0; g < Groups; ++g) {
      const __m512i wide_a = _mm512_cvtepi8_epi16(
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row_a + g * kGroup)));
      const __m512i wide_b = _mm512_cvtepi8_epi16(
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row_b + g * kGroup)));
      low[g] = _mm512_add_epi32(
          low[g], _mm512_madd_epi16(_mm512_unpacklo_epi16(wide_a, wide_b), weight));
      high[g] = _mm512_add_epi32(
          high[g], _mm512_madd_epi16(_mm512_unpackhi_epi16(wide_a, wide_b), weight));
    }
  }
  const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
  const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
#pragma GCC unroll 8
  for (size_t g = 0; g < Groups; ++g) {
    _mm512_storeu_si512(sums + g * kGroup, _mm512_permutex2var_epi64(low[g], first, high[g]));
    _mm512_storeu_si512(sums + g * kGroup + 16,
                        _mm512_permutex2var_epi64(low[g], second, high[g]));
  }
}

// Eight quotients of |sums|.
LARDER_AVX512 __m256i Quotients(__m256i magnitudes, __m512d largest, __m512d inverse) {
  const __m512d dividend = _mm512_add_pd(
      _mm512_mul_pd(_mm512_cvtepi32_pd(magnitudes), _mm512_set1_pd(254)), largest);
  return _mm512_cvttpd_epi32(
      _mm512_add_pd(_mm512_mul_pd(dividend, inverse), _mm512_set1_pd(kQuotientNudge)));
}

}  // namespace

LARDER_AVX512 void Sum(const int8_t* table, const int32_t* weights, const int32_t* ids,
                       size_t count, size_t dim, int32_t* sums) {
  size_t d = 0;
  for (; d + 8 * kGroup <= dim; d += 8 * kGroup) {
    SumGroups<8>(table + d, weights, ids, count, dim, sums + d);
  }
  for (; d + 4 * kGroup <= dim; d += 4 * kGroup) {
    SumGroups<4>(table + d, weights, ids, count, dim, sums + d);
  }
  for (; d + kGroup <= dim; d += kGroup) {
    SumGroups<1>(table + d, weights, ids, count, dim, sums + d);
  }
  if (d < dim) scalar::SumColumns(table, weights, ids, count, dim, d, sums);
}

LARDER_AVX512 void Scale(const int32_t* sums, size_t dim, int8_t* out) {
  const size_t vectors = dim / 16 * 16;
  __m512i most = _mm512_setzero_si512();
  for (size_t d = 0; d < vectors; d += 16) {
    most = _mm512_max_epi32(most, _mm512_abs_epi32(_mm512_loadu_si512(sums + d)));
  }
  int32_t largest = _mm512_reduce_max_epi32(most);
  for (size_t d = vectors; d < dim; ++d) {
    const int32_t magnitude = sums[d] < 0 ? -sums[d] : sums[d];
    if (magnitude > largest) largest = magnitude;
  }
  // With a divisor of 1, zeros stay zero.
  const double divisor = largest == 0 ? 1 : 2.0 * largest;
  const __m512d wide_largest = _mm512_set1_pd(largest);
  const __m512d inverse = _mm512_set1_pd(1 / divisor);
  for (size_t d = 0; d < vectors; d += 16) {
    const __m512i sum = _mm512_loadu_si512(sums + d);
    const __m512i magnitude = _mm512_abs_epi32(sum);
    const __m512i quotient = _mm512_inserti64x4(
        _mm512_castsi256_si512(
            Quotients(_mm512_castsi512_si256(magnitude), wide_largest, inverse)),
        Quotients(_mm512_extracti64x4_epi64(magnitude, 1), wide_largest, inverse), 1);
    const __mmask16 negative = _mm512_cmplt_epi32_mask(sum, _mm512_setzero_si512());
    const __m512i scaled =
        _mm512_mask_sub_epi32(quotient, negative, _mm512_setzero_si512(), quotient);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + d), _mm512_cvtepi32_epi8(scaled));
  }
  for (size_t d = vectors; d < dim; ++d) {
    out[d] = largest == 0 ? int8_t{0} : scalar::ScaleOne(sums[d], largest);
  }
}

}  // namespace larder::text::avx512

#endif  // LARDER_TEXT_X86
