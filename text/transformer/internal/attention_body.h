// SPDX-License-Identifier: Apache-2.0
// Part of kernel_*.cc: attention in int8, one text and head after the other.
#ifndef LARDER_TEXT_TRANSFORMER_INTERNAL_ATTENTION_BODY_H_
#define LARDER_TEXT_TRANSFORMER_INTERNAL_ATTENTION_BODY_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>

#include "text/transformer/internal/kernels.h"

namespace larder::text::internal::LARDER_SET {

inline size_t PaddedTokens(size_t tokens) { return (tokens + kLanes - 1) / kLanes * kLanes; }

// Codes of 16 dimensions of four tokens.
LARDER_LANES void StoreValues(const float* value, size_t stride, size_t tokens, F factor,
                              int8_t* out) {
  I codes[4];
  for (size_t t = 0; t < 4; ++t) {
    codes[t] = t < tokens ? ToInt(Mul(Load(value + t * stride), factor)) : SetInt(0);
  }
  StoreBytes4(out, codes[0], codes[1], codes[2], codes[3]);
}

// One head's values as codes with a scale per dimension; panels of 16 dimensions.
LARDER_KERNEL inline void QuantizeValues(const float* value, size_t stride, size_t tokens,
                                         size_t size, int8_t* codes, float* scale) {
  const size_t groups = (tokens + 3) / 4;
  for (size_t d = 0; d < size; d += kLanes) {
    F largest = Set(kLeastRange);
    for (size_t t = 0; t < tokens; ++t) {
      largest = Max(largest, Abs(Load(value + t * stride + d)));
    }
    const F factor = Div(Set(127.0f), largest);
    Store(scale + d, Div(largest, Set(127.0f)));
    int8_t* panel = codes + d / kLanes * groups * 64;
    for (size_t g = 0; g < groups; ++g) {
      StoreValues(value + 4 * g * stride + d, stride, tokens - 4 * g, factor, panel + 64 * g);
    }
  }
}

// Softmax of one query's scores, as codes: rne(255 · 2^(score - greatest)). Returns their sum.
// `sums` become the scores; codes past `tokens` are 0.
LARDER_LANES int32_t Probabilities(int32_t* sums, const int32_t* key_sums, const float* key_scale,
                                   float query_scale, size_t tokens, uint8_t* codes) {
  auto* scores = reinterpret_cast<float*>(sums);
  const size_t padded = PaddedTokens(tokens);
  const F factor = Set(query_scale);
  F high = Set(-std::numeric_limits<float>::infinity());
  for (size_t k = 0; k < padded; k += kLanes) {
    const F score = Mul(FromInt(SubInt(LoadInt(sums + k), LoadInt(key_sums + k))),
                        Mul(factor, Load(key_scale + k)));
    Store(scores + k, score);
    if (k + kLanes > tokens) {
      std::fill(scores + tokens, scores + padded, -std::numeric_limits<float>::infinity());
    }
    high = Max(high, Load(scores + k));
  }
  const F highest = Set(FoldMax(high));
  I total = SetInt(0);
  for (size_t k = 0; k < padded; k += kLanes) {
    const I p = ToInt(RoughExp255(Max(Sub(Load(scores + k), highest), Set(-32.0f))));
    total = AddInt(total, p);
    StoreBytes(codes + k, p);
  }
  return FoldSumInt(total);
}

// Up to six queries of one head of a text: products with all keys, softmax, sums of all values.
LARDER_KERNEL inline void AttendQueries(const Heads& heads, size_t head, size_t row, size_t rows,
                                        size_t slot, size_t tokens, const float* value_scale,
                                        AttentionScratch& scratch, float* out) {
  const size_t size = heads.size;
  const size_t hidden = heads.hidden();
  const size_t padded = PaddedTokens(tokens);
  int32_t* scores = scratch.scores.data();
  uint8_t* codes = scratch.probability.data();
  Tile16(heads.query + row * hidden + head * size, hidden, rows,
         heads.key + (head * heads.slots + slot) * size, size * kLanes, padded / kLanes, size,
         scores, padded);
  float share[kTileRows];
  for (size_t r = 0; r < rows; ++r) {
    const int32_t total =
        Probabilities(scores + r * padded, scratch.key_sums.data(),
                      heads.key_scale + head * heads.slots + slot,
                      heads.query_scale[(row + r) * heads.count + head], tokens,
                      codes + r * padded);
    share[r] = 1.0f / static_cast<float>(total);
  }
  const size_t groups = (tokens + 3) / 4;
  alignas(64) int32_t sums[kTileRows * 64];
  Tile16(codes, padded, rows, scratch.value.data(), groups * 64, size / kLanes, groups * 4, sums,
         64);
  for (size_t r = 0; r < rows; ++r) {
    float* to = out + (row + r) * hidden + head * size;
    for (size_t d = 0; d < size; d += kLanes) {
      Store(to + d, Mul(FromInt(LoadInt(sums + r * 64 + d)),
                        Mul(Set(share[r]), Load(value_scale + d))));
    }
  }
}

LARDER_KERNEL void Attend(const Heads& heads, size_t first, size_t count,
                          AttentionScratch& scratch, float* out) {
  alignas(64) uint8_t zero_point[64];
  std::memset(zero_point, 128, sizeof zero_point);
  alignas(64) float value_scale[64];
  const size_t slot = heads.slot[first];
  const size_t panels = PaddedTokens(count) / kLanes;
  const size_t groups = (count + kTileRows - 1) / kTileRows;
  for (size_t head = 0; head < heads.count; ++head) {
    // Queries are stored 128 too large, which every score has too much of its key's sum.
    Tile16(zero_point, 0, 1, heads.key + (head * heads.slots + slot) * heads.size,
           heads.size * kLanes, panels, heads.size, scratch.key_sums.data(), 0);
    QuantizeValues(heads.value + first * heads.hidden() + head * heads.size, heads.hidden(), count,
                   heads.size, scratch.value.data(), value_scale);
    size_t row = first;
    for (size_t g = 0; g < groups; ++g) {
      const size_t rows = count / groups + (g < count % groups ? 1 : 0);
      AttendQueries(heads, head, row, rows, slot, count, value_scale, scratch, out);
      row += rows;
    }
  }
}

}  // namespace larder::text::internal::LARDER_SET

#endif  // LARDER_TEXT_TRANSFORMER_INTERNAL_ATTENTION_BODY_H_
