// SPDX-License-Identifier: Apache-2.0
#include "text/evaluation/tfidf.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace larder::text::internal {
namespace {

bool IsWordByte(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80;
}

}  // namespace

std::vector<std::string> SplitWords(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char raw : text) {
    const char c = raw >= 'A' && raw <= 'Z' ? static_cast<char>(raw - 'A' + 'a') : raw;
    if (IsWordByte(static_cast<unsigned char>(c))) {
      word.push_back(c);
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

void TfIdf::AddFrequencies(std::string_view text) {
  ++counted_;
  for (std::string& word : SplitWords(text)) {
    const auto next = static_cast<uint32_t>(words_.size());
    words_.try_emplace(std::move(word), next);
  }
  frequency_.resize(words_.size());
  postings_.resize(words_.size());
  for (const auto& [word, count] : Count(text)) ++frequency_[word];
}

void TfIdf::Add(std::string_view text) {
  const auto counts = Count(text);
  double norm = 0;
  for (const auto& [word, count] : counts) norm += Weight(word, count) * Weight(word, count);
  for (const auto& [word, count] : counts) {
    postings_[word].push_back(
        {added_, static_cast<float>(Weight(word, count) / std::sqrt(norm))});
  }
  ++added_;
}

void TfIdf::Scores(std::string_view query, std::span<float> scores) const {
  std::fill(scores.begin(), scores.end(), 0.0f);
  for (const auto& [word, count] : Count(query)) {
    const auto weight = static_cast<float>(Weight(word, count));
    for (const Posting& posting : postings_[word]) {
      scores[posting.text] += weight * posting.weight;
    }
  }
}

double TfIdf::Cosine(std::string_view a, std::string_view b) const {
  std::unordered_map<uint32_t, double> weights;
  double aa = 0;
  for (const auto& [word, count] : Count(a)) {
    const double weight = Weight(word, count);
    weights[word] = weight;
    aa += weight * weight;
  }
  double ab = 0;
  double bb = 0;
  for (const auto& [word, count] : Count(b)) {
    const double weight = Weight(word, count);
    bb += weight * weight;
    if (const auto found = weights.find(word); found != weights.end()) {
      ab += weight * found->second;
    }
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

std::vector<std::pair<uint32_t, uint32_t>> TfIdf::Count(std::string_view text) const {
  std::vector<std::pair<uint32_t, uint32_t>> counts;
  std::unordered_map<uint32_t, size_t> place;
  for (const std::string& word : SplitWords(text)) {
    const auto known = words_.find(word);
    if (known == words_.end()) continue;
    const auto [at, inserted] = place.try_emplace(known->second, counts.size());
    if (inserted) counts.emplace_back(known->second, 0);
    ++counts[at->second].second;
  }
  return counts;
}

double TfIdf::Weight(uint32_t word, uint32_t count) const {
  const double idf = std::log((1.0 + static_cast<double>(counted_)) /
                              (1.0 + static_cast<double>(frequency_[word]))) +
                     1;
  return (1 + std::log(static_cast<double>(count))) * idf;
}

}  // namespace larder::text::internal
