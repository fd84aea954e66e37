// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_TOKENIZER_TRAINER_H_
#define LARDER_TEXT_SENTENCEPIECE_TOKENIZER_TRAINER_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "text/progress.h"

namespace larder::text {

enum class TokenizerModel { kUnigram, kBpe };

struct TokenizerTrainingOptions {
  TokenizerModel model = TokenizerModel::kUnigram;
  // Pieces wanted, 32 to 500,000; a small corpus may yield fewer. 16,000 suits a catalog of one
  // language; a larger one makes shorter token sequences and a larger table.
  int32_t vocab_size = 16'000;
  // At most so many lines (1 to 10,000,000) are used, drawn with `seed` when there are more:
  // time and memory grow with them, quality hardly does beyond some 50,000.
  uint64_t max_sentences = 60'000;
  // Share of all characters that get pieces of their own, 0.98 to 1; the rest is unknown.
  double character_coverage = 0.9995;
  // Lower-cases and folds compatibility characters (NFKC) before splitting.
  bool fold_case = true;
  // Punctuation but '#' and '+' is a space, so that "(GNN)" is the word that "GNN" is.
  bool drop_punctuation = true;
  uint64_t seed = 1;
};

// Trains a SentencePiece model and returns its bytes, as Tokenizer::Open takes them. Texts are
// cut into lines; of each line the first 2,000 bytes count.
//
// Progress: one stage of one step. The library works for long without a word, so `progress` is
// told again and again, every second at first, that nothing is done yet.
// Order: the same texts, options and library give the same bytes on one machine.
// Errors: kInvalidArgument for options out of range, or a corpus that is too small for them.
// Cost: about 20 s for 60,000 lines of 200 bytes on two cores; the library uses two threads.
//       Memory: 16 bytes per line of the texts, and what the library takes for the lines used.
StatusOr<std::string> TrainTokenizer(std::span<const std::string_view> texts,
                                     const TokenizerTrainingOptions& options,
                                     const Progress& progress = {});

}  // namespace larder::text

#endif  // LARDER_TEXT_SENTENCEPIECE_TOKENIZER_TRAINER_H_
