// SPDX-License-Identifier: Apache-2.0
#include "ann/internal/kernels.h"

namespace larder::ann::scalar {

int32_t Dot(const int8_t* a, const int8_t* b, size_t dim) {
  int32_t sum = 0;
  for (size_t i = 0; i < dim; ++i) sum += static_cast<int32_t>(a[i]) * static_cast<int32_t>(b[i]);
  return sum;
}

void DotRows(const int8_t* query, const int8_t* rows, size_t count, size_t dim, int32_t* out) {
  for (size_t i = 0; i < count; ++i) out[i] = Dot(query, rows + i * dim, dim);
}

void DotGather(const int8_t* query, const int8_t* rows, const uint32_t* ids, size_t count,
               size_t dim, int32_t* out) {
  for (size_t i = 0; i < count; ++i) out[i] = Dot(query, rows + size_t{ids[i]} * dim, dim);
}

void Fine(const int8_t* query_high, const int8_t* query_low, const int8_t* high,
          const int8_t* low, size_t dim, int64_t* dot, int64_t* squared_norm) {
  *dot = 0;
  *squared_norm = 0;
  for (size_t i = 0; i < dim; ++i) {
    const int64_t q = 256 * query_high[i] + query_low[i];
    const int64_t v = 256 * high[i] + low[i];
    *dot += q * v;
    *squared_norm += v * v;
  }
}

void SumBits(const int8_t* query, const char* rows, size_t stride, const uint32_t* ids,
             size_t count, size_t dim, int32_t* out) {
  for (size_t i = 0; i < count; ++i) {
    const char* row = rows + size_t{ids[i]} * stride;
    out[i] = 0;
    for (size_t j = 0; j < dim; ++j) {
      const bool bit = (static_cast<unsigned char>(row[j / 8]) >> j % 8 & 1) != 0;
      out[i] += bit ? query[j] : 0;
    }
  }
}

}  // namespace larder::ann::scalar
