// SPDX-License-Identifier: Apache-2.0
#include "text/training/piece_parts.h"

#include <cmath>
#include <string>
#include <string_view>
#include <unordered_map>

#include "text/sentencepiece/utf8.h"

namespace larder::text::internal {
namespace {

constexpr size_t kFewestLetters = 2;
constexpr size_t kMostLetters = 4;
// Length of the weights of letters by the weight of the piece itself.
constexpr float kLettersByOwn = 3;

// All letters in a row that a piece has, its end being one of them.
std::vector<std::string> LettersOf(std::string_view piece) {
  if (piece.empty()) return {};
  std::string text(piece);
  text += '\n';  // in no piece
  std::vector<size_t> begins;
  for (size_t at = 0; at < text.size(); at += CharacterLength(std::string_view(text).substr(at))) {
    begins.push_back(at);
  }
  begins.push_back(text.size());
  std::vector<std::string> all;
  for (size_t first = 0; first < begins.size(); ++first) {
    for (size_t last = first + kFewestLetters;
         last <= first + kMostLetters && last < begins.size(); ++last) {
      all.push_back(text.substr(begins[first], begins[last] - begins[first]));
    }
  }
  return all;
}

struct Letters {
  uint32_t uses = 0;    // by pieces
  uint32_t vector = 0;  // 0: none yet
};

// Scales the weights of a piece's letters, all but the first.
void ScaleWeights(std::span<PieceParts::Part> parts) {
  float square = 0;
  for (const PieceParts::Part& part : parts.subspan(1)) square += part.weight * part.weight;
  if (!(square > 0)) return;
  const float own = 1 / std::sqrt(1 + kLettersByOwn * kLettersByOwn);
  parts[0].weight = own;
  for (PieceParts::Part& part : parts.subspan(1)) {
    part.weight *= own * kLettersByOwn / std::sqrt(square);
  }
}

}  // namespace

PieceParts WholePieces(size_t pieces) {
  PieceParts whole;
  for (; whole.vectors < pieces; ++whole.vectors) {
    whole.parts.push_back({static_cast<uint32_t>(whole.vectors), 1.0f});
    whole.begin.push_back(whole.parts.size());
  }
  return whole;
}

PieceParts PiecesByLetters(const Tokenizer& tokenizer, size_t more) {
  std::unordered_map<std::string, Letters> letters;
  const int32_t vocab = tokenizer.vocab_size();
  for (int32_t id = 0; id < vocab; ++id) {
    for (std::string& text : LettersOf(tokenizer.piece(id))) ++letters[std::move(text)].uses;
  }
  PieceParts result;
  result.vectors = static_cast<size_t>(vocab) + more;
  for (size_t piece = 0, pieces = result.vectors; piece < pieces; ++piece) {
    const size_t first = result.parts.size();
    result.parts.push_back({static_cast<uint32_t>(piece), 1.0f});
    for (const std::string& text : LettersOf(tokenizer.piece(static_cast<int32_t>(piece)))) {
      Letters& shared = letters.find(text)->second;
      if (shared.uses < 2) continue;
      if (shared.vector == 0) shared.vector = static_cast<uint32_t>(result.vectors++);
      const auto rarity = std::log(static_cast<float>(vocab) / static_cast<float>(shared.uses));
      result.parts.push_back({shared.vector, rarity});
    }
    ScaleWeights(std::span(result.parts).subspan(first));
    result.begin.push_back(result.parts.size());
  }
  return result;
}

}  // namespace larder::text::internal
