// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_INTERNAL_KERNELS_H_
#define LARDER_ANN_INTERNAL_KERNELS_H_

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#define LARDER_ANN_X86 1
#endif

// One namespace per instruction set. The functions carry target attributes instead of their files
// carrying flags: nothing inline from a shared header is ever compiled for a newer processor.
#define LARDER_ANN_DECLARE_KERNEL(set)                                                       \
  namespace larder::ann::set {                                                               \
  int32_t Dot(const int8_t* a, const int8_t* b, size_t dim);                                 \
  void DotRows(const int8_t* query, const int8_t* rows, size_t count, size_t dim,            \
               int32_t* out);                                                                \
  void DotGather(const int8_t* query, const int8_t* rows, const uint32_t* ids, size_t count, \
                 size_t dim, int32_t* out);                                                  \
  void Fine(const int8_t* query_high, const int8_t* query_low, const int8_t* high,           \
            const int8_t* low, size_t dim, int64_t* dot, int64_t* squared_norm);             \
  void SumBits(const int8_t* query, const char* rows, size_t stride, const uint32_t* ids,    \
               size_t count, size_t dim, int32_t* out);                                      \
  }

LARDER_ANN_DECLARE_KERNEL(scalar)
#ifdef LARDER_ANN_X86
LARDER_ANN_DECLARE_KERNEL(avx2)
LARDER_ANN_DECLARE_KERNEL(avx512vnni)
#endif
#undef LARDER_ANN_DECLARE_KERNEL

#endif  // LARDER_ANN_INTERNAL_KERNELS_H_
