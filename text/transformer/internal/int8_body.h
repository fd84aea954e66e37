// SPDX-License-Identifier: Apache-2.0
// Part of kernel_*.cc: products of rows of bytes with a matrix, and what becomes of them at once.
#ifndef LARDER_TEXT_TRANSFORMER_INTERNAL_INT8_BODY_H_
#define LARDER_TEXT_TRANSFORMER_INTERNAL_INT8_BODY_H_

#include <cstddef>
#include <cstring>

#include "text/transformer/internal/kernels.h"

namespace larder::text::internal::LARDER_SET {

// What 64 outputs have in common.
struct PanelConstants {
  const float* scale;
  const float* sum;
  const float* bias;
};

// The value of 16 sums: bias + offset · sum + sums · scales, rounded after each.
LARDER_LANES F ValueOf(const int32_t* sums, F row_scale, F row_offset, const PanelConstants& panel,
                       size_t column) {
  const F constant = Fma(row_offset, Load(panel.sum + column), Load(panel.bias + column));
  return Fma(FromInt(LoadInt(sums + column)), Mul(row_scale, Load(panel.scale + column)),
             constant);
}

// Calls epilogue.Tile(sums, row, rows, column, constants) for all tiles of a product: panels
// outside, so that one stays in the first cache while all rows pass; rows shared out evenly.
template <typename Epilogue>
LARDER_LANES void ForTiles(const QuantizedRows& in, size_t rows, const Int8Matrix& weights,
                           const Epilogue& epilogue) {
  alignas(64) int32_t sums[kTileRows * kPanelColumns];
  const size_t groups = (rows + kTileRows - 1) / kTileRows;
  for (size_t column = 0; column < weights.outputs; column += kPanelColumns) {
    const int8_t* panel = weights.panels.data() + column * weights.inputs;
    const PanelConstants constants = {weights.scale.data() + column, weights.sum.data() + column,
                                      weights.bias.data() + column};
    size_t row = 0;
    for (size_t g = 0; g < groups; ++g) {
      const size_t count = rows / groups + (g < rows % groups ? 1 : 0);
      Tile64(in.codes + row * in.columns, in.columns, count, panel, weights.inputs, sums);
      epilogue.Tile(sums, row, count, column, constants);
      row += count;
    }
  }
}

// ---- queries, keys, values ---------------------------------------------------------------------

struct HeadsEpilogue {
  const QuantizedRows& in;
  const Heads& out;

  LARDER_KERNEL void Tile(const int32_t* sums, size_t row, size_t rows, size_t column,
                          const PanelConstants& panel) const {
    const size_t hidden = out.hidden();
    const size_t part = column / hidden;
    const size_t within = column % hidden;
    for (size_t r = 0; r < rows; ++r, ++row, sums += kPanelColumns) {
      const F scale = Set(in.scale[row]);
      const F offset = Set(in.offset[row]);
      F x[4];
      for (size_t c = 0; c < 4; ++c) x[c] = ValueOf(sums, scale, offset, panel, c * kLanes);
      if (part == 2) {
        float* value = out.value + row * hidden + within;
        for (size_t c = 0; c < 4; ++c) Store(value + c * kLanes, x[c]);
      } else if (out.size == 64) {
        Head(x, 4, part, row, within / 64);
      } else {
        Head(x, 2, part, row, within / 32);
        Head(x + 2, 2, part, row, within / 32 + 1);
      }
    }
  }

