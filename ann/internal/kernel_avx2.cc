// SPDX-License-Identifier: Apache-2.0
#include "ann/internal/kernels.h"

#ifdef LARDER_ANN_X86
#include <immintrin.h>

#define LARDER_AVX2 __attribute__((target("avx2")))

namespace larder::ann::avx2 {
namespace {

// Widening to 16 bits and `pmaddwd` is exact for every int8 value; `pmaddubsw` with moved signs
// would be faster but wrong for -128.
LARDER_AVX2 inline __m256i Widen(const int8_t* p) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

LARDER_AVX2 inline int32_t Sum(__m256i v) {
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
  return _mm_cvtsi128_si32(s);
}

}  // namespace

LARDER_AVX2 int32_t Dot(const int8_t* a, const int8_t* b, size_t dim) {
  __m256i sum0 = _mm256_setzero_si256();
  __m256i sum1 = _mm256_setzero_si256();
  size_t i = 0;
  for (; i + 32 <= dim; i += 32) {
    sum0 = _mm256_add_epi32(sum0, _mm256_madd_epi16(Widen(a + i), Widen(b + i)));
    sum1 = _mm256_add_epi32(sum1, _mm256_madd_epi16(Widen(a + i + 16), Widen(b + i + 16)));
  }
  if (i + 16 <= dim) {
    sum0 = _mm256_add_epi32(sum0, _mm256_madd_epi16(Widen(a + i), Widen(b + i)));
    i += 16;
  }
  int32_t sum = Sum(_mm256_add_epi32(sum0, sum1));
  for (; i < dim; ++i) sum += static_cast<int32_t>(a[i]) * static_cast<int32_t>(b[i]);
  return sum;
}

LARDER_AVX2 void DotRows(const int8_t* query, const int8_t* rows, size_t count, size_t dim,
                         int32_t* out) {
  for (size_t i = 0; i < count; ++i) out[i] = Dot(query, rows + i * dim, dim);
}

LARDER_AVX2 void DotGather(const int8_t* query, const int8_t* rows, const uint32_t* ids,
                           size_t count, size_t dim, int32_t* out) {
  for (size_t i = 0; i < count; ++i) out[i] = Dot(query, rows + size_t{ids[i]} * dim, dim);
}

LARDER_AVX2 void Fine(const int8_t* query_high, const int8_t* query_low, const int8_t* high,
                      const int8_t* low, size_t dim, int64_t* dot, int64_t* squared_norm) {
  const int64_t mixed =
      int64_t{Dot(query_high, low, dim)} + int64_t{Dot(query_low, high, dim)};
  *dot = 65536 * int64_t{Dot(query_high, high, dim)} + 256 * mixed + Dot(query_low, low, dim);
  *squared_norm = 65536 * int64_t{Dot(high, high, dim)} + 512 * int64_t{Dot(high, low, dim)} +
                  Dot(low, low, dim);
}

namespace {

// The signed bytes of `query` at the set ones of 32 bits, added to 16 sums of 16 bits.
LARDER_AVX2 inline __m256i AddAtBits(__m256i sum, __m256i query, int32_t bits) {
  const __m256i spread =
      _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3,
                       3, 3, 3, 3, 3, 3);
  const __m256i each = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201ULL));
  const __m256i bytes =
      _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(bits), spread), each);
  const __m256i chosen = _mm256_and_si256(_mm256_cmpeq_epi8(bytes, each), query);
  return _mm256_add_epi16(sum, _mm256_maddubs_epi16(_mm256_set1_epi8(1), chosen));
}

}  // namespace

LARDER_AVX2 void SumBits(const int8_t* query, const char* rows, size_t stride,
                         const uint32_t* ids, size_t count, size_t dim, int32_t* out) {
  constexpr size_t kFlush = 64 * 32;  // sums of 16 bits hold 64 steps of at most 256 each
  const __m256i ones = _mm256_set1_epi16(1);
  for (size_t n = 0; n < count; ++n) {
    const char* row = rows + size_t{ids[n]} * stride;
    __m256i total = _mm256_setzero_si256();
    size_t i = 0;
    while (i + 32 <= dim) {
      __m256i sum = _mm256_setzero_si256();
      for (const size_t end = i + kFlush; i + 32 <= dim && i < end; i += 32) {
        int32_t bits;
        __builtin_memcpy(&bits, row + i / 8, sizeof bits);
        sum = AddAtBits(sum, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(query + i)),
                        bits);
      }
      total = _mm256_add_epi32(total, _mm256_madd_epi16(sum, ones));
    }
    out[n] = Sum(total);
    for (; i < dim; ++i) {
      const bool bit = (static_cast<unsigned char>(row[i / 8]) >> i % 8 & 1) != 0;
      out[n] += bit ? query[i] : 0;
    }
  }
}

}  // namespace larder::ann::avx2

#endif  // LARDER_ANN_X86
