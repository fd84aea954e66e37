// SPDX-License-Identifier: Apache-2.0
#include "text/training/kernels.h"

#include <algorithm>
#include <cstring>
#include <vector>

#define LARDER_INLINE __attribute__((always_inline)) inline

namespace larder::text::internal {
namespace {

// Sixteen floats: one register of AVX-512, two of AVX2, four of SSE.
using Float16 __attribute__((vector_size(64))) = float;
// The same anywhere in memory.
using Float16At __attribute__((vector_size(64), aligned(4), may_alias)) = float;
constexpr size_t kLanes = 16;

// Panels of `a` and `b` that stay in a core's cache.
constexpr size_t kInnerBlock = 256;
constexpr size_t kRowBlock = 96;
constexpr size_t kColumnBlock = 512;

LARDER_INLINE void PlainAddScaled(float factor, const float* x, size_t n, float* out) {
  for (size_t i = 0; i < n; ++i) out[i] += factor * x[i];
}

LARDER_INLINE float PlainDot(const float* a, const float* b, size_t n) {
  Float16 sums = {};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    sums += *reinterpret_cast<const Float16At*>(a + i) *
            *reinterpret_cast<const Float16At*>(b + i);
  }
  float sum = 0;
  for (size_t lane = 0; lane < kLanes; ++lane) sum += sums[lane];
  for (; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// Adds the product of packed panels, [inner][kRows] and [inner][kVectors * 16], to a tile of
// `out`, of which only the first `rows` x `columns` exist.
template <size_t kRows, size_t kVectors>
LARDER_INLINE void Tile(const float* a, const float* b, size_t inner, float* out, size_t stride,
                        size_t rows, size_t columns) {
  Float16 sums[kRows][kVectors] = {};
  for (size_t k = 0; k < inner; ++k) {
    Float16 right[kVectors];
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) {
      right[v] = *reinterpret_cast<const Float16At*>(b + (k * kVectors + v) * kLanes);
    }
#pragma GCC unroll 16
    for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (size_t v = 0; v < kVectors; ++v) sums[r][v] += a[k * kRows + r] * right[v];
    }
  }
  for (size_t r = 0; r < rows; ++r) {
    float row[kVectors * kLanes];
    std::memcpy(row, sums[r], sizeof(row));
    for (size_t c = 0; c < columns; ++c) out[r * stride + c] += row[c];
  }
}

// Packs [rows, inner] of `a` into panels of kRows rows, [inner][kRows] each, padded with zeros.
template <size_t kRows>
LARDER_INLINE void Pack(const MatrixView& a, size_t row, size_t rows, size_t first, size_t inner,
                        float* out) {
  for (size_t panel = 0; panel < rows; panel += kRows) {
    const size_t filled = std::min(kRows, rows - panel);
    for (size_t r = 0; r < kRows; ++r) {
      const float* from = a.data + (row + panel + r) * a.row_stride + first * a.column_stride;
      for (size_t k = 0; k < inner; ++k) {
        out[k * kRows + r] = r < filled ? from[k * a.column_stride] : 0.0f;
      }
    }
    out += inner * kRows;
  }
}

template <size_t kRows, size_t kVectors>
LARDER_INLINE void PlainMultiply(const MatrixView& a, const MatrixView& b, size_t rows,
                                 size_t columns, size_t inner, float* out, size_t out_stride) {
  constexpr size_t kWidth = kVectors * kLanes;
  static_assert(kRowBlock % kRows == 0 && kColumnBlock % kWidth == 0);
  for (size_t r = 0; r < rows; ++r) std::fill_n(out + r * out_stride, columns, 0.0f);
  std::vector<float> left(kRowBlock * kInnerBlock);
  std::vector<float> right(kColumnBlock * kInnerBlock);
  const MatrixView columns_of_b = b.Transposed();
  for (size_t c = 0; c < columns; c += kColumnBlock) {
    const size_t width = std::min(kColumnBlock, columns - c);
    for (size_t k = 0; k < inner; k += kInnerBlock) {
      const size_t depth = std::min(kInnerBlock, inner - k);
      Pack<kWidth>(columns_of_b, c, width, k, depth, right.data());
      for (size_t r = 0; r < rows; r += kRowBlock) {
        const size_t height = std::min(kRowBlock, rows - r);
        Pack<kRows>(a, r, height, k, depth, left.data());
        for (size_t j = 0; j < width; j += kWidth) {
          for (size_t i = 0; i < height; i += kRows) {
            Tile<kRows, kVectors>(left.data() + i * depth, right.data() + j * depth, depth,
                                  out + (r + i) * out_stride + c + j, out_stride,
                                  std::min(kRows, height - i), std::min(kWidth, width - j));
          }
        }
      }
    }
  }
}

#if defined(__x86_64__)
#define LARDER_AVX2 __attribute__((target("avx2,fma")))
#define LARDER_AVX512 __attribute__((target("avx512f,avx512vl,fma")))

LARDER_AVX2 void AddScaledAvx2(float factor, const float* x, size_t n, float* out) {
  PlainAddScaled(factor, x, n, out);
}
LARDER_AVX512 void AddScaledAvx512(float factor, const float* x, size_t n, float* out) {
  PlainAddScaled(factor, x, n, out);
}
LARDER_AVX2 float DotAvx2(const float* a, const float* b, size_t n) { return PlainDot(a, b, n); }
LARDER_AVX512 float DotAvx512(const float* a, const float* b, size_t n) {
  return PlainDot(a, b, n);
}
LARDER_AVX2 void MultiplyAvx2(const MatrixView& a, const MatrixView& b, size_t rows,
                              size_t columns, size_t inner, float* out, size_t out_stride) {
  PlainMultiply<6, 1>(a, b, rows, columns, inner, out, out_stride);
}
LARDER_AVX512 void MultiplyAvx512(const MatrixView& a, const MatrixView& b, size_t rows,
                                  size_t columns, size_t inner, float* out, size_t out_stride) {
  PlainMultiply<12, 2>(a, b, rows, columns, inner, out, out_stride);
}

enum class Level { kPlain, kAvx2, kAvx512 };

Level MachineLevel() {
  static const Level level = [] {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) {
      return Level::kAvx512;
    }
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return avx2 ? Level::kAvx2 : Level::kPlain;
  }();
  return level;
}
#endif

}  // namespace

void AddScaled(float factor, const float* x, size_t n, float* out) {
#if defined(__x86_64__)
  if (MachineLevel() == Level::kAvx512) return AddScaledAvx512(factor, x, n, out);
  if (MachineLevel() == Level::kAvx2) return AddScaledAvx2(factor, x, n, out);
#endif
  PlainAddScaled(factor, x, n, out);
}

float DotFloat(const float* a, const float* b, size_t n) {
#if defined(__x86_64__)
  if (MachineLevel() == Level::kAvx512) return DotAvx512(a, b, n);
  if (MachineLevel() == Level::kAvx2) return DotAvx2(a, b, n);
#endif
  return PlainDot(a, b, n);
}

void Multiply(const MatrixView& a, const MatrixView& b, size_t rows, size_t columns, size_t inner,
              float* out, size_t out_stride) {
#if defined(__x86_64__)
  if (MachineLevel() == Level::kAvx512) {
    return MultiplyAvx512(a, b, rows, columns, inner, out, out_stride);
  }
  if (MachineLevel() == Level::kAvx2) {
    return MultiplyAvx2(a, b, rows, columns, inner, out, out_stride);
  }
#endif
  PlainMultiply<4, 1>(a, b, rows, columns, inner, out, out_stride);
}

}  // namespace larder::text::internal
