// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_CHARSMAP_H_
#define LARDER_TEXT_SENTENCEPIECE_CHARSMAP_H_

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace larder::text::internal {

// The replacement rules of a normaliser: a "precompiled charsmap".
//
// Format: u32 size in bytes of a double array, its units (u32), NUL-terminated replacements. The
// children of unit i are at i XOR offset(i) XOR label; a child whose label does not match is not
// there; the child of label 0 of a unit with a rule is no unit but the place of its replacement.
//
// Thread-safety: thread-safe.
// Source: normalizer.cc of SentencePiece 0.1.97, third_party/darts_clone.
class CharsMap {
 public:
  struct Match {
    size_t length = 0;  // bytes of the text that the rule replaces; 0: there is no rule
    std::string_view replacement;
  };

  // Without rules.
  CharsMap() = default;

  // Checks bytes that are not trusted; `name` and `what` are for messages.
  //
  // Checked: that every transition stays inside the array and every rule inside the replacements;
  // that there is no cycle, no rule of more than 4,096 bytes and no more than 32 rules that begin
  // one another (the library keeps them in an array of that size); that replacements are UTF-8 and
  // at most 32 times as long as what they replace, so that no text explodes.
  // Errors: kDataLoss.
  // Cost: some 768 steps per unit, of at most a million; 10 ms for nmt_nfkc.
  static StatusOr<CharsMap> Open(std::string_view bytes, std::string_view name,
                                 std::string_view what);

  // The longest rule that `text` begins with.
  Match Find(std::string_view text) const;

  // Calls `visit` with every rule, in order of the bytes that it replaces. Only for rules that are
  // trusted: forged ones can have very many that share their table's units.
  void ForEach(const std::function<void(std::string_view, std::string_view)>& visit) const;

  // The replacement of the one-byte rule of an ASCII character; the character if there is none.
  std::string_view OfAscii(unsigned char c) const { return ascii_[c]; }
  // True if no rule that begins with this ASCII character has another ASCII character next, so that
  // OfAscii is what becomes of it wherever ASCII or nothing follows.
  bool AsciiIsPlain(unsigned char c) const { return !goes_on_in_ascii_[c]; }
  // True if no rule has this byte except the one that consists of it.
  bool StandsAlone(unsigned char c) const { return !in_longer_rule_[c]; }

 private:
  friend class CharsMapCheck;

  static uint32_t Offset(uint32_t unit) { return (unit >> 10) << ((unit & (1u << 9)) >> 6); }
  static bool HasRule(uint32_t unit) { return ((unit >> 8) & 1) != 0; }
  static bool HasLabel(uint32_t unit, unsigned char c) { return (unit & 0x800000ffu) == c; }
  static uint32_t Value(uint32_t unit) { return unit & 0x7fffffffu; }

  void DescribeAscii();
  void ForEachBelow(uint32_t unit, std::string& path,
                    const std::function<void(std::string_view, std::string_view)>& visit) const;

  std::vector<uint32_t> units_;
  std::string replacements_;
  std::array<std::string, 128> ascii_ = Identity();
  std::array<bool, 128> goes_on_in_ascii_{};
  std::array<bool, 256> in_longer_rule_{};

  static std::array<std::string, 128> Identity();
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_CHARSMAP_H_
