// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_EVALUATION_EVALUATE_H_
#define LARDER_TEXT_EVALUATION_EVALUATE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "text/document.h"
#include "text/encoder.h"
#include "text/evaluation/figures.h"
#include "text/progress.h"

namespace larder::text {

// Which sentence of a content asks for its item: the first one, or one that is drawn.
enum class QuerySentence { kFirst, kAny };

struct EvaluationOptions {
  // Samples drawn with `seed`; each 1 to 100,000. Time grows with queries * documents.
  uint64_t max_known_item_queries = 1'000;
  uint64_t max_tag_queries = 500;
  // At most so many documents are searched, 2 to 1,000,000.
  uint64_t max_documents = 1'000'000;
  QuerySentence sentence = QuerySentence::kFirst;
  // Asks only for the so many newest of them (by Document::time, ties by their order); 0: for all.
  uint64_t newest = 0;
  // Asks only for these documents, by their numbers, ascending; empty: for all.
  std::vector<size_t> asked = {};
  uint64_t seed = 1;
};

struct Evaluation {
  uint64_t documents = 0;

  // Known-item retrieval: a sentence of an item's content finds its title among all. Items without
  // a title ask nothing.
  uint64_t known_item_queries = 0;
  Retrieval encoder;
  Retrieval tfidf;
  Retrieval bm25;

  // Of the ten nearest items (by title and content) of a tagged item among all tagged ones: the
  // share that has a tag in common with it. Zero queries when fewer than 20 items have tags.
  uint64_t tagged_documents = 0;
  uint64_t tag_queries = 0;
  double tag_share_encoder = 0;
  double tag_share_tfidf = 0;
  double tag_share_random = 0;  // the expectation over all other tagged items
};

// Measures an encoder beside TF-IDF and BM25 over words on the same queries.
//
// Order: the same documents, encoder and options give the same numbers, on any number of threads.
// Ties go to the item that comes first, for all methods.
// Errors: kInvalidArgument for options out of range or fewer than 2 documents.
// Cost: O(documents * (text + queries * dimensions)): some 10 s for 63,000 items and 1,000 queries,
// a minute for 200,000 and 10,000, on two cores.
StatusOr<Evaluation> EvaluateEncoder(const Encoder& encoder, std::span<const Document> documents,
                                     const EvaluationOptions& options,
                                     const Progress& progress = {});

namespace internal {

// Which documents, by number and ascending, are the `count` newest.
std::vector<size_t> Newest(std::span<const Document* const> documents, uint64_t count);

// `asked` holds numbers of `documents`.
Status MeasureKnownItems(const Encoder& encoder, std::span<const Document* const> documents,
                         std::span<const size_t> asked, const EvaluationOptions& options,
                         const Progress& progress, Evaluation& result);
Status MeasureTags(const Encoder& encoder, std::span<const Document* const> documents,
                   const EvaluationOptions& options, const Progress& progress, Evaluation& result);

}  // namespace internal
}  // namespace larder::text

#endif  // LARDER_TEXT_EVALUATION_EVALUATE_H_
