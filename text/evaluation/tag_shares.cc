// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/evaluation/evaluate.h"
#include "text/evaluation/ranking.h"
#include "text/internal/random.h"

namespace larder::text::internal {
namespace {

constexpr size_t kMinTagged = 20;

// Which tags each document has, as sorted numbers.
std::vector<std::vector<uint32_t>> NumberTags(std::span<const Document* const> documents) {
  std::unordered_map<std::string_view, uint32_t> numbers;
  std::vector<std::vector<uint32_t>> all;
  for (const Document* document : documents) {
    std::vector<uint32_t>& tags = all.emplace_back();
    for (const std::string& tag : document->tags) {
      tags.push_back(numbers.try_emplace(tag, static_cast<uint32_t>(numbers.size())).first->second);
    }
    std::sort(tags.begin(), tags.end());
  }
  return all;
}

bool Meet(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
    if (*i == *j) return true;
    *i < *j ? ++i : ++j;
  }
  return false;
}

}  // namespace

Status MeasureTags(const Encoder& encoder, std::span<const Document* const> documents,
                   const EvaluationOptions& options, const Progress& progress,
                   Evaluation& result) {
  std::vector<const Document*> tagged;
  for (const Document* document : documents) {
    if (!document->tags.empty()) tagged.push_back(document);
  }
  result.tagged_documents = tagged.size();
  if (tagged.size() < kMinTagged) return OkStatus();
  const std::vector<size_t> chosen =
      SampleIndices(tagged.size(), options.max_tag_queries, options.seed);
  result.tag_queries = chosen.size();

  constexpr std::string_view kStage = "evaluate tags";
  if (progress) progress(kStage, 0, 2);
  std::vector<std::string> full;
  for (const Document* document : tagged) full.push_back(FullText(*document));
  const std::vector<std::string_view> texts(full.begin(), full.end());
  TfIdf index;
  for (const std::string_view text : texts) index.AddFrequencies(text);
  for (const std::string_view text : texts) index.Add(text);
  LARDER_ASSIGN_OR_RETURN(const VectorSet vectors,
                          VectorSet::Encode(encoder, texts, TextRole::kDocument));
  if (progress) progress(kStage, 1, 2);

  std::vector<std::string_view> query_texts;
  for (const size_t own : chosen) query_texts.push_back(texts[own]);
  LARDER_ASSIGN_OR_RETURN(const VectorSet queries,
                          VectorSet::Encode(encoder, query_texts, TextRole::kDocument));
  const std::vector<std::vector<uint32_t>> tags = NumberTags(tagged);
  const auto mean_share = [&](const Searcher& searcher) {
    const auto nearest = NearestTexts(searcher, texts.size(), chosen);
    double sum = 0;
    for (size_t q = 0; q < chosen.size(); ++q) {
      double hits = 0;
      for (const size_t i : nearest[q]) hits += Meet(tags[i], tags[chosen[q]]);
      sum += hits / static_cast<double>(nearest[q].size());
    }
    return sum / static_cast<double>(chosen.size());
  };
  result.tag_share_encoder = mean_share(VectorSearcher(vectors, queries));
  result.tag_share_tfidf = mean_share(TfIdfSearcher(index, query_texts));
  double hits = 0;
  for (const size_t own : chosen) {
    for (size_t i = 0; i < tagged.size(); ++i) hits += i != own && Meet(tags[i], tags[own]);
  }
  result.tag_share_random =
      hits / static_cast<double>(tagged.size() - 1) / static_cast<double>(chosen.size());
  if (progress) progress(kStage, 2, 2);
  return OkStatus();
}

}  // namespace larder::text::internal
