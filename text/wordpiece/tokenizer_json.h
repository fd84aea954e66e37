// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_WORDPIECE_TOKENIZER_JSON_H_
#define LARDER_TEXT_WORDPIECE_TOKENIZER_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "text/wordpiece/added_tokens.h"
#include "text/wordpiece/bert_normalizer.h"

namespace larder::text::internal {

inline constexpr int32_t kMaxWordPieces = 1'000'000;
inline constexpr size_t kMaxAddedTokens = 10'000;

// What a tokenizer.json with a WordPiece model says.
struct WordPieceModel {
  // Pieces with the same text or id there are not; ids are below kMaxWordPieces, maybe with gaps.
  std::vector<std::pair<std::string, int32_t>> pieces;
  std::string unknown;  // one of the pieces
  std::string prefix;   // of pieces that continue a word
  // Longer words, counted in characters, are unknown as a whole.
  uint64_t max_word_chars = 0;
  std::vector<NormalizerStep> steps;
  std::vector<AddedToken> added;  // some are pieces too; contents as the file has them
  std::vector<int32_t> before;    // the symbols around a text
  std::vector<int32_t> after;
  int32_t vocab_size = 0;  // the largest id, of pieces and added tokens, plus 1
};

// Reads a tokenizer.json of the `tokenizers` package from untrusted bytes; `file` is for messages.
// What it says about padding, truncation and decoding is not looked at.
// Errors: kDataLoss naming `file` and what is wrong; kUnimplemented naming the model, normaliser,
//         splitter or processor that there is not.
StatusOr<WordPieceModel> ParseTokenizerJson(std::string_view bytes, std::string_view file);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_WORDPIECE_TOKENIZER_JSON_H_
