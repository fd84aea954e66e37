// SPDX-License-Identifier: Apache-2.0
#include "tests/text/sentencepiece/model_forging.h"

#include <array>
#include <cstdio>
#include <set>

#include "base/bytes.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"

namespace larder::text {
namespace {

using internal::ModelType;
using internal::PieceType;

constexpr std::array<std::string_view, 6> kCharacters = {"a",      "b",      "c",
                                                         "\u2581", "\u00e9", "\u4e2d"};

PieceType RandomType(std::mt19937_64& random) {
  switch (random() % 12) {
    case 0: return PieceType::kUserDefined;
    case 1: return PieceType::kUnused;
    default: return PieceType::kNormal;
  }
}

// Spaces at the beginning only, at the end only, or anywhere.
std::string RandomPiece(std::mt19937_64& random, uint64_t spaces) {
  std::string text;
  const uint64_t size = 1 + random() % 4;
  if (spaces == 0 && random() % 3 == 0) text = internal::kSpaceSymbol;
  for (uint64_t i = 0; i < size; ++i) {
    const bool any = spaces == 2 || random() % 10 == 0;
    const std::string_view c = kCharacters[random() % (any ? kCharacters.size() : 3)];
    if (c != internal::kSpaceSymbol || spaces == 2) text += c;
  }
  if (spaces == 1 && random() % 3 == 0) text += internal::kSpaceSymbol;
  return text;
}

}  // namespace

std::string NumberField(int number, uint64_t value) {
  std::string out;
  ByteWriter writer(out);
  writer.Varint(static_cast<uint64_t>(number) << 3);
  writer.Varint(value);
  return out;
}

std::string BytesField(int number, std::string_view bytes) {
  std::string out;
  ByteWriter writer(out);
  writer.Varint(static_cast<uint64_t>(number) << 3 | 2);
  writer.String(bytes);
  return out;
}

std::string PieceField(std::string_view text, float score, PieceType type) {
  std::string piece = BytesField(1, text);
  piece.push_back(0x15);
  ByteWriter(piece).Fixed(score);
  return BytesField(1, piece + NumberField(3, static_cast<uint64_t>(type)));
}

std::string SpecFields(const ForgedSpecs& specs) {
  std::string normalizer;
  if (!specs.charsmap.empty()) normalizer = BytesField(2, specs.charsmap);
  normalizer += NumberField(3, specs.add_dummy_prefix);
  normalizer += NumberField(4, specs.remove_extra_whitespaces);
  normalizer += NumberField(5, specs.escape_whitespaces);
  return Concat(BytesField(2, Concat(NumberField(3, static_cast<uint64_t>(specs.type)),
                                     NumberField(24, specs.treat_whitespace_as_suffix),
                                     NumberField(35, specs.byte_fallback))),
                BytesField(3, normalizer));
}

std::string BytePieceFields() {
  std::string fields;
  for (unsigned byte = 0; byte < 256; ++byte) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", byte);
    fields += PieceField(text, 0, PieceType::kByte);
  }
  return fields;
}

std::string CharsMap(const std::vector<uint32_t>& units) {
  std::string map;
  ByteWriter writer(map);
  writer.Fixed(static_cast<uint32_t>(units.size() * 4));
  for (const uint32_t unit : units) writer.Fixed(unit);
  map.push_back('\0');
  return map;
}

std::unique_ptr<const Tokenizer> TokenizerOf(std::span<const std::string> pieces) {
  std::string model = SpecFields({}) + PieceField("<unk>", 0, PieceType::kUnknown);
  for (const std::string& piece : pieces) model += PieceField(piece, -1, PieceType::kNormal);
  auto tokenizer = OpenSentencePiece(model, "forged");
  LARDER_CHECK(tokenizer.ok());
  return *std::move(tokenizer);
}

std::string RandomModel(std::mt19937_64& random) {
  const auto flag = [&] { return random() % 2 == 0; };
  ForgedSpecs specs;
  specs.type = flag() ? ModelType::kUnigram : ModelType::kBpe;
  specs.byte_fallback = random() % 4 == 0;
  specs.treat_whitespace_as_suffix = random() % 4 == 0;
  specs.add_dummy_prefix = random() % 4 != 0;
  specs.remove_extra_whitespaces = flag();
  specs.escape_whitespaces = random() % 8 != 0;
  const uint64_t spaces =
      random() % 4 == 0 ? 2 : static_cast<uint64_t>(specs.treat_whitespace_as_suffix);
  const bool plain = flag();  // no user-defined or unused pieces
  // Sums of these tie, or nearly do.
  const float unit = flag() ? 0.1f : 1.0f;
  std::string model = SpecFields(specs) + PieceField("<unk>", 0, PieceType::kUnknown) +
                      PieceField("<s>", 0, PieceType::kControl);
  if (specs.byte_fallback) model += BytePieceFields();
  std::set<std::string> texts;
  for (uint64_t count = 3 + random() % 40; count > 0; --count) {
    const std::string text = RandomPiece(random, spaces);
    if (text.empty() || !texts.insert(text).second) continue;
    const float score = -unit * static_cast<float>(1 + random() % 30);
    model += PieceField(text, score, plain ? PieceType::kNormal : RandomType(random));
  }
  if (texts.empty()) model += PieceField("a", -1, PieceType::kNormal);
  return model;
}

std::string RandomTextForModel(std::mt19937_64& random, size_t words) {
  std::string text;
  for (uint64_t count = random() % (words + 1); count > 0; --count) {
    for (uint64_t i = random() % 9; i > 0; --i) {
      text += kCharacters[random() % 20 == 0 ? random() % kCharacters.size() : random() % 3];
    }
    text.append(random() % 12 == 0 ? random() % 4 : 1, ' ');
  }
  if (random() % 2 == 0 && text.ends_with(' ')) text.pop_back();
  return text;
}

}  // namespace larder::text
