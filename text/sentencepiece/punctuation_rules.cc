// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/punctuation_rules.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <string_view>
#include <utility>

#include "text/wordpiece/unicode.h"

namespace larder::text::internal {
namespace {

constexpr char32_t kCharacters = 0x110000;

bool IsDropped(char32_t c) {
  return c != U'#' && c != U'+' && Unicode::Get().is(c, kPunctuation);
}

std::u32string Characters(std::string_view utf8) {
  std::u32string characters;
  for (size_t at = 0; at < utf8.size();) characters.push_back(NextChar(utf8, at));
  return characters;
}

// Spaces for what is dropped, one for several in a row.
std::u32string WithoutPunctuation(std::u32string_view text) {
  std::u32string out;
  for (const char32_t c : text) {
    const char32_t kept = IsDropped(c) ? U' ' : c;
    if (kept != U' ' || !out.ends_with(U' ')) out.push_back(kept);
  }
  return out;
}

void AppendHex(std::u32string_view characters, std::string& out) {
  for (size_t i = 0; i < characters.size(); ++i) {
    char hex[12];
    std::snprintf(hex, sizeof(hex), "%s%x", i > 0 ? " " : "",
                  static_cast<unsigned>(characters[i]));
    out += hex;
  }
}

}  // namespace

std::string PunctuationAsSpace(const CharsMap& rules) {
  std::map<std::u32string, std::u32string> changed;
  rules.ForEach([&](std::string_view from, std::string_view to) {
    std::u32string characters = Characters(from);
    // '<' with a stroke through it is punctuation too.
    if (characters.size() > 1 && std::any_of(characters.begin(), characters.end(), IsDropped)) {
      return;
    }
    changed.emplace(std::move(characters), WithoutPunctuation(Characters(to)));
  });
  for (char32_t c = 1; c < kCharacters; ++c) {
    if (IsDropped(c)) changed.try_emplace(std::u32string(1, c), U" ");
  }
  std::string tsv;
  for (const auto& [from, to] : changed) {
    AppendHex(from, tsv);
    tsv += '\t';
    AppendHex(to, tsv);
    tsv += '\n';
  }
  return tsv;
}

}  // namespace larder::text::internal
