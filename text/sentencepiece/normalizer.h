// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_NORMALIZER_H_
#define LARDER_TEXT_SENTENCEPIECE_NORMALIZER_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "text/sentencepiece/charsmap.h"
#include "text/sentencepiece/model.h"
#include "text/sentencepiece/piece_trie.h"

namespace larder::text::internal {

// Turns a text into the form that the pieces of a model are written in: replaces characters by the
// model's rules, bytes that are not UTF-8 by U+FFFD, spaces by U+2581, and drops spaces that do not
// count. User-defined symbols stay as they are.
//
// Thread-safety: thread-safe.
// Source: normalizer.cc of SentencePiece 0.1.97, whose output this is byte for byte.
class Normalizer {
 public:
  // Errors: kDataLoss naming `name` for a charsmap that CharsMap::Open refuses, or for more than 64
  //         user-defined symbols that begin one another.
  static StatusOr<Normalizer> Create(const Model& model, std::string_view name);

  // Replaces `out`, which is UTF-8 and at most 32 times as long as the text, plus a space.
  void Normalize(std::string_view text, std::string& out) const;
  // The same; origin[i] is the place in the text that byte i of `out` came from, for the end of
  // `out` too. Empty for an empty `out` that has no origin.
  void Normalize(std::string_view text, std::string& out, std::vector<uint32_t>& origin) const;

  // True for ASCII characters that are a space wherever they stand, so that what is before one and
  // what is after one are normalised independently of each other.
  bool IsSeparator(unsigned char c) const { return separators_[c]; }
  // Replaces `out` by the text with a space for each separator, which changes nothing else.
  void SpaceSeparators(std::string_view text, std::string& out) const;
  // Appends what becomes of a part of a text between two separators (or ends of the text), without
  // regard to spaces: those that rules make are there as they are. Returns false if U+2581 is too.
  bool NormalizeChunk(std::string_view chunk, std::string& out) const;

  // The user-defined symbols, as a tree; null if there are none.
  const PieceTrie* user_symbols() const { return has_user_symbols_ ? &user_symbols_ : nullptr; }

 private:
  // What a text begins with: the bytes to be replaced, and by what.
  struct Prefix {
    std::string_view text;
    size_t length;
  };

  Normalizer() = default;
  Status TakeUserSymbols(const Model& model, std::string_view name,
                         std::array<bool, 256>& in_symbols);
  void DescribeAscii(const std::array<bool, 256>& in_symbols);
  Prefix FirstOf(std::string_view text) const;
  template <typename Origins>
  void Run(std::string_view text, std::string& out, Origins& origins) const;

  CharsMap charsmap_;
  PieceTrie user_symbols_;
  bool has_user_symbols_ = false;
  bool remove_extra_whitespaces_ = true;
  bool prefix_ = true;   // a space is put before the text
  bool suffix_ = false;  // a space is put after the text
  std::string_view space_ = kSpaceSymbol;
  bool escape_ = true;
  std::array<bool, 256> separators_{};
  // Bytes with a space for separators; and whether there are such beyond the space.
  std::array<char, 256> spaced_{};
  bool has_high_separators_ = false;
  // The character that becomes of an ASCII character when ASCII or nothing follows; 0 where it is
  // not one character.
  std::array<char, 128> plain_{};
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_NORMALIZER_H_
