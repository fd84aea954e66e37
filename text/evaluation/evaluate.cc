// SPDX-License-Identifier: Apache-2.0
#include "text/evaluation/evaluate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/internal/random.h"
#include "text/evaluation/tfidf.h"

namespace larder::text {
namespace {

using internal::SampleIndices;
using internal::TfIdf;

constexpr size_t kNearest = 10;
constexpr size_t kMinTagged = 20;
// Shorter first sentences ("Foo.") ask for nothing in particular.
constexpr size_t kMinQueryBytes = 20;

// Encoded texts, searched by a scan.
class VectorSet {
 public:
  explicit VectorSet(const Encoder& encoder)
      : encoder_(encoder), dim_(static_cast<size_t>(encoder.dimensions())) {}

  Status Add(std::string_view text) {
    const size_t begin = vectors_.size();
    vectors_.resize(begin + dim_);
    const std::span<int8_t> vector = std::span(vectors_).subspan(begin, dim_);
    LARDER_RETURN_IF_ERROR(encoder_.Encode(std::span(&text, 1), vector));
    const auto norm = static_cast<float>(std::sqrt(Dot(vector.data(), vector.data())));
    inverse_norms_.push_back(norm > 0 ? 1 / norm : 0);
    return OkStatus();
  }

  // The cosine with each vector, times the query's length; 0 for zero vectors.
  std::vector<float> Scores(std::span<const int8_t> query) const {
    std::vector<float> scores(inverse_norms_.size());
    for (size_t i = 0; i < scores.size(); ++i) {
      scores[i] = static_cast<float>(Dot(query.data(), vectors_.data() + i * dim_)) *
                  inverse_norms_[i];
    }
    return scores;
  }
  StatusOr<std::vector<float>> Scores(std::string_view query) const {
    std::vector<int8_t> vector(dim_);
    LARDER_RETURN_IF_ERROR(encoder_.Encode(std::span(&query, 1), vector));
    return Scores(vector);
  }
  std::span<const int8_t> vector(size_t i) const {
    return std::span(vectors_).subspan(i * dim_, dim_);
  }

 private:
  int32_t Dot(const int8_t* a, const int8_t* b) const {
    int32_t sum = 0;
    for (size_t d = 0; d < dim_; ++d) {
      sum += static_cast<int16_t>(a[d]) * static_cast<int16_t>(b[d]);
    }
    return sum;
  }
  const Encoder& encoder_;
  const size_t dim_;
  std::vector<int8_t> vectors_;
  std::vector<float> inverse_norms_;
};

// How many come before `own` when sorted by descending score, ties by number.
size_t RankOf(const std::vector<float>& scores, size_t own) {
  size_t before = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    before += scores[i] > scores[own] || (scores[i] == scores[own] && i < own);
  }
  return before;
}

// The numbers of the best scores apart from `own`.
std::vector<size_t> Nearest(const std::vector<float>& scores, size_t own) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  order.erase(order.begin() + static_cast<std::ptrdiff_t>(own));
  const size_t take = std::min(kNearest, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(take), order.end(),
                    [&](size_t a, size_t b) {
                      return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
                    });
  order.resize(take);
  return order;
}

void CountRank(size_t rank, Recall& recall) {
  recall.at_1 += rank == 0;
  recall.at_10 += rank < kNearest;
}

std::string FullText(const Document& document) {
  const std::array<std::optional<std::string_view>, 2> fields = {document.title,
                                                                 document.content};
  return JoinFields(fields);
}

using Documents = std::vector<const Document*>;

// Calls `progress` about a hundred times over `total` steps.
class Steps {
 public:
  Steps(const Progress& progress, std::string_view stage, uint64_t total)
      : progress_(progress), stage_(stage), total_(total) {}
  void Step() {
    ++done_;
    const uint64_t every = total_ / 100 + 1;
    if (progress_ && (done_ % every == 0 || done_ == total_)) progress_(stage_, done_, total_);
  }

 private:
  const Progress& progress_;
  const std::string_view stage_;
  const uint64_t total_;
  uint64_t done_ = 0;
};

