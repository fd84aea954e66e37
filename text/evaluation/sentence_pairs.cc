// SPDX-License-Identifier: Apache-2.0
#include "text/evaluation/sentence_pairs.h"

#include <cmath>
#include <map>
#include <string_view>
#include <vector>

#include "text/evaluation/figures.h"
#include "text/evaluation/ranking.h"
#include "text/evaluation/tfidf.h"

namespace larder::text {
namespace {

double CosineOfWords(std::string_view a, std::string_view b) {
  std::map<std::string, std::pair<double, double>> counts;
  for (std::string& word : internal::SplitWords(a)) ++counts[std::move(word)].first;
  for (std::string& word : internal::SplitWords(b)) ++counts[std::move(word)].second;
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (const auto& [word, count] : counts) {
    ab += count.first * count.second;
    aa += count.first * count.first;
    bb += count.second * count.second;
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

}  // namespace

StatusOr<PairEvaluation> EvaluatePairs(const Encoder& encoder, std::span<const ScoredPair> pairs) {
  if (pairs.size() < 2) return InvalidArgument(pairs.size(), " pairs, expected at least 2");
  std::vector<std::string_view> first;
  std::vector<std::string_view> second;
  std::vector<double> scores;
  internal::TfIdf frequencies;
  for (const ScoredPair& pair : pairs) {
    if (!std::isfinite(pair.score)) {
      return InvalidArgument("pair ", scores.size(), ": the score is not finite");
    }
    first.push_back(pair.first);
    second.push_back(pair.second);
    scores.push_back(pair.score);
    frequencies.AddFrequencies(pair.first);
    frequencies.AddFrequencies(pair.second);
  }
  LARDER_ASSIGN_OR_RETURN(const auto a,
                          internal::VectorSet::Encode(encoder, first, TextRole::kDocument));
  LARDER_ASSIGN_OR_RETURN(const auto b,
                          internal::VectorSet::Encode(encoder, second, TextRole::kDocument));
  std::vector<double> by_vector;
  std::vector<double> by_tfidf;
  std::vector<double> by_words;
  for (size_t i = 0; i < pairs.size(); ++i) {
    by_vector.push_back(a.Cosine(i, b, i));
    by_tfidf.push_back(frequencies.Cosine(first[i], second[i]));
    by_words.push_back(CosineOfWords(first[i], second[i]));
  }
  return PairEvaluation{.pairs = pairs.size(),
                        .encoder = internal::Spearman(by_vector, scores),
                        .tfidf = internal::Spearman(by_tfidf, scores),
                        .words = internal::Spearman(by_words, scores)};
}

}  // namespace larder::text
