// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_TEXT_VECTOR_OUTPUT_H_
#define LARDER_SERVING_TEXT_VECTOR_OUTPUT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/status.h"
#include "text/encoder.h"

namespace larder::serving {

// The length of the vectors that a caller gets: the encoder's, unless it asks for another one.
// Errors: kInvalidArgument, with those that there are, for one that it was not trained for.
StatusOr<size_t> OutputDimensions(const text::EncoderInfo& info, std::optional<uint32_t> asked);

// The first `dimensions` components of vectors, scaled to length 1; zero stays zero.
//
// Shapes: codes [texts, info.code_size()]; the result [texts, dimensions], row-major.
std::vector<float> UnitVectors(const text::EncoderInfo& info, std::span<const int8_t> codes,
                               size_t dimensions);
// The same as int8: of a kInt8 encoder its codes, of a kFloat one their high halves.
std::vector<int8_t> Int8Vectors(const text::EncoderInfo& info, std::span<const int8_t> codes,
                                size_t dimensions);

// IEEE 754 binary16 of finite values, to the nearest, ties to even.
uint16_t ToHalf(float value);
std::vector<uint16_t> ToHalves(std::span<const float> values);

}  // namespace larder::serving

#endif  // LARDER_SERVING_TEXT_VECTOR_OUTPUT_H_
