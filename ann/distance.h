// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_DISTANCE_H_
#define LARDER_ANN_DISTANCE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace larder::ann {

// The largest dimension of a vector: keeps every dot product of int8 vectors far inside int32.
inline constexpr size_t kMaxDim = 4096;

// One implementation of what searching computes. All give the same integers for all inputs, -128
// included, so an index answers alike on every machine.
//
// Shapes: `a`, `b`, `query`, halves [dim]; `rows` row-major [n, dim]; `out` [count].
// Thread-safety: thread-safe (pure functions).
struct DistanceKernel {
  std::string_view name;  // "scalar", "avx2", "avx512vnni"
  int32_t (*dot)(const int8_t* a, const int8_t* b, size_t dim);
  // out[i] = query · rows[i] for i < count.
  void (*dot_rows)(const int8_t* query, const int8_t* rows, size_t count, size_t dim,
                   int32_t* out);
  // out[i] = query · rows[ids[i]] for i < count.
  void (*dot_gather)(const int8_t* query, const int8_t* rows, const uint32_t* ids, size_t count,
                     size_t dim, int32_t* out);
  // Of vectors in fixed point (codes.h), each 256 * high + low: the dot product of query and row,
  // and the squared norm of the row.
  void (*fine)(const int8_t* query_high, const int8_t* query_low, const int8_t* high,
               const int8_t* low, size_t dim, int64_t* dot, int64_t* squared_norm);
  // out[i] = the sum of query[j] over the set bits j of row ids[i]. Rows begin with their bits, in
  // words of 64, and are `stride` bytes apart; bits past dim are not set.
  void (*sum_bits)(const int8_t* query, const char* rows, size_t stride, const uint32_t* ids,
                   size_t count, size_t dim, int32_t* out);
};

// The kernels that this processor can run, slowest first; the first is always "scalar".
std::span<const DistanceKernel> AvailableKernels();

// The fastest available kernel, chosen once.
const DistanceKernel& BestKernel();

inline int32_t Dot(const int8_t* a, const int8_t* b, size_t dim) {
  return BestKernel().dot(a, b, dim);
}
inline void DotRows(const int8_t* query, const int8_t* rows, size_t count, size_t dim,
                    int32_t* out) {
  BestKernel().dot_rows(query, rows, count, dim, out);
}
inline int32_t SquaredNorm(std::span<const int8_t> v) { return Dot(v.data(), v.data(), v.size()); }

}  // namespace larder::ann

#endif  // LARDER_ANN_DISTANCE_H_
