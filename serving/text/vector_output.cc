// SPDX-License-Identifier: Apache-2.0
#include "serving/text/vector_output.h"

#include <algorithm>
#include <bit>
#include <string>

#include "base/fixed_point.h"

namespace larder::serving {

StatusOr<size_t> OutputDimensions(const text::EncoderInfo& info, std::optional<uint32_t> asked) {
  const auto own = static_cast<size_t>(info.dimensions);
  if (!asked.has_value() || *asked == own) return own;
  std::string known;
  for (const int32_t size : info.matryoshka) {
    if (static_cast<uint32_t>(size) == *asked) return size_t{*asked};
    known += Concat(size, ", ");
  }
  return InvalidArgument("dimensions: this encoder has ", known, own, ", got ", *asked);
}

std::vector<float> UnitVectors(const text::EncoderInfo& info, std::span<const int8_t> codes,
                               size_t dimensions) {
  const bool fixed_point = info.element() == text::VectorElement::kFloat;
  std::vector<float> out(codes.size() / info.code_size() * dimensions);
  for (std::span<float> rest = out; !rest.empty(); rest = rest.subspan(dimensions)) {
    const std::span<const int8_t> vector = codes.first(info.code_size());
    codes = codes.subspan(vector.size());
    (fixed_point ? FromFixedPoint : FromInt8)(vector, rest.first(dimensions));
  }
  return out;
}

std::vector<int8_t> Int8Vectors(const text::EncoderInfo& info, std::span<const int8_t> codes,
                                size_t dimensions) {
  std::vector<int8_t> out;
  out.reserve(codes.size() / info.code_size() * dimensions);
  for (; !codes.empty(); codes = codes.subspan(info.code_size())) {
    out.insert(out.end(), codes.begin(), codes.begin() + static_cast<ptrdiff_t>(dimensions));
  }
  return out;
}

uint16_t ToHalf(float value) {
  constexpr uint32_t kInfinity = 0x7c00;
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000;
  const uint32_t magnitude = bits & 0x7fff'ffff;
  uint32_t half = 0;
  if (magnitude >= std::bit_cast<uint32_t>(65'520.0F)) {
    half = kInfinity;
  } else if (magnitude < std::bit_cast<uint32_t>(0x1p-14F)) {
    // Subnormal: the addition shifts and rounds.
    half = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) -
           std::bit_cast<uint32_t>(0.5F);
  } else {
    const uint32_t odd = magnitude >> 13 & 1;
    half = (magnitude - (uint32_t{127 - 15} << 23) + 0xfff + odd) >> 13;
  }
  return static_cast<uint16_t>(sign | half);
}

std::vector<uint16_t> ToHalves(std::span<const float> values) {
  std::vector<uint16_t> halves(values.size());
  std::transform(values.begin(), values.end(), halves.begin(), ToHalf);
  return halves;
}

}  // namespace larder::serving
