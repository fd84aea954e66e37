// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_STATIC_KERNELS_H_
#define LARDER_TEXT_STATIC_KERNELS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace larder::text {

// So many tokens that their weighted sum fits int32: |weight * entry| < 2^22.
inline constexpr size_t kTokensPerSum = 512;

// One implementation of what a static encoder computes. All give the same integers for all inputs.
//
// Thread-safety: thread-safe (pure functions).
struct StaticKernel {
  std::string_view name;  // "scalar", "avx2", "avx512"
  // sums[d] = the sum of weights[ids[i]] * table[ids[i]][d] over i.
  // Shapes: table [vocab, dim] row-major; weights [vocab], 0 to 32,767; ids [count], at most
  // kTokensPerSum; sums [dim].
  void (*sum)(const int8_t* table, const int32_t* weights, const int32_t* ids, size_t count,
              size_t dim, int32_t* sums);
  // out[d] = round(sums[d] * 127 / max|sums|), halves away from zero; all zero if all sums are.
  // Shapes: sums, out [dim]; sums above -2^31.
  void (*scale)(const int32_t* sums, size_t dim, int8_t* out);
};

// The kernels that this processor can run, slowest first; the first is always "scalar".
std::span<const StaticKernel> AvailableStaticKernels();

// The fastest available kernel, chosen once.
const StaticKernel& BestStaticKernel();

}  // namespace larder::text

#endif  // LARDER_TEXT_STATIC_KERNELS_H_
