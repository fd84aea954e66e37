// SPDX-License-Identifier: Apache-2.0
#include "text/wordpiece/unicode.h"

#include <algorithm>
#include <map>

#include "base/bytes.h"
#include "base/status.h"

namespace larder::text::internal {
namespace {

constexpr uint32_t kCharacters = 0x110000;

// normalizers/bert.rs; 2B920 is what it has, where Unicode's block begins at 2B820.
constexpr std::array<std::array<uint32_t, 2>, 8> kChineseBlocks = {{{0x4E00, 0x9FFF},
                                                                    {0x3400, 0x4DBF},
                                                                    {0x20000, 0x2A6DF},
                                                                    {0x2A700, 0x2B73F},
                                                                    {0x2B740, 0x2B81F},
                                                                    {0x2B920, 0x2CEAF},
                                                                    {0xF900, 0xFAFF},
                                                                    {0x2F800, 0x2FA1F}}};

std::vector<uint16_t> FlagsOfAll() {
  std::vector<uint16_t> flags(kCharacters);
  const auto runs = FlagRuns();
  for (size_t i = 0; i < runs.size(); ++i) {
    const uint32_t end = i + 1 < runs.size() ? runs[i + 1].first : kCharacters;
    std::fill(flags.begin() + runs[i].first, flags.begin() + end, runs[i].flags);
  }
  const auto set = [&flags](uint32_t c, uint16_t flag) {
    flags[c] = static_cast<uint16_t>(flags[c] | flag);
  };
  for (const auto& [first, last] : kChineseBlocks) {
    for (uint32_t c = first; c <= last; ++c) set(c, kChinese);
  }
  for (const Lowercase& lower : Lowercases()) set(lower.from, kLowers);
  for (const Decomposition& parts : Decompositions()) set(parts.from, kDecomposes);
  for (const CombiningClass& combining : CombiningClasses()) set(combining.of, kReorders);
  for (uint32_t c = 0; c < kCharacters; ++c) {
    if (IsHangulSyllable(c)) set(c, kDecomposes);
  }
  return flags;
}

template <typename Entry, typename Key>
const Entry& Lookup(std::span<const Entry> entries, char32_t c, Key key) {
  const auto found =
      std::lower_bound(entries.begin(), entries.end(), c,
                       [&](const Entry& entry, char32_t wanted) { return key(entry) < wanted; });
  LARDER_CHECK(found != entries.end() && key(*found) == c);
  return *found;
}

}  // namespace

const Unicode& Unicode::Get() {
  static const Unicode unicode;
  return unicode;
}

Unicode::Unicode() {
  const std::vector<uint16_t> flags = FlagsOfAll();
  std::map<std::vector<uint16_t>, size_t> known;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    const auto begin = flags.begin() + static_cast<std::ptrdiff_t>(b * kBlock);
    const auto [found, added] =
        known.emplace(std::vector<uint16_t>(begin, begin + kBlock), known.size());
    if (added) values_.insert(values_.end(), begin, begin + kBlock);
    blocks_[b] = static_cast<uint16_t>(found->second);
  }
}

const Lowercase& LowercaseOf(char32_t c) {
  return Lookup(Lowercases(), c, [](const Lowercase& entry) { return entry.from; });
}

const Decomposition& DecompositionOf(char32_t c) {
  return Lookup(Decompositions(), c, [](const Decomposition& entry) { return entry.from; });
}

uint8_t CombiningClassOf(char32_t c) {
  return Lookup(CombiningClasses(), c, [](const CombiningClass& entry) { return entry.of; }).number;
}

// Source: the Unicode standard, section 3.12.
std::array<char32_t, 3> HangulParts(char32_t syllable) {
  const char32_t index = syllable - 0xAC00;
  const char32_t tail = index % 28;
  return {0x1100 + index / 588, 0x1161 + index % 588 / 28, tail == 0 ? 0 : 0x11A7 + tail};
}

char32_t PreviousChar(std::string_view text, size_t& at) {
  --at;
  while (at > 0 && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) --at;
  size_t place = at;
  return NextChar(text, place);
}

size_t AppendUtf8(char32_t c, std::string& out) {
  const auto tail = [&](int shift) {
    out.push_back(static_cast<char>(0x80 | ((c >> shift) & 0x3F)));
  };
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
    return 1;
  }
  if (c < 0x800) {
    out.push_back(static_cast<char>(0xC0 | (c >> 6)));
    tail(0);
    return 2;
  }
  if (c < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | (c >> 12)));
    tail(6);
    tail(0);
    return 3;
  }
  out.push_back(static_cast<char>(0xF0 | (c >> 18)));
  tail(12);
  tail(6);
  tail(0);
  return 4;
}

size_t Utf8Length(std::string_view text) {
  if (text.empty()) return 0;
  const auto first = static_cast<uint8_t>(text[0]);
  const size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  return length <= text.size() && IsUtf8(text.substr(0, length)) ? length : 0;
}

}  // namespace larder::text::internal
