// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_EPOCH_CHECK_H_
#define LARDER_SERVING_EPOCH_CHECK_H_

#include <cstdint>
#include <string>

#include "base/hash.h"
#include "base/status.h"
#include "serving/index_query.h"

namespace larder::serving {

// What an epoch must reach to take the place of another: see ServerOptions.
struct EpochBounds {
  static constexpr double kMinCoverage = 0.9;
  double min_recall = 0.95;
  double min_overlap = 0.05;
};

// How a new epoch of a vector feature compares with the one that it is to take the place of
// (ARCHITECTURE §8), for keys that the old one knows.
struct EpochCheck {
  uint32_t queries = 0;
  // Share of the keys that have a vector in the new one.
  double coverage = 1;
  // Recall@10 of the new index, searched as it is served, against its own exact scan.
  double recall_at_10 = 1;
  // Share of a key's 10 nearest neighbours in the old index that are among its 10 nearest in the
  // new one, both exact. 0 for a key that has no vector in the new one.
  double overlap_at_10 = 1;
  // Why it may not be activated; empty: it may.
  std::string refusal;
};

// Adds up such a check, one key after the other.
class EpochComparison {
 public:
  EpochComparison(IndexQueries queries, const Digest& fresh, const Digest& old)
      : queries_(queries), fresh_(fresh), old_(old) {}

  // Compares the neighbours of `id`, which both indexes use for the same key.
  // Errors: as IndexQueries::Served. Cost: two exact scans and a search.
  Status Add(uint32_t id);

  EpochCheck Finish(const EpochBounds& bounds) const;

 private:
  IndexQueries queries_;
  Digest fresh_;
  Digest old_;
  uint32_t asked_ = 0;
  uint32_t found_ = 0;  // of them, those with a vector in the new index
  double recall_ = 0;
  double overlap_ = 0;
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_EPOCH_CHECK_H_
