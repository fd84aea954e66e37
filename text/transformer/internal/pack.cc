// SPDX-License-Identifier: Apache-2.0
#include "text/transformer/internal/pack.h"

#include <algorithm>
#include <cmath>

namespace larder::text::internal {
namespace {

// Codes of one output's weights, w = scale · code; returns the scale, 0 of zeros.
float QuantizeRow(std::span<const float> weights, int8_t* codes) {
  float largest = 0;
  for (const float w : weights) largest = std::max(largest, std::fabs(w));
  const float scale = largest / 127.0f;
  for (size_t i = 0; i < weights.size(); ++i) {
    // Tiny scales are rounded so coarsely that a quotient may be beyond 127.
    const float code = scale > 0 ? std::nearbyint(weights[i] / scale) : 0.0f;
    codes[i] = static_cast<int8_t>(std::clamp(code, -127.0f, 127.0f));
  }
  return scale;
}

}  // namespace

Int8Matrix MakeInt8Matrix(size_t outputs, size_t inputs) {
  return {.outputs = outputs,
          .inputs = inputs,
          .panels = AlignedBuffer<int8_t>(outputs * inputs),
          .scale = std::vector<float>(outputs),
          .sum = std::vector<float>(outputs),
          .bias = std::vector<float>(outputs)};
}

FloatMatrix MakeFloatMatrix(size_t outputs, size_t inputs) {
  return {.outputs = outputs,
          .inputs = inputs,
          .panels = AlignedBuffer<float>(outputs * inputs),
          .bias = std::vector<float>(outputs)};
}

void PackRows(std::span<const float> weights, std::span<const float> bias,
              std::span<const float> shift, size_t first, Int8Matrix& matrix) {
  const size_t inputs = matrix.inputs;
  std::vector<int8_t> codes(inputs);
  for (size_t o = 0; o < bias.size(); ++o) {
    const auto row = weights.subspan(o * inputs, inputs);
    const size_t output = first + o;
    const float scale = QuantizeRow(row, codes.data());
    int8_t* column =
        matrix.panels.data() + output / kPanelColumns * kPanelColumns * inputs +
        output % kPanelColumns * 4;
    int32_t sum = 0;
    for (size_t i = 0; i < inputs; ++i) {
      column[i / 4 * 4 * kPanelColumns + i % 4] = codes[i];
      sum += codes[i];
    }
    double shifted = bias[o];
    for (size_t i = 0; i < shift.size(); ++i) shifted += double{row[i]} * double{shift[i]};
    matrix.scale[output] = scale;
    matrix.sum[output] = scale * static_cast<float>(sum);
    matrix.bias[output] = static_cast<float>(shifted);
  }
}

void PackRows(std::span<const float> weights, std::span<const float> bias, size_t first,
              FloatMatrix& matrix) {
  const size_t inputs = matrix.inputs;
  for (size_t o = 0; o < bias.size(); ++o) {
    const size_t output = first + o;
    float* column = matrix.panels.data() +
                    output / kFloatPanelColumns * kFloatPanelColumns * inputs +
                    output % kFloatPanelColumns;
    for (size_t i = 0; i < inputs; ++i) {
      column[i * kFloatPanelColumns] = weights[o * inputs + i];
    }
    matrix.bias[output] = bias[o];
  }
}

}  // namespace larder::text::internal
