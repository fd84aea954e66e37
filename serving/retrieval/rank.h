// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_RETRIEVAL_RANK_H_
#define LARDER_SERVING_RETRIEVAL_RANK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "serving/retrieval/recipe_run.h"

namespace larder::serving {

// One candidate of the result.
struct Ranked {
  registry::Ordinal ordinal = registry::kNoOrdinal;
  std::optional<double> score;       // absent: only sample channels brought it
  std::optional<double> propensity;  // of the sample channel that drew it
  // Per channel its rank, from 1; 0: the channel did not bring it.
  std::vector<uint32_t> ranks;
};

// What Rank works on.
struct RankInput {
  // Per channel of the recipe: what it gave; absent if it was dropped.
  std::span<const std::optional<ChannelOutput>> channels;
  std::span<const registry::Channel> definitions;
  // Channels whose ranks make the score (S9.3); empty: all that are no samples.
  std::span<const size_t> rrf;
  size_t limit = 0;
  const ann::IdOrder& order;
};

// Unites what the channels gave, scores by reciprocal rank fusion, Σ 1 / (60 + rank), and takes
// the best `limit`: scored candidates first, then the sampled ones, for which the last places are
// kept (S9.2). A sampled candidate whose score brings it in anyway stands where the score puts it,
// and leaves its place to the next scored one.
//
// Order: falling score, ties by key; sampled ones in the order of their channels.
// Cost: O(candidates * channels + candidates log limit).
// Source: Cormack, Clarke & Büttcher 2009, reciprocal rank fusion, k = 60.
std::vector<Ranked> Rank(const RankInput& input);

}  // namespace larder::serving

#endif  // LARDER_SERVING_RETRIEVAL_RANK_H_
