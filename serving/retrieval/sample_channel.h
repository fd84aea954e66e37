// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_RETRIEVAL_SAMPLE_CHANNEL_H_
#define LARDER_SERVING_RETRIEVAL_SAMPLE_CHANNEL_H_

#include "base/status.h"
#include "serving/retrieval/admission.h"
#include "serving/retrieval/recipe_run.h"

namespace larder::serving {

// `take` admissible candidates, each with the same chance (S9.2): those whose keys, hashed with
// the run's seed, come first. So one seed draws the same ones whatever the process numbered them.
//
// Order: by that hash, which says nothing. Errors: Admission's.
// Cost: a few ns per admissible candidate; 20 ns per key that was never hashed.
StatusOr<ChannelOutput> RunSample(const registry::Channel& channel, const RecipeRun& run,
                                  Admission& admission);

}  // namespace larder::serving

#endif  // LARDER_SERVING_RETRIEVAL_SAMPLE_CHANNEL_H_
