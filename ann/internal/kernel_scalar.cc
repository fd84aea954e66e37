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

}  // namespace larder::ann::scalar
