// SPDX-License-Identifier: Apache-2.0
#include "text/evaluation/bm25.h"

#include <algorithm>
#include <cmath>

#include "text/evaluation/tfidf.h"

namespace larder::text::internal {
namespace {

constexpr double kK1 = 1.2;
constexpr double kB = 0.75;

}  // namespace

void Bm25::Add(std::string_view text) {
  const auto number = static_cast<uint32_t>(lengths_.size());
  uint32_t length = 0;
  for (std::string& word : SplitWords(text)) {
    ++length;
    const auto next = static_cast<uint32_t>(words_.size());
    const uint32_t id = words_.try_emplace(std::move(word), next).first->second;
    if (id == postings_.size()) postings_.emplace_back();
    std::vector<Posting>& postings = postings_[id];
    if (postings.empty() || postings.back().text != number) postings.push_back({number, 0});
    ++postings.back().weight;
  }
  lengths_.push_back(length);
}

void Bm25::Finish() {
  const auto count = static_cast<double>(lengths_.size());
  double mean = 0;
  for (const uint32_t length : lengths_) mean += length / count;
  for (std::vector<Posting>& postings : postings_) {
    const auto df = static_cast<double>(postings.size());
    const double idf = std::log(1 + (count - df + 0.5) / (df + 0.5));
    for (Posting& posting : postings) {
      const double tf = posting.weight;
      const double length = lengths_[posting.text] / mean;
      posting.weight =
          static_cast<float>(idf * tf * (kK1 + 1) / (tf + kK1 * (1 - kB + kB * length)));
    }
  }
}

void Bm25::Scores(std::string_view query, std::span<float> scores) const {
  std::fill(scores.begin(), scores.end(), 0.0f);
  for (const std::string& word : SplitWords(query)) {
    const auto known = words_.find(word);
    if (known == words_.end()) continue;
    for (const Posting& posting : postings_[known->second]) {
      scores[posting.text] += posting.weight;
    }
  }
}

}  // namespace larder::text::internal
