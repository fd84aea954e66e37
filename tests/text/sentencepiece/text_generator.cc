// SPDX-License-Identifier: Apache-2.0
#include "tests/text/sentencepiece/text_generator.h"

#include <array>
#include <string_view>
#include <utility>

namespace larder::text {
namespace {

// Blocks in which normalisers and scripts differ.
constexpr std::array<std::pair<uint32_t, uint32_t>, 26> kBlocks = {{
    {0x0000, 0x0080}, {0x0080, 0x0100}, {0x0100, 0x0250}, {0x0300, 0x0370}, {0x0370, 0x0400},
    {0x0400, 0x0500}, {0x0590, 0x0700}, {0x0900, 0x0980}, {0x0e00, 0x0e80}, {0x1100, 0x1200},
    {0x1e00, 0x2000}, {0x2000, 0x2070}, {0x2070, 0x2200}, {0x2460, 0x2600}, {0x3000, 0x3100},
    {0x3130, 0x3400}, {0x4e00, 0x9fff}, {0xac00, 0xd7a4}, {0xe000, 0xe010}, {0xf900, 0xfb50},
    {0xfb50, 0xfe00}, {0xfe00, 0x10000}, {0x10000, 0x10400}, {0x1d400, 0x1d800},
    {0x1f300, 0x1fa00}, {0x20000, 0x110000},
}};

constexpr std::array<std::string_view, 20> kSpaces = {
    " ", " ", " ", " ", " ", " ", "  ", "   ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u2009",
    "\u200b", "\u200d", "\u2581", "\u00ad", "\ufeff", "\x0b",
};

constexpr std::array<std::string_view, 16> kOdd = {
    "\xff", "\xc3", "\xe2\x96", "\xf0\x9f\x98", "\x80", "\xed\xa0\x80", "\xc0\xaf",
    "\xf4\x90\x80\x80",
    "...", "***", "e\u0301", "A\u030a", "\ufdfa", "\u1112\u1161\u11ab", "<unk>", "<s>",
};

void AppendUtf8(std::string& text, uint32_t c) {
  const auto byte = [&](uint32_t b) { text.push_back(static_cast<char>(b)); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xc0 | c >> 6);
    byte(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    byte(0xe0 | c >> 12);
    byte(0x80 | (c >> 6 & 0x3f));
    byte(0x80 | (c & 0x3f));
  } else {
    byte(0xf0 | c >> 18);
    byte(0x80 | (c >> 12 & 0x3f));
    byte(0x80 | (c >> 6 & 0x3f));
    byte(0x80 | (c & 0x3f));
  }
}

}  // namespace

TextGenerator::TextGenerator(const Tokenizer& vocabulary, uint64_t seed) : random_(seed) {
  for (int32_t id = 0; id < vocabulary.vocab_size(); ++id) {
    pieces_.emplace_back(vocabulary.piece(id));
  }
}

std::string TextGenerator::Next() {
  std::string text;
  const uint64_t parts = Below(8) == 0 ? Below(60) : Below(12);
  for (uint64_t i = 0; i < parts; ++i) {
    AddPart(text);
    if (Below(3) != 0) AddSpace(text);
  }
  return text;
}

void TextGenerator::AddSpace(std::string& text) { text += kSpaces[Below(kSpaces.size())]; }

void TextGenerator::AddCharacter(std::string& text) {
  const auto [first, last] = kBlocks[Below(kBlocks.size())];
  AppendUtf8(text, first + static_cast<uint32_t>(Below(last - first)));
}

void TextGenerator::AddWord(std::string& text) {
  const uint64_t letters = 1 + Below(10);
  // Few letters make words that a vocabulary has.
  const uint64_t alphabet = Below(2) == 0 ? 4 : 26;
  for (uint64_t i = 0; i < letters; ++i) {
    text.push_back(static_cast<char>((Below(12) == 0 ? 'A' : 'a') + Below(alphabet)));
  }
}

void TextGenerator::AddPart(std::string& text) {
  switch (Below(10)) {
    case 0:
    case 1: return AddCharacter(text);
    case 2: {
      const auto [first, last] = kBlocks[Below(kBlocks.size())];
      for (uint64_t i = Below(6); i > 0; --i) {
        AppendUtf8(text, first + static_cast<uint32_t>(Below(last - first)));
      }
      return;
    }
    case 3: text += kOdd[Below(kOdd.size())]; return;
    case 4: text.append(Below(30), static_cast<char>(' ' + Below(95))); return;
    case 5: text.push_back(static_cast<char>(Below(256))); return;
    case 6: return AddWord(text);
    default: {
      std::string piece = pieces_[Below(pieces_.size())];
      // As it would stand in a text, mostly.
      if (piece.starts_with("\u2581") && Below(4) != 0) piece.replace(0, 3, " ");
      text += piece;
      return;
    }
  }
}

}  // namespace larder::text
