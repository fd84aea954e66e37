// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_WORDPIECE_UNICODE_TABLES_H_
#define LARDER_TEXT_WORDPIECE_UNICODE_TABLES_H_

// The tables that tools/make_wordpiece_tables.py writes; read them through unicode.h.

#include <cstdint>
#include <span>

namespace larder::text::internal {

// What a character is to the `tokenizers` package, as bits of a flag.
inline constexpr uint16_t kOther = 1;         // cleaning drops it
inline constexpr uint16_t kSpace = 2;         // parts words
inline constexpr uint16_t kPunctuation = 4;   // is a word of its own
inline constexpr uint16_t kNonspacing = 8;    // what BertNormalizer strips
inline constexpr uint16_t kMark = 16;         // what StripAccents strips
inline constexpr uint16_t kWord = 32;         // \w of a regular expression
inline constexpr uint16_t kChinese = 64;      // gets spaces around it
inline constexpr uint16_t kLowers = 128;      // has a lower case form
inline constexpr uint16_t kDecomposes = 256;  // has a canonical decomposition
inline constexpr uint16_t kReorders = 512;    // has a combining class other than 0

// The characters from `first` to before the next run have these flags, of which the first six.
struct FlagRun {
  uint32_t first;
  uint16_t flags;
};
// `to` is padded with zeros, here and below.
struct Lowercase {
  uint32_t from;
  char32_t to[2];
};
struct Decomposition {
  uint32_t from;
  char32_t to[4];
};
struct CombiningClass {
  uint32_t of;
  uint8_t number;
};

// Each in ascending order of characters.
std::span<const FlagRun> FlagRuns();
std::span<const Lowercase> Lowercases();
std::span<const Decomposition> Decompositions();
std::span<const CombiningClass> CombiningClasses();

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_WORDPIECE_UNICODE_TABLES_H_
