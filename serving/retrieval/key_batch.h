// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_RETRIEVAL_KEY_BATCH_H_
#define LARDER_SERVING_RETRIEVAL_KEY_BATCH_H_

#include <chrono>
#include <cstddef>
#include <span>
#include <string>

#include "base/status.h"
#include "larder/v1/retrieval_service.pb.h"
#include "serving/context.h"
#include "serving/request_values.h"

namespace larder::serving {

// A recipe that is run for many keys of one role. Borrows the request columns.
// Thread-safety: thread-safe (immutable).
struct KeyJob {
  std::string recipe;  // with its version: "similar@3"
  std::string role;
  const ValueMap& request;
  size_t limit = 0;
  size_t effort = 0;  // of near channels; 0: the default
};

// Runs the recipe for each key in one snapshot; results[i] becomes that of keys[i]: what Retrieve
// gives there (RecipeRun::offline). The searches of near channels are made together, conditions
// that no key changes are worked out once. Returns how long those took: what more keys would share.
//
// A result says which channels its key has no vector for. Any other failure of a channel is one of
// the batch: nobody looks at the results of a whole catalog one by one.
// Errors: what failed, naming key and channel; kNotFound if the recipe is gone; kInvalidArgument
//         for the request's columns; kDeadlineExceeded, kCancelled. `results` are then unfinished.
// Thread-safety: any number of batches at once, each with results of its own.
StatusOr<std::chrono::steady_clock::duration> RunKeyBatch(
    const KeyJob& job, std::span<const std::string> keys, const Context& context,
    std::span<larder::v1::KeyResult> results);

}  // namespace larder::serving

#endif  // LARDER_SERVING_RETRIEVAL_KEY_BATCH_H_
