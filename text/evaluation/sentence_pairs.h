// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_EVALUATION_SENTENCE_PAIRS_H_
#define LARDER_TEXT_EVALUATION_SENTENCE_PAIRS_H_

#include <cstdint>
#include <span>
#include <string>

#include "base/status.h"
#include "text/encoder.h"

namespace larder::text {

// Two texts and how alike people find them; only the order of the scores counts.
struct ScoredPair {
  std::string first;
  std::string second;
  double score = 0;
};

// Spearman's rank correlation of cosines with the given scores.
struct PairEvaluation {
  uint64_t pairs = 0;
  double encoder = 0;
  double tfidf = 0;  // inverse document frequencies from these very texts
  double words = 0;  // word counts
};

// Measures an encoder on scored pairs, as the STS benchmark does, beside TF-IDF and a bag of words.
// Errors: kInvalidArgument for fewer than 2 pairs or a score that is not finite.
StatusOr<PairEvaluation> EvaluatePairs(const Encoder& encoder, std::span<const ScoredPair> pairs);

}  // namespace larder::text

#endif  // LARDER_TEXT_EVALUATION_SENTENCE_PAIRS_H_
