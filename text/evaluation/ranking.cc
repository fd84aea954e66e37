// SPDX-License-Identifier: Apache-2.0
#include "text/evaluation/ranking.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/parallel.h"
#include "base/sync.h"
#include "text/internal/dot.h"

namespace larder::text::internal {
namespace {

// So many queries are scored together: the texts' vectors are read once for all of them.
constexpr size_t kQueriesPerGroup = 16;
// Vectors of so many bytes stay in a processor's cache while the group's queries pass over them.
constexpr size_t kBlockBytes = size_t{256} << 10;
constexpr size_t kTextsPerPiece = 64;

// Calls take(query, its scores) for every query, groups of them on several threads.
void ForEachQuery(const Searcher& searcher, size_t texts, size_t queries,
                  const std::function<void(size_t query, std::span<const float> scores)>& take) {
  const size_t groups = (queries + kQueriesPerGroup - 1) / kQueriesPerGroup;
  ParallelPieces(groups, 1, [&](size_t begin, size_t end) {
    std::vector<float> scores(kQueriesPerGroup * texts);
    std::vector<size_t> numbers;
    for (size_t group = begin; group < end; ++group) {
      const size_t first = group * kQueriesPerGroup;
      numbers.resize(std::min(kQueriesPerGroup, queries - first));
      std::iota(numbers.begin(), numbers.end(), first);
      searcher.Score(numbers, std::span(scores).first(numbers.size() * texts));
      for (size_t i = 0; i < numbers.size(); ++i) {
        take(first + i, std::span<const float>(scores).subspan(i * texts, texts));
      }
    }
  });
}

}  // namespace

StatusOr<VectorSet> VectorSet::Encode(const Encoder& encoder,
                                      std::span<const std::string_view> texts, TextRole role) {
  VectorSet set;
  const auto dim = static_cast<size_t>(encoder.dimensions());
  const bool int8 = encoder.info().element() == VectorElement::kInt8;
  set.dimensions_ = dim;
  (int8 ? set.codes_.resize(texts.size() * dim) : set.vectors_.resize(texts.size() * dim));
  set.inverse_norms_.resize(texts.size());
  Mutex mutex;
  Status failed;
  size_t failed_at = texts.size();
  ParallelPieces(texts.size(), kTextsPerPiece, [&](size_t begin, size_t end) {
    const auto encode = [&]() -> Status {
      if (int8) {
        return encoder.Encode(texts.subspan(begin, end - begin),
                              std::span(set.codes_).subspan(begin * dim, (end - begin) * dim),
                              begin, role);
      }
      std::vector<TokenizedText> tokens(1);
      for (size_t i = begin; i < end; ++i) {
        LARDER_RETURN_IF_ERROR(encoder.Tokenize(texts[i], role, tokens[0]));
        LARDER_RETURN_IF_ERROR(
            encoder.EncodeTokens(tokens, std::span(set.vectors_).subspan(i * dim, dim)));
      }
      return OkStatus();
    };
    if (const Status status = encode(); !status.ok()) {
      const MutexLock lock(mutex);
      if (begin >= failed_at) return;  // the first text that fails is named
      failed = status;
      failed_at = begin;
    }
  });
  if (!failed.ok()) return failed;
  for (size_t i = 0; i < texts.size(); ++i) {
    double sum = 0;
    for (size_t d = i * dim; d < (i + 1) * dim; ++d) {
      const double x = int8 ? static_cast<double>(set.codes_[d]) : set.vectors_[d];
      sum += x * x;
    }
    set.inverse_norms_[i] = static_cast<float>(sum > 0 ? 1 / std::sqrt(sum) : 0);
  }
  return set;
}

void VectorSet::Score(const VectorSet& query, std::span<const size_t> numbers,
                      std::span<float> scores) const {
  const size_t block = std::max<size_t>(kBlockBytes / std::max<size_t>(dimensions_, 1), 1);
  std::vector<int32_t> dots(std::min(block, size()));
  for (size_t first = 0; first < size(); first += block) {
    const size_t count = std::min(block, size() - first);
    for (size_t q = 0; q < numbers.size(); ++q) {
      const std::span<float> out = scores.subspan(q * size() + first, count);
      if (!codes_.empty()) {
        DotRows(query.codes_.data() + numbers[q] * dimensions_,
                codes_.data() + first * dimensions_, count, dimensions_, dots.data());
        for (size_t i = 0; i < count; ++i) {
          out[i] = static_cast<float>(dots[i]) * inverse_norms_[first + i];
        }
      } else {
        for (size_t i = 0; i < count; ++i) {
          const float* a = query.vectors_.data() + numbers[q] * dimensions_;
          const float* b = vectors_.data() + (first + i) * dimensions_;
          float sum = 0;
          for (size_t d = 0; d < dimensions_; ++d) sum += a[d] * b[d];
          out[i] = sum * inverse_norms_[first + i];
        }
      }
    }
  }
}

float VectorSet::Cosine(size_t i, const VectorSet& other, size_t j) const {
  double sum = 0;
  for (size_t d = 0; d < dimensions_; ++d) {
    const size_t a = i * dimensions_ + d;
    const size_t b = j * dimensions_ + d;
    sum += codes_.empty() ? static_cast<double>(vectors_[a]) * other.vectors_[b]
                          : static_cast<double>(codes_[a]) * other.codes_[b];
  }
  return static_cast<float>(sum * inverse_norms_[i] * other.inverse_norms_[j]);
}

std::vector<size_t> RanksOfOwn(const Searcher& searcher, size_t texts,
                               std::span<const size_t> own) {
  std::vector<size_t> ranks(own.size());
  ForEachQuery(searcher, texts, own.size(), [&](size_t query, std::span<const float> scores) {
    const float mine = scores[own[query]];
    size_t before = 0;
    for (size_t i = 0; i < texts; ++i) {
      before += scores[i] > mine || (scores[i] == mine && i < own[query]);
    }
    ranks[query] = before;
  });
  return ranks;
}

std::vector<std::vector<size_t>> NearestTexts(const Searcher& searcher, size_t texts,
                                              std::span<const size_t> own) {
  std::vector<std::vector<size_t>> nearest(own.size());
  ForEachQuery(searcher, texts, own.size(), [&](size_t query, std::span<const float> scores) {
    std::vector<size_t>& order = nearest[query];
    for (size_t i = 0; i < texts; ++i) {
      if (i == own[query]) continue;
      if (order.size() == kNearest && !(scores[i] > scores[order.back()])) continue;
      if (order.size() == kNearest) order.pop_back();
      const auto place = std::upper_bound(
          order.begin(), order.end(), i,
          [&](size_t a, size_t b) { return scores[a] > scores[b]; });
      order.insert(place, i);
    }
  });
  return nearest;
}

}  // namespace larder::text::internal
