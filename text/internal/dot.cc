// SPDX-License-Identifier: Apache-2.0
#include "text/internal/dot.h"

namespace larder::text::internal {
namespace {

// Inlined into functions of several instruction sets; compilers make it widening multiply-adds.
__attribute__((always_inline)) inline void PlainDotRows(const int8_t* query, const int8_t* rows,
                                                        size_t count, size_t dim, int32_t* out) {
  for (size_t i = 0; i < count; ++i) {
    const int8_t* row = rows + i * dim;
    int32_t sum = 0;
    for (size_t d = 0; d < dim; ++d) {
      sum += static_cast<int16_t>(query[d]) * static_cast<int16_t>(row[d]);
    }
    out[i] = sum;
  }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void Avx2(const int8_t* query, const int8_t* rows, size_t count,
                                          size_t dim, int32_t* out) {
  PlainDotRows(query, rows, count, dim, out);
}
__attribute__((target("avx512f,avx512bw,avx512vl"))) void Avx512(
    const int8_t* query, const int8_t* rows, size_t count, size_t dim, int32_t* out) {
  PlainDotRows(query, rows, count, dim, out);
}
#endif

}  // namespace

void DotRows(const int8_t* query, const int8_t* rows, size_t count, size_t dim, int32_t* out) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
    return Avx512(query, rows, count, dim, out);
  }
  if (__builtin_cpu_supports("avx2")) return Avx2(query, rows, count, dim, out);
#endif
  PlainDotRows(query, rows, count, dim, out);
}

}  // namespace larder::text::internal
