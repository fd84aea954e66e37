// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRANSFORMER_INTERNAL_PACK_H_
#define LARDER_TEXT_TRANSFORMER_INTERNAL_PACK_H_

#include <cstddef>
#include <span>

#include "text/transformer/internal/kernels.h"

namespace larder::text::internal {

// Matrices of zeros of these sizes, multiples of 64.
Int8Matrix MakeInt8Matrix(size_t outputs, size_t inputs);
FloatMatrix MakeFloatMatrix(size_t outputs, size_t inputs);

// Sets outputs [first, first + bias.size()) from weights [outputs, inputs] row-major. The bias
// becomes bias + weights · shift where there is a shift [inputs].
void PackRows(std::span<const float> weights, std::span<const float> bias,
              std::span<const float> shift, size_t first, Int8Matrix& matrix);
void PackRows(std::span<const float> weights, std::span<const float> bias, size_t first,
              FloatMatrix& matrix);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_TRANSFORMER_INTERNAL_PACK_H_
