// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_EVALUATION_EVALUATE_H_
#define LARDER_TEXT_EVALUATION_EVALUATE_H_

#include <cstdint>
#include <span>

#include "base/status.h"
#include "text/document.h"
#include "text/encoder.h"
#include "text/progress.h"

namespace larder::text {

struct EvaluationOptions {
  // Samples drawn with `seed`; each 1 to 100,000. Time grows with queries * documents.
  uint64_t max_known_item_queries = 1'000;
  uint64_t max_tag_queries = 500;
  // At most so many documents are searched, 2 to 1,000,000.
  uint64_t max_documents = 200'000;
  uint64_t seed = 1;
};

// Shares of queries whose own item came first, and among the first ten.
struct Recall {
  double at_1 = 0;
  double at_10 = 0;
};

struct Evaluation {
  uint64_t documents = 0;

  // Known-item retrieval: the first sentence of an item's content finds its title among all.
  uint64_t known_item_queries = 0;
  Recall encoder;
  Recall tfidf;

  // Of the ten nearest items (by title and content) of a tagged item among all tagged ones: the
  // share that has a tag in common with it. Zero queries when fewer than 20 items have tags.
  uint64_t tagged_documents = 0;
  uint64_t tag_queries = 0;
  double tag_share_encoder = 0;
  double tag_share_tfidf = 0;
  double tag_share_random = 0;  // the expectation over all other tagged items
};

// Measures an encoder beside TF-IDF over words on the same queries.
//
// Order: the same documents, encoder and options give the same numbers. Ties go to the item that
// comes first, for both methods.
// Errors: kInvalidArgument for options out of range or fewer than 2 documents.
// Cost: O(documents * (text + queries * dimensions)): some 15 s for 63,000 items, one core.
StatusOr<Evaluation> EvaluateEncoder(const Encoder& encoder, std::span<const Document> documents,
                                     const EvaluationOptions& options,
                                     const Progress& progress = {});

}  // namespace larder::text

#endif  // LARDER_TEXT_EVALUATION_EVALUATE_H_
