// SPDX-License-Identifier: Apache-2.0
#include "text/evaluation/evaluate.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "text/internal/check_range.h"
#include "text/internal/random.h"

namespace larder::text {

StatusOr<Evaluation> EvaluateEncoder(const Encoder& encoder, std::span<const Document> documents,
                                     const EvaluationOptions& options, const Progress& progress) {
  LARDER_RETURN_IF_ERROR(internal::CheckRange("max_known_item_queries",
                                              options.max_known_item_queries, 1, 100'000));
  LARDER_RETURN_IF_ERROR(
      internal::CheckRange("max_tag_queries", options.max_tag_queries, 1, 100'000));
  LARDER_RETURN_IF_ERROR(
      internal::CheckRange("max_documents", options.max_documents, 2, 1'000'000));
  if (documents.size() < 2) {
    return InvalidArgument(documents.size(), " documents, expected at least 2 to choose from");
  }
  std::vector<const Document*> sample;
  std::vector<size_t> asked;
  for (const size_t i :
       internal::SampleIndices(documents.size(), options.max_documents, options.seed)) {
    if (options.asked.empty() ||
        std::binary_search(options.asked.begin(), options.asked.end(), i)) {
      asked.push_back(sample.size());
    }
    sample.push_back(&documents[i]);
  }
  if (options.newest > 0) {
    const std::vector<size_t> newest = internal::Newest(sample, options.newest);
    std::vector<size_t> both;
    std::set_intersection(asked.begin(), asked.end(), newest.begin(), newest.end(),
                          std::back_inserter(both));
    asked = std::move(both);
  }
  Evaluation result;
  result.documents = sample.size();
  LARDER_RETURN_IF_ERROR(
      internal::MeasureKnownItems(encoder, sample, asked, options, progress, result));
  LARDER_RETURN_IF_ERROR(internal::MeasureTags(encoder, sample, options, progress, result));
  return result;
}

}  // namespace larder::text
