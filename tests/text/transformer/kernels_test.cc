// SPDX-License-Identifier: Apache-2.0
#include "text/transformer/internal/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "text/internal/random.h"
#include "text/transformer/internal/pack.h"

namespace larder::text::internal {
namespace {

// A matrix of given codes; scales of 1 and no bias, so that products are the sums themselves.
Int8Matrix MatrixOf(const std::vector<int8_t>& codes, size_t outputs, size_t inputs) {
  Int8Matrix matrix = MakeInt8Matrix(outputs, inputs);
  std::fill(matrix.scale.begin(), matrix.scale.end(), 1.0f);
  for (size_t o = 0; o < outputs; ++o) {
    for (size_t i = 0; i < inputs; ++i) {
      matrix.panels.data()[o / 64 * 64 * inputs + i / 4 * 256 + o % 64 * 4 + i % 4] =
          codes[o * inputs + i];
    }
  }
  return matrix;
}

void ExpectExactProducts(size_t rows, size_t inputs, size_t outputs, bool extreme) {
  Random random(rows * 1'000 + inputs);
  std::vector<uint8_t> a(rows * inputs);
  std::vector<int8_t> w(outputs * inputs);
  for (uint8_t& x : a) x = extreme ? 255 : static_cast<uint8_t>(random.Below(256));
  for (int8_t& x : w) {
    x = static_cast<int8_t>(extreme ? 127 : static_cast<int>(random.Below(255)) - 127);
  }
  std::vector<float> scale(rows, 1.0f);
  std::vector<float> offset(rows, 0.0f);
  const QuantizedRows in = {a.data(), scale.data(), offset.data(), inputs};
  const Int8Matrix matrix = MatrixOf(w, outputs, inputs);
  for (const TransformerKernel& kernel : AvailableTransformerKernels()) {
    std::vector<float> x(rows * outputs, 1.0f);
    kernel.project_add(in, rows, matrix, x.data());
    for (size_t r = 0; r < rows; ++r) {
      for (size_t o = 0; o < outputs; ++o) {
        int64_t sum = 0;
        for (size_t i = 0; i < inputs; ++i) sum += int64_t{a[r * inputs + i]} * w[o * inputs + i];
        ASSERT_EQ(x[r * outputs + o], 1.0f + static_cast<float>(sum))
            << kernel.name << ", row " << r << " of " << rows << ", output " << o;
      }
    }
  }
}

TEST(TransformerKernel, ProductsAreExactForEveryNumberOfRows) {
  for (size_t rows = 1; rows <= 13; ++rows) ExpectExactProducts(rows, 64, 128, false);
  ExpectExactProducts(5, 320, 64, false);
}

TEST(TransformerKernel, TheLargestSumsDoNotSaturate) { ExpectExactProducts(6, 4'096, 64, true); }

TEST(TransformerKernel, CodesAreWithinHalfAStep) {
  Random random(1);
  std::vector<float> x(3 * 64);
  for (float& v : x) v = static_cast<float>(random.Gaussian());
  std::fill(x.begin() + 128, x.end(), 0.25f);  // a row of one value
  for (const TransformerKernel& kernel : AvailableTransformerKernels()) {
    std::vector<uint8_t> codes(x.size());
    std::vector<float> scale(3);
    std::vector<float> offset(3);
    kernel.quantize(x.data(), 3, {codes.data(), scale.data(), offset.data(), 64});
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t row = i / 64;
      EXPECT_NEAR(offset[row] + scale[row] * static_cast<float>(codes[i]), x[i],
                  0.501f * scale[row])
          << kernel.name << ", value " << i;
    }
  }
}

// What a layer of these biases and no weights gives: activation(bias).
std::vector<float> Activated(const TransformerKernel& kernel, Activation activation,
                             const std::vector<float>& bias, Precision precision) {
  std::vector<float> x(bias.size());
  if (precision == Precision::kF32) {
    FloatMatrix matrix = MakeFloatMatrix(bias.size(), 64);
    matrix.bias = bias;
    const std::vector<float> in(64);
    kernel.float_project(in.data(), 1, matrix, FloatEpilogue::kActivate, activation, x.data());
    return x;
  }
  Int8Matrix matrix = MakeInt8Matrix(bias.size(), 64);
  matrix.bias = bias;
  std::vector<uint8_t> in(64);
  std::vector<uint8_t> codes(bias.size());
  float numbers[4] = {1, 0, 0, 0};
  std::vector<float> peaks(16);
  kernel.project_activate({in.data(), numbers, numbers + 1, 64}, 1, matrix, activation, x.data(),
                          peaks.data(), {codes.data(), numbers + 2, numbers + 3, bias.size()});
  return x;
}

TEST(TransformerKernel, ActivationsAreAsCloseAsTheirCommentsSay) {
  std::vector<float> inputs(64 * 64);
  for (size_t i = 0; i < inputs.size(); ++i) {
    inputs[i] = (static_cast<float>(i) - 2'048.0f) / 256.0f;  // -8 to 8
  }
  inputs[0] = -1e4f;
  inputs[1] = 1e4f;
  for (const TransformerKernel& kernel : AvailableTransformerKernels()) {
    const auto rough = Activated(kernel, Activation::kGelu, inputs, Precision::kInt8);
    const auto gelu = Activated(kernel, Activation::kGelu, inputs, Precision::kF32);
    const auto tanh = Activated(kernel, Activation::kGeluTanh, inputs, Precision::kF32);
    const auto relu = Activated(kernel, Activation::kRelu, inputs, Precision::kF32);
    for (size_t i = 0; i < inputs.size(); ++i) {
      const double x = inputs[i];
      const double exact = 0.5 * x * std::erfc(-x / std::sqrt(2.0));
      const double near = 1e-6 + 3e-7 * std::fabs(x);
      EXPECT_NEAR(rough[i], exact, 2.1e-4 + near) << kernel.name << ", " << x;
      EXPECT_NEAR(gelu[i], exact, near) << kernel.name << ", " << x;
      EXPECT_NEAR(tanh[i], 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) *
                                                    (x + 0.044715 * x * x * x))), near)
          << kernel.name << ", " << x;
      EXPECT_EQ(relu[i], std::max(inputs[i], 0.0f)) << kernel.name;
    }
  }
}

TEST(TransformerKernel, ScalarIsAlwaysThereAndFirst) {
  ASSERT_FALSE(AvailableTransformerKernels().empty());
  EXPECT_EQ(AvailableTransformerKernels().front().name, "scalar");
  EXPECT_EQ(BestTransformerKernel().name, AvailableTransformerKernels().back().name);
}

TEST(TransformerKernel, PackedWeightsAreWithinHalfAStepAndSumsFollow) {
  Random random(2);
  std::vector<float> weights(64 * 64);
  for (float& w : weights) w = static_cast<float>(random.Gaussian());
  std::fill(weights.begin(), weights.begin() + 64, 0.0f);
  std::vector<float> bias(64, 1.0f);
  std::vector<float> shift(64, 0.5f);
  Int8Matrix matrix = MakeInt8Matrix(64, 64);

  PackRows(weights, bias, shift, 0, matrix);

  for (size_t o = 0; o < 64; ++o) {
    int32_t sum = 0;
    double shifted = 1;
    for (size_t i = 0; i < 64; ++i) {
      const int8_t code = matrix.panels.data()[i / 4 * 256 + o * 4 + i % 4];
      EXPECT_NEAR(matrix.scale[o] * static_cast<float>(code), weights[o * 64 + i],
                  0.501f * matrix.scale[o]);
      sum += code;
      shifted += 0.5 * double{weights[o * 64 + i]};
    }
    EXPECT_EQ(matrix.sum[o], matrix.scale[o] * static_cast<float>(sum));
    EXPECT_NEAR(matrix.bias[o], shifted, 1e-5);
  }
}

}  // namespace
}  // namespace larder::text::internal
