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
// Trust in a word: no piece crosses its ends, so no merge does; inside of it, score and the order
// from left to right are what they are in a text. Only a piece of type "unused" is different: where
// one is left over, it is taken apart again as it was last put together, anywhere in the text. So a
// word in which one was considered is not trusted.
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
  struct Work;

  explicit Bpe(const PieceTrie* user_symbols) : user_symbols_(user_symbols) {}
  static Work& ThreadWork();
  void Split(std::string_view text, Work& work) const;
  void Consider(std::string_view text, int32_t left, int32_t right, Work& work) const;
  void Merge(std::string_view text, Work& work) const;
  void TakeApart(std::string_view text, uint32_t begin, uint32_t end, Work& work,
                 std::vector<Piece>& pieces) const;
  bool Run(std::string_view text, std::vector<Piece>& pieces) const;

  PieceTrie trie_;
  const PieceTrie* user_symbols_;  // null: there are none
  std::vector<bool> unused_;       // by id
  int32_t unknown_id_ = 0;
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_BPE_H_
