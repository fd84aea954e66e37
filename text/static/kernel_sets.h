// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_STATIC_KERNEL_SETS_H_
#define LARDER_TEXT_STATIC_KERNEL_SETS_H_

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#define LARDER_TEXT_X86 1
#endif

// One namespace per instruction set, as in ann/internal/kernels.h.
#define LARDER_TEXT_DECLARE_STATIC_KERNEL(set)                                           \
  namespace larder::text::set {                                                          \
  void Sum(const int8_t* table, const int32_t* weights, const int32_t* ids, size_t count, \
           size_t dim, int32_t* sums);                                                   \
  void Scale(const int32_t* sums, size_t dim, int8_t* out);                              \
  }

LARDER_TEXT_DECLARE_STATIC_KERNEL(scalar)
#ifdef LARDER_TEXT_X86
LARDER_TEXT_DECLARE_STATIC_KERNEL(avx2)
LARDER_TEXT_DECLARE_STATIC_KERNEL(avx512)
#endif
#undef LARDER_TEXT_DECLARE_STATIC_KERNEL

namespace larder::text::scalar {

// Sum of the columns from `first` on only: what vectors of columns leave over.
void SumColumns(const int8_t* table, const int32_t* weights, const int32_t* ids, size_t count,
                size_t dim, size_t first, int32_t* sums);
// One component, of which `largest`, not 0, is the largest magnitude.
int8_t ScaleOne(int32_t sum, int64_t largest);

}  // namespace larder::text::scalar

namespace larder::text {

// Scaling in double: floor((|sum| * 254 + m) / 2m), with m below 2^31. The dividend is exact, its
// product with 1 / 2m is off by less than 2^-45, and a quotient that is no integer is 2^-32 or more
// below the next one. So with this much on top, cutting off the fraction is exact.
inline constexpr double kQuotientNudge = 0x1p-36;

}  // namespace larder::text

#endif  // LARDER_TEXT_STATIC_KERNEL_SETS_H_