Status MeasureKnownItems(const Encoder& encoder, const Documents& documents,
                         const EvaluationOptions& options, const Progress& progress,
                         Evaluation& result) {
  std::vector<size_t> candidates;
  for (size_t i = 0; i < documents.size(); ++i) {
    if (FirstSentence(documents[i]->content).size() >= kMinQueryBytes) candidates.push_back(i);
  }
  const std::vector<size_t> chosen =
      SampleIndices(candidates.size(), options.max_known_item_queries, options.seed);
  result.known_item_queries = chosen.size();
  if (chosen.empty()) return OkStatus();

  Steps steps(progress, "evaluate known items", 2 * documents.size() + chosen.size());
  TfIdf tfidf;
  for (const Document* document : documents) {
    tfidf.AddFrequencies(FullText(*document));
    steps.Step();
  }
  VectorSet titles(encoder);
  for (const Document* document : documents) {
    LARDER_RETURN_IF_ERROR(titles.Add(document->title));
    tfidf.Add(document->title);
    steps.Step();
  }
  for (const size_t i : chosen) {
    const size_t own = candidates[i];
    const std::string_view query = FirstSentence(documents[own]->content);
    LARDER_ASSIGN_OR_RETURN(const std::vector<float> scores, titles.Scores(query));
    CountRank(RankOf(scores, own), result.encoder);
    CountRank(RankOf(tfidf.Scores(query), own), result.tfidf);
    steps.Step();
  }
  const auto count = static_cast<double>(chosen.size());
  for (Recall* recall : {&result.encoder, &result.tfidf}) {
    recall->at_1 /= count;
    recall->at_10 /= count;
  }
  return OkStatus();
}

// Which tags each document has, as sorted numbers.
std::vector<std::vector<uint32_t>> NumberTags(const Documents& documents) {
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

Status MeasureTags(const Encoder& encoder, const Documents& documents,
                   const EvaluationOptions& options, const Progress& progress,
                   Evaluation& result) {
  Documents tagged;
  for (const Document* document : documents) {
    if (!document->tags.empty()) tagged.push_back(document);
  }
  result.tagged_documents = tagged.size();
  if (tagged.size() < kMinTagged) return OkStatus();
  const std::vector<size_t> chosen =
      SampleIndices(tagged.size(), options.max_tag_queries, options.seed);
  result.tag_queries = chosen.size();

  Steps steps(progress, "evaluate tags", 2 * tagged.size() + chosen.size());
  TfIdf tfidf;
  for (const Document* document : tagged) {
    tfidf.AddFrequencies(FullText(*document));
    steps.Step();
  }
  VectorSet vectors(encoder);
  for (const Document* document : tagged) {
    LARDER_RETURN_IF_ERROR(vectors.Add(FullText(*document)));
    tfidf.Add(FullText(*document));
    steps.Step();
  }
  const std::vector<std::vector<uint32_t>> tags = NumberTags(tagged);
  const auto share = [&](const std::vector<size_t>& found, size_t own) {
    double hits = 0;
    for (const size_t i : found) hits += Meet(tags[i], tags[own]);
    return hits / static_cast<double>(found.size());
  };
  for (const size_t own : chosen) {
    result.tag_share_encoder += share(Nearest(vectors.Scores(vectors.vector(own)), own), own);
    result.tag_share_tfidf +=
        share(Nearest(tfidf.Scores(FullText(*tagged[own])), own), own);
    double hits = 0;
    for (size_t i = 0; i < tagged.size(); ++i) hits += i != own && Meet(tags[i], tags[own]);
    result.tag_share_random += hits / static_cast<double>(tagged.size() - 1);
    steps.Step();
  }
  const auto count = static_cast<double>(chosen.size());
  result.tag_share_encoder /= count;
  result.tag_share_tfidf /= count;
  result.tag_share_random /= count;
  return OkStatus();
}

Status CheckRange(std::string_view name, uint64_t value, uint64_t min, uint64_t max) {
  if (value >= min && value <= max) return OkStatus();
  return InvalidArgument(name, " is ", value, ", expected ", min, " to ", max);
}

}  // namespace

StatusOr<Evaluation> EvaluateEncoder(const Encoder& encoder, std::span<const Document> documents,
                                     const EvaluationOptions& options, const Progress& progress) {
  LARDER_RETURN_IF_ERROR(
      CheckRange("max_known_item_queries", options.max_known_item_queries, 1, 100'000));
  LARDER_RETURN_IF_ERROR(CheckRange("max_tag_queries", options.max_tag_queries, 1, 100'000));
  LARDER_RETURN_IF_ERROR(CheckRange("max_documents", options.max_documents, 2, 1'000'000));
  if (documents.size() < 2) {
    return InvalidArgument(documents.size(), " documents, expected at least 2 to choose from");
  }
  Documents sample;
  for (const size_t i : SampleIndices(documents.size(), options.max_documents, options.seed)) {
    sample.push_back(&documents[i]);
  }
  Evaluation result;
  result.documents = sample.size();
  LARDER_RETURN_IF_ERROR(MeasureKnownItems(encoder, sample, options, progress, result));
  LARDER_RETURN_IF_ERROR(MeasureTags(encoder, sample, options, progress, result));
  return result;
}

}  // namespace larder::text
