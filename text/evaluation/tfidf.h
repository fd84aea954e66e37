// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_EVALUATION_TFIDF_H_
#define LARDER_TEXT_EVALUATION_TFIDF_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace larder::text::internal {

// TF-IDF over words with an inverted index: the baseline that an encoder is shown beside.
//
// Words are runs of ASCII letters (lower-cased), digits and non-ASCII bytes. A word's weight is
// (1 + ln count) * (ln((1 + n) / (1 + df)) + 1); similarity is the cosine.
//
// Usage: AddFrequencies for every text, then Add for the texts to be searched, then Scores.
// Thread-safety: thread-compatible.
class TfIdf {
 public:
  // Counts a text for the document frequencies.
  void AddFrequencies(std::string_view text);
  // Adds a text to be searched; they are numbered from 0.
  void Add(std::string_view text);
  // The cosine of `query` with each added text (times the query's length, the same for all).
  //
  // Shapes: scores [texts added].
  void Scores(std::string_view query, std::span<float> scores) const;
  // The cosine of two texts; 0 if one of them has no known word. Unknown words do not count.
  double Cosine(std::string_view a, std::string_view b) const;

 private:
  struct Posting {
    uint32_t text;
    float weight;
  };
  // (word, count) of the known words of `text`, in order of first appearance.
  std::vector<std::pair<uint32_t, uint32_t>> Count(std::string_view text) const;
  double Weight(uint32_t word, uint32_t count) const;

  std::unordered_map<std::string, uint32_t> words_;
  std::vector<uint64_t> frequency_;
  std::vector<std::vector<Posting>> postings_;
  uint64_t counted_ = 0;
  uint32_t added_ = 0;
};

// The words of a text, as above.
std::vector<std::string> SplitWords(std::string_view text);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_EVALUATION_TFIDF_H_
