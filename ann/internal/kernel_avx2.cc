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

}  // namespace larder::ann::avx2

#endif  // LARDER_ANN_X86
