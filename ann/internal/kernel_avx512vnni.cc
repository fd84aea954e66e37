// SPDX-License-Identifier: Apache-2.0
#include "ann/internal/kernels.h"

#ifdef LARDER_ANN_X86
// gcc 12 reports its own _mm512_undefined_epi32 as uninitialised.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
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
  for (size_t i = 0; i < count; ++i) out[i] = Biased(query, rows + i * dim, dim) - bias;
}

LARDER_VNNI void DotGather(const int8_t* query, const int8_t* rows, const uint32_t* ids,
                           size_t count, size_t dim, int32_t* out) {
  const int32_t bias = Bias(query, dim);
  for (size_t i = 0; i < count; ++i) {
    out[i] = Biased(query, rows + size_t{ids[i]} * dim, dim) - bias;
  }
}

}  // namespace larder::ann::avx512vnni

#endif  // LARDER_ANN_X86
