// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_RECALL_H_
#define LARDER_ANN_RECALL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ann/search.h"
#include "ann/vector_index.h"
#include "base/status.h"

namespace larder::ann {

// Share of the exact hits that `found` has. A hit counts if its score reaches the score of the
// last exact hit, so equal vectors may stand for each other. 1 if `exact` is empty.
double Recall(std::span<const Hit> found, std::span<const Hit> exact);

struct RecallOptions {
  size_t k = 10;      // 1 to kMaxK
  size_t effort = 0;  // as in SearchRequest, and so is
  std::optional<Plan> plan = std::nullopt;
};

struct RecallReport {
  size_t queries = 0;  // ids that have a vector
  double mean = 1;
  double worst = 1;
  double search_us = 0;  // mean time of a search as it is served
  double exact_us = 0;   // mean time of the exact scan beside it
};

// `count` ids, drawn with replacement from those that have a vector; none if none has.
// Thread-safety: as VectorIndex::Search. Cost: lists all ids once.
std::vector<uint32_t> DrawIds(const VectorIndex& index, size_t count, uint64_t seed);

// Measures recall@k of searching for the neighbours of the vectors of `ids`, each without itself.
// Ids without a vector are left out.
//
// Thread-safety: as VectorIndex::Search: the caller holds a reader lock.
// Errors: as VectorIndex::Search.
// Cost: an exact scan per id.
StatusOr<RecallReport> MeasureRecall(const VectorIndex& index, std::span<const uint32_t> ids,
                                     const RecallOptions& options = {});

}  // namespace larder::ann

#endif  // LARDER_ANN_RECALL_H_
