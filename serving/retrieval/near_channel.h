// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_RETRIEVAL_NEAR_CHANNEL_H_
#define LARDER_SERVING_RETRIEVAL_NEAR_CHANNEL_H_

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "ann/search.h"
#include "base/hash.h"
#include "base/status.h"
#include "registry/column.h"
#include "serving/index_sink.h"
#include "serving/retrieval/admission.h"
#include "serving/retrieval/recipe_run.h"

namespace larder::serving {

// A query in some space.
struct QueryVector {
  Digest space;
  std::vector<int8_t> codes;
};

// The search of one near channel in one run. Borrows what the channel's admission excludes.
struct NearSearch {
  QueryVector query;
  const LiveIndex* live = nullptr;
  size_t k = 0;
  size_t effort = 0;
  std::span<const registry::Ordinal> excluded;
  std::chrono::steady_clock::time_point deadline;
  // Why there is nothing to search for: what was asked has no vector, or the zero one. The channel
  // is then dropped, but nothing has failed. OK: there is a query.
  Status no_query;
  // Too much is excluded for the index to leave out: only a filter can.
  bool needs_filter = false;
  std::optional<ann::SearchResult> found;  // absent: not searched yet

  // Without a filter. Borrows this and `order`.
  ann::SearchRequest Request(const ann::IdOrder& order) const;
};

// What the channel is to search for.
// Errors: kUnavailable if there is no index yet, or the query's vectors are still made; the
//         program's.
StatusOr<NearSearch> PrepareNear(const registry::Channel& channel, const RecipeRun& run,
                                 const Admission& admission);

// Makes the searches of one channel for several runs in one snapshot, together: sooner than one
// after the other, with the same results. After an error nothing is found: FinishNear meets it
// again in the search that has it.
void SearchTogether(std::span<NearSearch* const> searches, const ann::IdOrder& order);

// The `take` admissible candidates whose vectors are nearest to the channel's `to` (S9.2).
//
// With a `where` it first searches for more than `take` without it and keeps what is admitted,
// which is the same answer if enough is; else it searches among all that is admitted.
// Errors: `no_query`; kFailedPrecondition if the query's space is not the index's; the index's; the
//         program's.
StatusOr<ChannelOutput> FinishNear(const registry::Channel& channel, const RecipeRun& run,
                                   Admission& admission, NearSearch search);

// PrepareNear, then FinishNear.
StatusOr<ChannelOutput> RunNear(const registry::Channel& channel, const RecipeRun& run,
                                Admission& admission);

// Row 0 of a vector column as a query. `registry` knows the encoder that the column's type names.
// Errors: kFailedPrecondition if it is null, but kUnavailable if that is because its feature is not
//         computed yet; kInternal if it is in no known space.
StatusOr<QueryVector> ToQuery(const registry::Column& column,
                              const registry::CompiledRegistry& registry);

// A float vector as codes of an index: fixed point for a space of floats, rounded to int8 for one
// of int8. All zero stays all zero.
std::vector<int8_t> ToCodes(std::span<const float> values, bool floats);

}  // namespace larder::serving

#endif  // LARDER_SERVING_RETRIEVAL_NEAR_CHANNEL_H_
