// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_RETRIEVAL_CHANNELS_H_
#define LARDER_SERVING_RETRIEVAL_CHANNELS_H_

#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "serving/retrieval/admission.h"
#include "serving/retrieval/near_channel.h"
#include "serving/retrieval/recipe_run.h"

namespace larder::serving {

// What the channels of one run gave, in the recipe's order.
struct ChannelResults {
  std::vector<std::optional<ChannelOutput>> outputs;  // absent: dropped
  std::vector<Status> dropped;                        // why; OK if it was not
  std::vector<DurationUs> took;
};

// The search of each channel of a run, if it was prepared before; absent for other channels.
using PreparedSearches = std::vector<std::optional<StatusOr<NearSearch>>>;

// Runs every channel; one that fails, or takes longer than its deadline, is dropped (S9.5).
// `prepared` is empty or has an element per channel, which is used up.
// Errors: kDeadlineExceeded or kCancelled when the whole call is no longer waited for.
StatusOr<ChannelResults> RunChannels(const RecipeRun& run, Admission& admission,
                                     PreparedSearches prepared = {});

}  // namespace larder::serving

#endif  // LARDER_SERVING_RETRIEVAL_CHANNELS_H_
