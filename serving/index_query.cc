// SPDX-License-Identifier: Apache-2.0
#include "serving/index_query.h"

#include <algorithm>
#include <span>
#include <utility>

namespace larder::serving {
namespace {

// About 0.1 ms of scanning.
constexpr uint32_t kPiece = 4'096;
// Ids from `begin` to `end` that `filter` admits.
ann::Bitmap Piece(uint32_t begin, uint32_t end, const std::optional<ann::Bitmap>& filter) {
  ann::Bitmap piece(end);
  for (uint32_t id = begin; id < end; ++id) {
    if (!filter.has_value() || filter->Test(id)) piece.Set(id);
  }
  return piece;
}

}  // namespace

StatusOr<HeldIndex> HoldIndex(featurestore::Store& store, const IndexSink& indexes,
                              const Digest& feature) {
  HeldIndex held;
  LARDER_ASSIGN_OR_RETURN(held.snapshot,
                          store.Read({}, std::chrono::steady_clock::now() + kReadWait));
  held.live = indexes.Find(feature, *held.snapshot);
  if (held.live == nullptr) return NotFound("vector feature ", feature.Short(), " has no index");
  return held;
}

ann::SearchRequest IndexQuery::Request() const {
  return {.query = codes,
          .space = space,
          .k = k,
          .effort = effort,
          .filter = filter.has_value() ? &*filter : nullptr,
          .exclude = exclude,
          .min_score = min_score};
}

StatusOr<std::optional<IndexQuery>> IndexQueries::Neighbours(const Digest& feature, uint32_t id,
                                                             size_t k) {
  LARDER_ASSIGN_OR_RETURN(const HeldIndex held, HoldIndex(store_, indexes_, feature));
  const ann::VectorView vector = held.live->index->Find(id);
  if (vector.empty()) return std::optional<IndexQuery>();
  return std::optional<IndexQuery>({.feature = feature,
                                    .space = held.live->index->space(),
                                    .codes = vector.Codes(),
                                    .k = k,
                                    .filter = std::nullopt,
                                    .exclude = {id}});
}

StatusOr<ann::SearchResult> IndexQueries::Served(const IndexQuery& query) {
  LARDER_ASSIGN_OR_RETURN(const HeldIndex held, HoldIndex(store_, indexes_, query.feature));
  return held.live->index->Search(query.Request());
}

StatusOr<std::vector<ann::Hit>> IndexQueries::Exact(const IndexQuery& query) {
  std::vector<ann::Hit> hits;
  for (uint32_t begin = 0, ids = 1; begin < ids; begin += kPiece) {
    LARDER_ASSIGN_OR_RETURN(const HeldIndex held, HoldIndex(store_, indexes_, query.feature));
    ids = held.live->index->id_end();
    const ann::Bitmap piece = Piece(begin, std::min(begin + kPiece, ids), query.filter);
    ann::SearchRequest request = query.Request();
    request.exact = true;
    request.filter = &piece;
    LARDER_ASSIGN_OR_RETURN(const ann::SearchResult found, held.live->index->Search(request));
    hits.insert(hits.end(), found.hits.begin(), found.hits.end());
    std::sort(hits.begin(), hits.end(), [](const ann::Hit& a, const ann::Hit& b) {
      return std::pair(-a.score, a.id) < std::pair(-b.score, b.id);
    });
    hits.resize(std::min(hits.size(), query.k));
  }
  return hits;
}

}  // namespace larder::serving
