// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_EVALUATION_RANKING_H_
#define LARDER_TEXT_EVALUATION_RANKING_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "text/encoder.h"
#include "text/evaluation/bm25.h"
#include "text/evaluation/tfidf.h"

namespace larder::text::internal {

// How many results of a search count.
inline constexpr size_t kNearest = 10;

// Scores queries against all texts of a set, higher is nearer.
//
// Thread-safety: thread-safe; every query's scores are the same in any group and thread.
class Searcher {
 public:
  virtual ~Searcher() = default;
  // Shapes: scores [queries.size(), texts], row-major; queries are numbers of query texts.
  virtual void Score(std::span<const size_t> queries, std::span<float> scores) const = 0;
};

// By words. The index and the query texts must outlive it.
template <typename Index>
class WordSearcher final : public Searcher {
 public:
  WordSearcher(const Index& index, std::span<const std::string_view> queries)
      : index_(index), queries_(queries) {}
  void Score(std::span<const size_t> queries, std::span<float> scores) const override {
    const size_t texts = queries.empty() ? 0 : scores.size() / queries.size();
    for (size_t i = 0; i < queries.size(); ++i) {
      index_.Scores(queries_[queries[i]], scores.subspan(i * texts, texts));
    }
  }

 private:
  const Index& index_;
  const std::span<const std::string_view> queries_;
};
using TfIdfSearcher = WordSearcher<TfIdf>;
using Bm25Searcher = WordSearcher<Bm25>;

// Texts' vectors in an encoder's own element, with what their cosines need.
class VectorSet {
 public:
  // Errors: as Encoder::Encode; the message names the text's number.
  static StatusOr<VectorSet> Encode(const Encoder& encoder,
                                    std::span<const std::string_view> texts, TextRole role);
  size_t size() const { return inverse_norms_.size(); }
  // scores[i] = cosine of `query`'s vector number `number` with each vector here, times the
  // query's length; 0 for zero vectors. Both sets must be of one encoder.
  void Score(const VectorSet& query, std::span<const size_t> numbers,
             std::span<float> scores) const;
  // The cosine of two vectors; 0 if one of them is zero.
  float Cosine(size_t i, const VectorSet& other, size_t j) const;

 private:
  size_t dimensions_ = 0;
  std::vector<int8_t> codes_;    // of a kInt8 encoder
  std::vector<float> vectors_;   // of a kFloat encoder
  std::vector<float> inverse_norms_;
};

// By an encoder's vectors. Both sets must outlive it.
class VectorSearcher final : public Searcher {
 public:
  VectorSearcher(const VectorSet& texts, const VectorSet& queries)
      : texts_(texts), queries_(queries) {}
  void Score(std::span<const size_t> queries, std::span<float> scores) const override {
    texts_.Score(queries_, queries, scores);
  }

 private:
  const VectorSet& texts_;
  const VectorSet& queries_;
};

// For each query, how many of `texts` texts come before its own one when sorted by descending
// score, ties by number. Shapes: own [queries].
std::vector<size_t> RanksOfOwn(const Searcher& searcher, size_t texts,
                               std::span<const size_t> own);

// For each query, the numbers of the best kNearest texts apart from its own one, best first, ties
// by number. `own` may be `texts` or beyond: then nothing is left out.
std::vector<std::vector<size_t>> NearestTexts(const Searcher& searcher, size_t texts,
                                              std::span<const size_t> own);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_EVALUATION_RANKING_H_
