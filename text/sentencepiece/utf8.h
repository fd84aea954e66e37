// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_UTF8_H_
#define LARDER_TEXT_SENTENCEPIECE_UTF8_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace larder::text::internal {

// Bytes of the character that UTF-8 `text` (not empty) begins with, by its first byte.
inline size_t CharacterLength(std::string_view text) {
  constexpr uint64_t kByHighBits = 0x4322'1111'1111'1111u;
  const auto c = static_cast<unsigned char>(text[0]);
  return std::min<size_t>((kByHighBits >> (c >> 4 << 2)) & 7, text.size());
}

// Bytes of the well-formed character that `text` (not empty) begins with, 0 if there is none.
inline size_t ValidUtf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto trails = [&](size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  const unsigned char c = byte(0);
  if (c < 0x80) return 1;
  if (c >= 0xc2 && c < 0xe0) return trails(1) ? 2 : 0;
  if (c >= 0xe0 && c < 0xf0) {
    if (!trails(1) || !trails(2)) return 0;
    const bool overlong = c == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = c == 0xed && byte(1) >= 0xa0;
    return overlong || surrogate ? 0 : 3;
  }
  if (c >= 0xf0 && c < 0xf5) {
    if (!trails(1) || !trails(2) || !trails(3)) return 0;
    const bool overlong = c == 0xf0 && byte(1) < 0x90;
    const bool too_large = c == 0xf4 && byte(1) >= 0x90;
    return overlong || too_large ? 0 : 4;
  }
  return 0;
}

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_UTF8_H_
