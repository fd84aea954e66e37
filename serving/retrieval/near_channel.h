// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_RETRIEVAL_NEAR_CHANNEL_H_
#define LARDER_SERVING_RETRIEVAL_NEAR_CHANNEL_H_

#include <span>
#include <vector>

#include "base/hash.h"
#include "base/status.h"
#include "registry/column.h"
#include "serving/retrieval/admission.h"
#include "serving/retrieval/recipe_run.h"

namespace larder::serving {

// The `take` admissible candidates whose vectors are nearest to the channel's `to` (S9.2).
//
// With a `where` it first searches for more than `take` without it and keeps what is admitted,
// which is the same answer if enough is; else it scans all that is admitted.
// Errors: kFailedPrecondition if the query is null or zero, or its space is not the index's;
//         kUnavailable if there is no index yet; the program's.
StatusOr<ChannelOutput> RunNear(const registry::Channel& channel, const RecipeRun& run,
                                Admission& admission);

// A query in some space.
struct QueryVector {
  Digest space;
  std::vector<int8_t> codes;
};

// Row 0 of a vector column as a query. `registry` knows the encoder that the column's type names.
// Errors: kFailedPrecondition if it is null or in no known space.
StatusOr<QueryVector> ToQuery(const registry::Column& column,
                              const registry::CompiledRegistry& registry);

// A float vector as codes of an index: fixed point for an external space, rounded to int8 for one
// whose vectors an encoder makes. All zero stays all zero.
std::vector<int8_t> ToCodes(std::span<const float> values, bool external);

}  // namespace larder::serving

#endif  // LARDER_SERVING_RETRIEVAL_NEAR_CHANNEL_H_
