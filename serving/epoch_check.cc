// SPDX-License-Identifier: Apache-2.0
#include "serving/epoch_check.h"

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "ann/recall.h"

namespace larder::serving {
namespace {

constexpr size_t kNeighbours = 10;

double Overlap(std::span<const ann::Hit> old, std::span<const ann::Hit> fresh) {
  if (old.empty()) return 1;
  const auto shared = std::count_if(old.begin(), old.end(), [&](const ann::Hit& hit) {
    return std::any_of(fresh.begin(), fresh.end(),
                       [&](const ann::Hit& other) { return other.id == hit.id; });
  });
  return static_cast<double>(shared) / static_cast<double>(old.size());
}

}  // namespace

Status EpochComparison::Add(uint32_t id) {
  LARDER_ASSIGN_OR_RETURN(const auto old, queries_.Neighbours(old_, id, kNeighbours));
  if (!old.has_value()) return OkStatus();  // gone since it was drawn
  ++asked_;
  LARDER_ASSIGN_OR_RETURN(const auto fresh, queries_.Neighbours(fresh_, id, kNeighbours));
  if (!fresh.has_value()) return OkStatus();
  ++found_;
  LARDER_ASSIGN_OR_RETURN(const auto old_hits, queries_.Exact(*old));
  LARDER_ASSIGN_OR_RETURN(const auto hits, queries_.Exact(*fresh));
  LARDER_ASSIGN_OR_RETURN(const auto served, queries_.Served(*fresh));
  recall_ += ann::Recall(served.hits, hits);
  overlap_ += Overlap(old_hits, hits);
  return OkStatus();
}

EpochCheck EpochComparison::Finish(const EpochBounds& bounds) const {
  EpochCheck check{.queries = asked_, .refusal = {}};
  if (found_ > 0) check.recall_at_10 = recall_ / found_;
  if (asked_ > 0) check.overlap_at_10 = overlap_ / asked_;
  if (asked_ > 0) check.coverage = static_cast<double>(found_) / asked_;
  if (check.coverage < EpochBounds::kMinCoverage) {
    check.refusal = Concat("it has a vector for ", check.coverage,
                           " of the keys that have one now, expected ", EpochBounds::kMinCoverage,
                           " or more");
  } else if (check.recall_at_10 < bounds.min_recall) {
    check.refusal = Concat("recall@10 is ", check.recall_at_10, ", expected ", bounds.min_recall,
                           " or more");
  } else if (check.overlap_at_10 < bounds.min_overlap) {
    check.refusal = Concat("it keeps ", check.overlap_at_10,
                           " of the 10 nearest neighbours that keys have now, expected ",
                           bounds.min_overlap, " or more");
  }
  return check;
}

}  // namespace larder::serving
