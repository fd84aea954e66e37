// SPDX-License-Identifier: Apache-2.0
#include "text/static/kernel_sets.h"

#ifdef LARDER_TEXT_X86

#include <immintrin.h>

#define LARDER_AVX2 __attribute__((target("avx2")))

namespace larder::text::avx2 {
namespace {

constexpr size_t kGroup = 16;  // columns that one step takes of two rows

// As in kernel_avx512.cc.
template <size_t Groups>
LARDER_AVX2 void SumGroups(const int8_t* table, const int32_t* weights, const int32_t* ids,
                           size_t count, size_t dim, int32_t* sums) {
  __m256i low[Groups];
  __m256i high[Groups];
#pragma GCC unroll 4
  for (size_t g = 0; g < Groups; ++g) low[g] = high[g] = _mm256_setzero_si256();
  for (size_t i = 0; i < count; i += 2) {
    const auto a = static_cast<size_t>(ids[i]);
    const bool is_pair = i + 1 < count;
    const size_t b = is_pair ? static_cast<size_t>(ids[i + 1]) : a;
    const int32_t weight_b = is_pair ? weights[b] : 0;
    const __m256i weight = _mm256_set1_epi32((weight_b << 16) | weights[a]);
    const int8_t* row_a = table + a * dim;
    const int8_t* row_b = table + b * dim;
#pragma GCC unroll 4
    for (size_t g = 0; g < Groups; ++g) {
      const __m256i wide_a = _mm256_cvtepi8_epi16(
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(row_a + g * kGroup)));
      const __m256i wide_b = _mm256_cvtepi8_epi16(
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(row_b + g * kGroup)));
      low[g] = _mm256_add_epi32(
          low[g], _mm256_madd_epi16(_mm256_unpacklo_epi16(wide_a, wide_b), weight));
      high[g] = _mm256_add_epi32(
          high[g], _mm256_madd_epi16(_mm256_unpackhi_epi16(wide_a, wide_b), weight));
    }
  }
#pragma GCC unroll 4
  for (size_t g = 0; g < Groups; ++g) {
    auto* to = reinterpret_cast<__m256i*>(sums + g * kGroup);
    _mm256_storeu_si256(to, _mm256_permute2x128_si256(low[g], high[g], 0x20));
    _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(low[g], high[g], 0x31));
  }
}

// Four quotients of |sums|.
LARDER_AVX2 __m128i Quotients(__m128i magnitudes, __m256d largest, __m256d inverse) {
  const __m256d dividend = _mm256_add_pd(
      _mm256_mul_pd(_mm256_cvtepi32_pd(magnitudes), _mm256_set1_pd(254)), largest);
  return _mm256_cvttpd_epi32(
      _mm256_add_pd(_mm256_mul_pd(dividend, inverse), _mm256_set1_pd(kQuotientNudge)));
}

LARDER_AVX2 int32_t Largest(const int32_t* sums, size_t dim) {
  const size_t vectors = dim / 8 * 8;
  __m256i most = _mm256_setzero_si256();
  for (size_t d = 0; d < vectors; d += 8) {
    most = _mm256_max_epi32(
        most, _mm256_abs_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums + d))));
  }
  alignas(32) int32_t lanes[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), most);
  int32_t largest = 0;
  for (const int32_t lane : lanes) largest = lane > largest ? lane : largest;
  for (size_t d = vectors; d < dim; ++d) {
    const int32_t magnitude = sums[d] < 0 ? -sums[d] : sums[d];
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest;
}

}  // namespace

LARDER_AVX2 void Sum(const int8_t* table, const int32_t* weights, const int32_t* ids, size_t count,
                     size_t dim, int32_t* sums) {
  size_t d = 0;
  for (; d + 4 * kGroup <= dim; d += 4 * kGroup) {
    SumGroups<4>(table + d, weights, ids, count, dim, sums + d);
  }
  for (; d + kGroup <= dim; d += kGroup) {
    SumGroups<1>(table + d, weights, ids, count, dim, sums + d);
  }
  if (d < dim) scalar::SumColumns(table, weights, ids, count, dim, d, sums);
}

LARDER_AVX2 void Scale(const int32_t* sums, size_t dim, int8_t* out) {
  const int32_t largest = Largest(sums, dim);
  // With a divisor of 1, zeros stay zero.
  const double divisor = largest == 0 ? 1 : 2.0 * largest;
  const __m256d wide_largest = _mm256_set1_pd(largest);
  const __m256d inverse = _mm256_set1_pd(1 / divisor);
  const size_t vectors = dim / 8 * 8;
  for (size_t d = 0; d < vectors; d += 8) {
    const __m256i sum = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums + d));
    const __m256i magnitude = _mm256_abs_epi32(sum);
    const __m128i first = Quotients(_mm256_castsi256_si128(magnitude), wide_largest, inverse);
    const __m128i second =
        Quotients(_mm256_extracti128_si256(magnitude, 1), wide_largest, inverse);
    const __m128i scaled_first = _mm_sign_epi32(first, _mm256_castsi256_si128(sum));
    const __m128i scaled_second = _mm_sign_epi32(second, _mm256_extracti128_si256(sum, 1));
    const __m128i words = _mm_packs_epi32(scaled_first, scaled_second);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out + d), _mm_packs_epi16(words, words));
  }
  for (size_t d = vectors; d < dim; ++d) {
    out[d] = largest == 0 ? int8_t{0} : scalar::ScaleOne(sums[d], largest);
  }
}

}  // namespace larder::text::avx2

#endif  // LARDER_TEXT_X86
