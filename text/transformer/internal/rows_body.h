// SPDX-License-Identifier: Apache-2.0
// Part of kernel_*.cc: what is done to rows one at a time.
#ifndef LARDER_TEXT_TRANSFORMER_INTERNAL_ROWS_BODY_H_
#define LARDER_TEXT_TRANSFORMER_INTERNAL_ROWS_BODY_H_

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "text/transformer/internal/kernels.h"

namespace larder::text::internal::LARDER_SET {

inline constexpr float kLeastRange = 1e-20f;

// As Max, of one number; std::max has it otherwise where a is no number.
inline float Larger(float a, float b) { return a > b ? a : b; }

// Sums of a row: vector j joins chain j mod 4, (c0 + c1) + (c2 + c3), then the lanes fold.
struct Chains {
  F chain[4];
};
LARDER_LANES Chains NoChains() { return {{Set(0.0f), Set(0.0f), Set(0.0f), Set(0.0f)}}; }
LARDER_LANES float Total(const Chains& c) {
  return FoldSum(Add(Add(c.chain[0], c.chain[1]), Add(c.chain[2], c.chain[3])));
}

// Codes of values that are at least `offset`, of which the greatest is `high`.
LARDER_LANES void StoreCodes(const float* x, size_t columns, float offset, float high,
                             uint8_t* codes, float* scale_out, float* offset_out) {
  const float range = Larger(high - offset, kLeastRange);
  const F lowest = Set(offset);
  const F factor = Set(255.0f / range);
  for (size_t i = 0; i < columns; i += kLanes) {
    const F above = Max(Sub(Load(x + i), lowest), Set(0.0f));
    StoreBytes(codes + i, ToInt(Mul(above, factor)));
  }
  *scale_out = range / 255.0f;
  *offset_out = offset;
}

LARDER_KERNEL void Quantize(const float* x, size_t rows, const QuantizedRows& codes) {
  const size_t columns = codes.columns;
  for (size_t r = 0; r < rows; ++r, x += columns) {
    F low = Load(x);
    F high = low;
    for (size_t i = kLanes; i < columns; i += kLanes) {
      const F v = Load(x + i);
      low = Min(low, v);
      high = Max(high, v);
    }
    StoreCodes(x, columns, FoldMin(low), FoldMax(high), codes.codes + r * columns,
               codes.scale + r, codes.offset + r);
  }
}

// 1 / sqrt(variance + epsilon), and the mean.
LARDER_LANES float InverseDeviation(const float* x, size_t columns, float epsilon, float* mean) {
  Chains sums = NoChains();
  for (size_t i = 0; i < columns; i += 4 * kLanes) {
    for (size_t c = 0; c < 4; ++c) {
      sums.chain[c] = Add(sums.chain[c], Load(x + i + c * kLanes));
    }
  }
  const auto count = static_cast<float>(columns);
  *mean = Total(sums) / count;
  const F center = Set(*mean);
  Chains squares = NoChains();
  for (size_t i = 0; i < columns; i += 4 * kLanes) {
    for (size_t c = 0; c < 4; ++c) {
      const F d = Sub(Load(x + i + c * kLanes), center);
      squares.chain[c] = Fma(d, d, squares.chain[c]);
    }
  }
  return 1.0f / std::sqrt(Total(squares) / count + epsilon);
}

LARDER_KERNEL void Normalize(float* x, size_t rows, const LayerNorm& norm,
                             const QuantizedRows* codes) {
  const size_t columns = norm.gamma.size();
  const float* gamma = norm.gamma.data();
  const float* beta = norm.beta.data();
  for (size_t r = 0; r < rows; ++r, x += columns) {
    float mean;
    const F factor = Set(InverseDeviation(x, columns, norm.epsilon, &mean));
    const F center = Set(mean);
    F low = Set(0.0f);
    F high = low;
    for (size_t i = 0; i < columns; i += kLanes) {
      const F z = Mul(Mul(Sub(Load(x + i), center), factor), Load(gamma + i));
      Store(x + i, z);
      low = i == 0 ? z : Min(low, z);
      high = i == 0 ? z : Max(high, z);
    }
    if (codes != nullptr) {
      StoreCodes(x, columns, FoldMin(low), FoldMax(high), codes->codes + r * columns,
                 codes->scale + r, codes->offset + r);
    }
    for (size_t i = 0; i < columns; i += kLanes) Store(x + i, Add(Load(x + i), Load(beta + i)));
  }
}

LARDER_KERNEL void Pool(const float* x, size_t rows, size_t hidden, Pooling pooling, float* out) {
  if (pooling == Pooling::kCls) rows = 1;
  const F share = Set(1.0f / static_cast<float>(rows));
  Chains squares = NoChains();
  for (size_t i = 0; i < hidden; i += 4 * kLanes) {
    for (size_t c = 0; c < 4; ++c) {
      const float* column = x + i + c * kLanes;
      F sum = Load(column);
      for (size_t r = 1; r < rows; ++r) sum = Add(sum, Load(column + r * hidden));
      sum = Mul(sum, share);
      squares.chain[c] = Fma(sum, sum, squares.chain[c]);
      Store(out + i + c * kLanes, sum);
    }
  }
  const float length = std::sqrt(Total(squares));
  if (!(length > 0) || !(length <= 0x1.fffffep+127f)) {
    std::fill(out, out + hidden, 0.0f);
    return;
  }
  for (size_t i = 0; i < hidden; i += kLanes) Store(out + i, Div(Load(out + i), Set(length)));
}

}  // namespace larder::text::internal::LARDER_SET

#endif  // LARDER_TEXT_TRANSFORMER_INTERNAL_ROWS_BODY_H_
