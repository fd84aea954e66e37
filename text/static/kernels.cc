// SPDX-License-Identifier: Apache-2.0
#include "text/static/kernels.h"

#include <algorithm>
#include <vector>

#include "text/static/kernel_sets.h"

namespace larder::text {
namespace scalar {

void SumColumns(const int8_t* table, const int32_t* weights, const int32_t* ids, size_t count,
                size_t dim, size_t first, int32_t* sums) {
  std::fill(sums + first, sums + dim, 0);
  for (size_t i = 0; i < count; ++i) {
    const auto id = static_cast<size_t>(ids[i]);
    // 16-bit factors: the widening product is the one that every instruction set has.
    const auto weight = static_cast<int16_t>(weights[id]);
    const int8_t* row = table + id * dim;
    for (size_t d = first; d < dim; ++d) sums[d] += static_cast<int16_t>(row[d]) * weight;
  }
}

void Sum(const int8_t* table, const int32_t* weights, const int32_t* ids, size_t count, size_t dim,
         int32_t* sums) {
  SumColumns(table, weights, ids, count, dim, 0, sums);
}

int8_t ScaleOne(int32_t sum, int64_t largest) {
  // floor(x * 127 / m + 1/2) in integers: halves go up in magnitude.
  const int64_t magnitude = sum < 0 ? -int64_t{sum} : int64_t{sum};
  const int64_t rounded = (magnitude * 254 + largest) / (2 * largest);
  return static_cast<int8_t>(sum < 0 ? -rounded : rounded);
}

void Scale(const int32_t* sums, size_t dim, int8_t* out) {
  int64_t largest = 0;
  for (size_t d = 0; d < dim; ++d) largest = std::max(largest, std::abs(int64_t{sums[d]}));
  for (size_t d = 0; d < dim; ++d) out[d] = largest == 0 ? int8_t{0} : ScaleOne(sums[d], largest);
}

}  // namespace scalar

namespace {

std::vector<StaticKernel> Detect() {
  std::vector<StaticKernel> kernels = {{"scalar", &scalar::Sum, &scalar::Scale}};
#ifdef LARDER_TEXT_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2")) kernels.push_back({"avx2", &avx2::Sum, &avx2::Scale});
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) {
    kernels.push_back({"avx512", &avx512::Sum, &avx512::Scale});
  }
#endif
  return kernels;
}

}  // namespace

std::span<const StaticKernel> AvailableStaticKernels() {
  static const std::vector<StaticKernel>& kernels = *new std::vector<StaticKernel>(Detect());
  return kernels;
}

const StaticKernel& BestStaticKernel() {
  static const StaticKernel& best = AvailableStaticKernels().back();
  return best;
}

}  // namespace larder::text