  // One head's query or key, with a scale of its own.
  LARDER_KERNEL void Head(const F* x, size_t vectors, size_t part, size_t row, size_t head) const {
    F size = Abs(x[0]);
    for (size_t v = 1; v < vectors; ++v) size = Max(size, Abs(x[v]));
    const float largest = Larger(FoldMax(size), kLeastRange);
    const F factor = Set(127.0f / largest);
    if (part == 0) {
      uint8_t* codes = out.query + row * out.hidden() + head * out.size;
      for (size_t v = 0; v < vectors; ++v) {
        StoreBytes(codes + v * kLanes, AddInt(ToInt(Mul(x[v], factor)), SetInt(128)));
      }
      // log2(e) / sqrt(32) and / sqrt(64).
      const float temperature = out.size == 32 ? 0x1.0527dcp-2f : 0x1.715476p-3f;
      out.query_scale[row * out.count + head] = largest / 127.0f * temperature;
      return;
    }
    alignas(64) int8_t codes[64];
    for (size_t v = 0; v < vectors; ++v) {
      StoreBytes(codes + v * kLanes, ToInt(Mul(x[v], factor)));
    }
    const size_t slot = out.slot[row];
    int8_t* panel = out.key + (head * out.slots + slot / kLanes * kLanes) * out.size;
    for (size_t i = 0; i < out.size; i += 4) {
      std::memcpy(panel + i * kLanes + slot % kLanes * 4, codes + i, 4);
    }
    out.key_scale[head * out.slots + slot] = largest / 127.0f;
  }
};

LARDER_KERNEL void ProjectHeads(const QuantizedRows& in, size_t rows, const Int8Matrix& weights,
                                const Heads& out) {
  ForTiles(in, rows, weights, HeadsEpilogue{in, out});
}

// ---- added to the residual stream --------------------------------------------------------------

struct AddEpilogue {
  const QuantizedRows& in;
  float* x;
  size_t columns;

  LARDER_KERNEL void Tile(const int32_t* sums, size_t row, size_t rows, size_t column,
                          const PanelConstants& panel) const {
    for (size_t r = 0; r < rows; ++r, ++row, sums += kPanelColumns) {
      const F scale = Set(in.scale[row]);
      const F offset = Set(in.offset[row]);
      float* to = x + row * columns + column;
      for (size_t c = 0; c < kPanelColumns; c += kLanes) {
        Store(to + c, Add(Load(to + c), ValueOf(sums, scale, offset, panel, c)));
      }
    }
  }
};

LARDER_KERNEL void ProjectAdd(const QuantizedRows& in, size_t rows, const Int8Matrix& weights,
                              float* x) {
  ForTiles(in, rows, weights, AddEpilogue{in, x, weights.outputs});
}

// ---- activated ---------------------------------------------------------------------------------

template <Activation kActivation>
struct ActivateEpilogue {
  const QuantizedRows& in;
  float* x;
  float* peaks;  // [rows, 16]: the greatest value of each lane
  size_t columns;

  LARDER_KERNEL void Tile(const int32_t* sums, size_t row, size_t rows, size_t column,
                          const PanelConstants& panel) const {
    for (size_t r = 0; r < rows; ++r, ++row, sums += kPanelColumns) {
      const F scale = Set(in.scale[row]);
      const F offset = Set(in.offset[row]);
      float* to = x + row * columns + column;
      F peak = column == 0 ? Set(0.0f) : Load(peaks + row * kLanes);
      for (size_t c = 0; c < kPanelColumns; c += kLanes) {
        const F value = ValueOf(sums, scale, offset, panel, c);
        const F active = kActivation == Activation::kGelu ? RoughGelu(value)
                                                          : Activate(kActivation, value);
        peak = Max(peak, active);
        Store(to + c, active);
      }
      Store(peaks + row * kLanes, peak);
    }
  }
};

LARDER_KERNEL void ProjectActivate(const QuantizedRows& in, size_t rows, const Int8Matrix& weights,
                                   Activation activation, float* x, float* peaks,
                                   const QuantizedRows& codes) {
  const size_t columns = weights.outputs;
  switch (activation) {
    case Activation::kGelu:
      ForTiles(in, rows, weights, ActivateEpilogue<Activation::kGelu>{in, x, peaks, columns});
      break;
    case Activation::kGeluTanh:
      ForTiles(in, rows, weights, ActivateEpilogue<Activation::kGeluTanh>{in, x, peaks, columns});
      break;
    case Activation::kRelu:
      ForTiles(in, rows, weights, ActivateEpilogue<Activation::kRelu>{in, x, peaks, columns});
      break;
  }
  const float offset = activation == Activation::kRelu ? 0.0f : kGeluFloor;
  for (size_t r = 0; r < rows; ++r) {
    StoreCodes(x + r * columns, columns, offset, FoldMax(Load(peaks + r * kLanes)),
               codes.codes + r * columns, codes.scale + r, codes.offset + r);
  }
}

}  // namespace larder::text::internal::LARDER_SET

#endif  // LARDER_TEXT_TRANSFORMER_INTERNAL_INT8_BODY_H_
