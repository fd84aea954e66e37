// SPDX-License-Identifier: Apache-2.0
// Part of kernel_*.cc: the reference path in float. Every output is one chain of fma in the order
// of its inputs, whatever the tile, so that it has the same bits in every batch.
#ifndef LARDER_TEXT_TRANSFORMER_INTERNAL_FLOAT_BODY_H_
#define LARDER_TEXT_TRANSFORMER_INTERNAL_FLOAT_BODY_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "text/transformer/internal/kernels.h"

namespace larder::text::internal::LARDER_SET {

// Products of kRows rows with 16 · kVectors columns of b, whose rows are b_stride apart.
template <size_t kRows, size_t kVectors>
LARDER_LANES void FloatTile(const float* a, size_t a_stride, const float* b, size_t b_stride,
                            size_t k, F (&sum)[kRows][kVectors]) {
#pragma GCC unroll 6
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (size_t v = 0; v < kVectors; ++v) sum[r][v] = Set(0.0f);
  }
  for (size_t i = 0; i < k; ++i) {
    F column[kVectors];
#pragma GCC unroll 2
    for (size_t v = 0; v < kVectors; ++v) column[v] = Load(b + i * b_stride + v * kLanes);
#pragma GCC unroll 6
    for (size_t r = 0; r < kRows; ++r) {
      const F x = Set(a[r * a_stride + i]);
#pragma GCC unroll 2
      for (size_t v = 0; v < kVectors; ++v) sum[r][v] = Fma(x, column[v], sum[r][v]);
    }
  }
}

struct FloatOutput {
  const float* bias;
  FloatEpilogue epilogue;
  Activation activation;
  float* out;
  size_t stride;
};

template <size_t kRows>
LARDER_KERNEL inline void FloatRows(const float* in, size_t k, const float* panel,
                                    const FloatOutput& to) {
  F sum[kRows][2];
  FloatTile<kRows, 2>(in, k, panel, kFloatPanelColumns, k, sum);
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t v = 0; v < 2; ++v) {
      float* out = to.out + r * to.stride + v * kLanes;
      F value = Add(sum[r][v], Load(to.bias + v * kLanes));
      if (to.epilogue == FloatEpilogue::kAdd) value = Add(Load(out), value);
      if (to.epilogue == FloatEpilogue::kActivate) value = Activate(to.activation, value);
      Store(out, value);
    }
  }
}

LARDER_KERNEL void FloatProject(const float* in, size_t rows, const FloatMatrix& weights,
                                FloatEpilogue epilogue, Activation activation, float* out) {
  const size_t k = weights.inputs;
  for (size_t column = 0; column < weights.outputs; column += kFloatPanelColumns) {
    const float* panel = weights.panels.data() + column * k;
    size_t row = 0;
    FloatOutput to = {weights.bias.data() + column, epilogue, activation, out + column,
                      weights.outputs};
    for (; row + kFloatTileRows <= rows; row += kFloatTileRows) {
      FloatRows<kFloatTileRows>(in + row * k, k, panel, to);
      to.out += kFloatTileRows * to.stride;
    }
    for (; row < rows; ++row) {
      FloatRows<1>(in + row * k, k, panel, to);
      to.out += to.stride;
    }
  }
}

// Scores become probabilities; entries past `tokens` become 0.
LARDER_KERNEL inline void FloatSoftmax(float* scores, size_t tokens, size_t padded, float factor) {
  std::fill(scores + tokens, scores + padded, -std::numeric_limits<float>::infinity());
  F high = Set(-std::numeric_limits<float>::infinity());
  for (size_t k = 0; k < padded; k += kLanes) high = Max(high, Load(scores + k));
  const F highest = Set(FoldMax(high));
  F total = Set(0.0f);
  for (size_t k = 0; k < padded; k += kLanes) {
    const F p = Exp(Mul(Sub(Load(scores + k), highest), Set(factor)));
    Store(scores + k, p);
    if (k + kLanes > tokens) std::fill(scores + tokens, scores + padded, 0.0f);
    total = Add(total, Load(scores + k));
  }
  const F sum = Set(FoldSum(total));
  for (size_t k = 0; k < padded; k += kLanes) Store(scores + k, Div(Load(scores + k), sum));
}

template <size_t kRows>
LARDER_KERNEL inline void FloatQueries(const float* qkv, size_t stride, const float* values,
                                       size_t size, size_t tokens, size_t padded,
                                       const float* keys, float* scores, float* out,
                                       size_t out_stride) {
  for (size_t k = 0; k < padded; k += kLanes) {
    F sum[kRows][1];
    FloatTile<kRows, 1>(qkv, stride, keys + k, padded, size, sum);
    for (size_t r = 0; r < kRows; ++r) Store(scores + r * padded + k, sum[r][0]);
  }
  const float factor = 1.0f / std::sqrt(static_cast<float>(size));
  for (size_t r = 0; r < kRows; ++r) FloatSoftmax(scores + r * padded, tokens, padded, factor);
  for (size_t d = 0; d < size; d += kLanes) {
    F sum[kRows][1];
    FloatTile<kRows, 1>(scores, padded, values + d, stride, tokens, sum);
    for (size_t r = 0; r < kRows; ++r) Store(out + r * out_stride + d, sum[r][0]);
  }
}

LARDER_KERNEL void FloatAttend(const float* qkv, size_t heads, size_t size, size_t first,
                               size_t count, AttentionScratch& scratch, float* out) {
  const size_t hidden = heads * size;
  const size_t stride = 3 * hidden;
  const size_t padded = PaddedTokens(count);
  float* keys = scratch.floats.data();
  float* scores = keys + size * padded;
  for (size_t head = 0; head < heads; ++head) {
    const float* query = qkv + first * stride + head * size;
    const float* key = query + hidden;
    const float* value = key + hidden;
    std::fill(keys, keys + size * padded, 0.0f);
    for (size_t t = 0; t < count; ++t) {
      for (size_t d = 0; d < size; ++d) keys[d * padded + t] = key[t * stride + d];
    }
    float* to = out + first * hidden + head * size;
    size_t row = 0;
    for (; row + kFloatTileRows <= count; row += kFloatTileRows) {
      FloatQueries<kFloatTileRows>(query + row * stride, stride, value, size, count, padded, keys,
                                   scores, to + row * hidden, hidden);
    }
    for (; row < count; ++row) {
      FloatQueries<1>(query + row * stride, stride, value, size, count, padded, keys, scores,
                      to + row * hidden, hidden);
    }
  }
}

}  // namespace larder::text::internal::LARDER_SET

#endif  // LARDER_TEXT_TRANSFORMER_INTERNAL_FLOAT_BODY_H_
