// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_BPE_H_
#define LARDER_TEXT_SENTENCEPIECE_BPE_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "text/sentencepiece/model.h"
#include "text/sentencepiece/piece_trie.h"
#include "text/sentencepiece/segmenter.h"

namespace larder::text::internal {

// Byte pair encoding as SentencePiece 0.1.97 does it: a text begins as characters and user-defined
// symbols; the two neighbours whose concatenation is the piece with the highest score are merged,
// the leftmost of equals, until none is a piece. User-defined symbols take no part.
//
// The order of merges is all that counts. Merges that wait in a heap may have become impossible; a
// merge that is possible has the neighbours as they are now, and there is only one such of a left
// neighbour. So equal (score, left) never decides between two, and how the library's heap orders
// them does not matter.
//
// Words: where no piece crosses from one word into the next (PiecesKeepToWords), no merge does, and
// inside a word score and the order from left to right are what they are in the text. So words are
// split one by one. Only a piece of type "unused" is different: where one is left over, it is taken
// apart again as it was last considered, anywhere in the text. So a word in which one was
// considered is not trusted, and of a model that has any, texts are split as a whole.
//
// Source: bpe_model.cc of SentencePiece 0.1.97.
class Bpe final : public Segmenter {
 public:
  // Errors: those of PieceTrie::Build.
  static StatusOr<Bpe> Create(const Model& model, const PieceTrie* user_symbols,
                              std::string_view name);

  void Segment(std::string_view text, std::vector<Piece>& pieces) const override;
  WordTrust SegmentWord(std::string_view word, std::vector<Piece>& pieces) const override;

 private:
  explicit Bpe(const PieceTrie* user_symbols) : user_symbols_(user_symbols) {}
  size_t EndOfWord(std::string_view text, size_t begin) const;

  PieceTrie trie_;
  const PieceTrie* user_symbols_;  // null: there are none
  std::vector<bool> unused_;       // by id
  int32_t unknown_id_ = 0;
  bool by_words_ = false;
  bool suffix_ = false;  // words end with a space, they do not begin with one
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_BPE_H_
