// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_INDEX_QUERY_H_
#define LARDER_SERVING_INDEX_QUERY_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "ann/bitmap.h"
#include "ann/search.h"
#include "base/hash.h"
#include "base/status.h"
#include "featurestore/store.h"
#include "serving/index_sink.h"

namespace larder::serving {

// A search of one index that is kept beyond its call: what ann::SearchRequest borrows is copied.
struct IndexQuery {
  Digest feature;
  Digest space;
  std::vector<int8_t> codes;
  size_t k = 10;
  size_t effort = 0;
  std::optional<ann::Bitmap> filter;
  std::vector<uint32_t> exclude;
  double min_score = -2;

  // Borrows from this.
  ann::SearchRequest Request() const;
};

// For reads that nobody waits for, and that must not wait for ever.
inline constexpr std::chrono::seconds kReadWait{10};

// The index of a feature, and the snapshot that it lives in.
struct HeldIndex {
  std::unique_ptr<featurestore::Snapshot> snapshot;
  const LiveIndex* live = nullptr;
};
// Errors: the store's; kNotFound if the feature has no index.
StatusOr<HeldIndex> HoldIndex(featurestore::Store& store, const IndexSink& indexes,
                              const Digest& feature);

// Searches for who measures how well others are served. Thread-safety: thread-safe.
class IndexQueries {
 public:
  IndexQueries(featurestore::Store& store, const IndexSink& indexes)
      : store_(store), indexes_(indexes) {}

  // The neighbours of a key's own vector, without itself; nothing if the key has no vector.
  // Errors: the store's; kNotFound if the feature has no index.
  StatusOr<std::optional<IndexQuery>> Neighbours(const Digest& feature, uint32_t id, size_t k);

  // As it is served now. Errors: as Neighbours, and as VectorIndex::Search.
  StatusOr<ann::SearchResult> Served(const IndexQuery& query);

  // The exact answer, in pieces of a few thousand ids with a snapshot each: neither apply nor
  // other reads wait for a whole scan. What changes meanwhile may be seen or not.
  // Errors: as Served. Cost: as an exact search.
  StatusOr<std::vector<ann::Hit>> Exact(const IndexQuery& query);

 private:
  featurestore::Store& store_;
  const IndexSink& indexes_;
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_INDEX_QUERY_H_
