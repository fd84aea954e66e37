// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_EVALUATION_RELATED_ITEMS_H_
#define LARDER_TEXT_EVALUATION_RELATED_ITEMS_H_

#include <cstdint>
#include <span>

#include "base/clock.h"
#include "base/status.h"
#include "text/document.h"
#include "text/encoder.h"
#include "text/evaluation/figures.h"
#include "text/progress.h"

namespace larder::text {

struct RelatedOptions {
  // The last so many of all interactions, by time, are the test period; 0.01 to 0.9.
  double test_share = 0.2;
  // Questions drawn with `seed`, 1 to 100,000.
  uint64_t max_queries = 5'000;
  uint64_t seed = 1;
};

// Means over questions of the share of the right items among the ten nearest: found / min(10,
// right).
struct RelatedFigures {
  uint64_t queries = 0;
  uint64_t users = 0;
  uint64_t items = 0;  // searched
  double encoder = 0;
  double tfidf = 0;
  double bm25 = 0;
  // Of encoder minus TF-IDF, from the same questions, whole users drawn again.
  Interval difference;
};

struct RelatedEvaluation {
  TimeUs split = 0;  // the test period begins here
  RelatedFigures all;
  // Only items that nobody engaged with before the split are right, and only those are searched:
  // what co-engagement cannot know.
  RelatedFigures cold;
};

// The time at which the last `test_share` of the interactions begin; the greatest time for none.
TimeUs SplitTime(std::span<const Interaction> interactions, double test_share);

// Related-item retrieval: an item that a user engages with in the test period is asked about; right
// are the other items that the same user engages with later in it. Items are searched by title and
// content. The encoder must not have seen the interactions of the test period for this to mean
// anything: train on those before SplitTime.
//
// Order: the same input gives the same numbers, on any number of threads.
// Errors: kInvalidArgument for options out of range, an item that is no document, or interactions
//         that ask no question.
// Cost: O(documents * (text + queries * dimensions)).
StatusOr<RelatedEvaluation> EvaluateRelated(const Encoder& encoder,
                                            std::span<const Document> documents,
                                            std::span<const Interaction> interactions,
                                            const RelatedOptions& options,
                                            const Progress& progress = {});

}  // namespace larder::text

#endif  // LARDER_TEXT_EVALUATION_RELATED_ITEMS_H_
