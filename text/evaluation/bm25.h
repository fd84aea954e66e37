// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_EVALUATION_BM25_H_
#define LARDER_TEXT_EVALUATION_BM25_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace larder::text::internal {

// BM25 over words with an inverted index: the second baseline beside TfIdf, of the same words.
//
// A text's score for a query is the sum over the query's words, each as often as it comes, of
// ln(1 + (n - df + 0.5) / (df + 0.5)) * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / mean)),
// with k1 = 1.2 and b = 0.75; n, df and the mean length are those of the texts searched.
//
// Usage: Add the texts to be searched, then Finish, then Scores.
// Thread-safety: thread-compatible.
// Source: Robertson & Zaragoza 2009; the 1 in the logarithm is Lucene's.
class Bm25 {
 public:
  // Adds a text to be searched; they are numbered from 0.
  void Add(std::string_view text);
  // Weighs the words; after the last Add.
  void Finish();
  // Shapes: scores [texts added].
  void Scores(std::string_view query, std::span<float> scores) const;

 private:
  struct Posting {
    uint32_t text;
    float weight;  // how often the word comes; after Finish its part of the score
  };
  std::unordered_map<std::string, uint32_t> words_;
  std::vector<std::vector<Posting>> postings_;
  std::vector<uint32_t> lengths_;
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_EVALUATION_BM25_H_
