// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_UNIGRAM_H_
#define LARDER_TEXT_SENTENCEPIECE_UNIGRAM_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "text/sentencepiece/model.h"
#include "text/sentencepiece/piece_trie.h"
#include "text/sentencepiece/segmenter.h"

namespace larder::text::internal {

// The split with the highest sum of scores (Viterbi), as SentencePiece 0.1.97 rounds it: scores
// are added in double from the text's beginning, kept as float, and the first of equals stays.
//
// Trust in a word. The rounding depends on all that is before the word, so two splits that are
// close may be decided otherwise inside a text. Let the word's best split P be better than every
// other by `gap`, let no score be positive, A be at least what the text's score has lost at the
// word's end, m the word's characters. A float of that size is rounded by at most A / 2^24, a split
// has at most m roundings, so the float sums of P and of the text's choice Q are within
// m * A / 2^24 of the exact ones. Choosing the larger float sum at every place never loses to P
// (adding and rounding keep order), so sum(Q) >= sum(P) - 2 * m * A / 2^24: if gap > m * A / 2^23,
// Q is P. With a factor of 4 for the roundings of A (of at most 8 Mi characters) and of gap itself:
// limit = gap * 2^21 / m. The gap is the smallest, over the places at which P's pieces end, between
// the best and the second best way there: another split last leaves P before some such place, and
// then does no better.
//
// Source: Model::EncodeOptimized in unigram_model.cc of SentencePiece 0.1.97.
class Unigram final : public Segmenter {
 public:
  // Errors: those of PieceTrie::Build.
  static StatusOr<Unigram> Create(const Model& model, std::string_view name);

  void Segment(std::string_view text, std::vector<Piece>& pieces) const override;
  WordTrust SegmentWord(std::string_view word, std::vector<Piece>& pieces) const override;

 private:
  // The best way from the beginning of the text to a place in it.
  struct Way {
    float score;
    float second;  // the score of the second best; only of words
    int32_t from;  // where its last piece begins; -1: there is no way
    int32_t id;
  };

  Unigram() = default;
  template <bool kWithSecond>
  void FindWays(std::string_view text, std::span<Way> ways) const;
  static void Follow(std::span<const Way> ways, std::vector<Piece>& pieces);

  PieceTrie trie_;
  std::vector<bool> user_defined_;  // by id
  bool any_user_defined_ = false;
  int32_t unknown_id_ = 0;
  float unknown_score_ = 0;
  float max_score_ = 0;
  bool trusts_words_ = false;
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_UNIGRAM_H_
