// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_WORDPIECE_UNICODE_H_
#define LARDER_TEXT_WORDPIECE_UNICODE_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/wordpiece/unicode_tables.h"

namespace larder::text::internal {

inline constexpr char32_t kReplacement = 0xFFFD;

// Characters as the `tokenizers` package knows them: its crates have tables of several versions of
// Unicode, none of which is the newest.
//
// Thread-safety: thread-safe.
class Unicode {
 public:
  // Built at the first call, some 100 KB.
  static const Unicode& Get();

  // The flags of unicode_tables.h. `c` must be below 0x110000.
  uint16_t flags(char32_t c) const {
    return values_[(size_t{blocks_[c / kBlock]} * kBlock) + c % kBlock];
  }
  bool is(char32_t c, uint16_t flag) const { return (flags(c) & flag) != 0; }

 private:
  static constexpr size_t kBlock = 128;
  Unicode();
  std::array<uint16_t, 0x110000 / kBlock> blocks_{};
  std::vector<uint16_t> values_;
};

// The mappings of a character with the flag kLowers or kDecomposes, of any syllable of Hangul, and
// the class of one with kReorders. Cost: a binary search.
const Lowercase& LowercaseOf(char32_t c);
const Decomposition& DecompositionOf(char32_t c);
uint8_t CombiningClassOf(char32_t c);

inline bool IsHangulSyllable(char32_t c) { return c >= 0xAC00 && c <= 0xD7A3; }
// Its two or three parts, padded with zeros.
std::array<char32_t, 3> HangulParts(char32_t syllable);

// The character at text[at], which must be well-formed UTF-8, and the place behind it.
inline char32_t NextChar(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<char32_t>(static_cast<uint8_t>(text[i])); };
  const char32_t first = byte(at++);
  if (first < 0x80) return first;
  if (first < 0xE0) {
    at += 1;
    return (first & 0x1F) << 6 | (byte(at - 1) & 0x3F);
  }
  if (first < 0xF0) {
    at += 2;
    return (first & 0x0F) << 12 | (byte(at - 2) & 0x3F) << 6 | (byte(at - 1) & 0x3F);
  }
  at += 3;
  return (first & 0x07) << 18 | (byte(at - 3) & 0x3F) << 12 | (byte(at - 2) & 0x3F) << 6 |
         (byte(at - 1) & 0x3F);
}

// The character that ends before text[at], at > 0; `at` becomes its place.
char32_t PreviousChar(std::string_view text, size_t& at);

// Appends a character as UTF-8; returns how many bytes.
size_t AppendUtf8(char32_t c, std::string& out);

// How many bytes the well-formed character at the start of `text` has; 0 if there is none.
size_t Utf8Length(std::string_view text);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_WORDPIECE_UNICODE_H_
