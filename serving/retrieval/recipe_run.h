// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_RETRIEVAL_RECIPE_RUN_H_
#define LARDER_SERVING_RETRIEVAL_RECIPE_RUN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ann/search.h"
#include "featurestore/store.h"
#include "registry/compiled_registry.h"
#include "serving/context.h"
#include "serving/features.h"

namespace larder::serving {

class QueryVectors;
class SharedConditions;

// One run of a recipe in one snapshot: what all channels need. Borrows everything.
// Thread-safety: single-thread.
struct RecipeRun {
  const registry::Retrieval& recipe;
  const registry::CompiledRegistry& registry;  // of the recipe's revision
  const Inputs& inputs;                        // of the recipe; no candidates in it
  featurestore::Snapshot& snapshot;
  const Context& context;  // of the whole call
  QueryVectors& queries;
  uint64_t seed = 0;
  // One of a whole catalog that nobody waits for: channels may take as long as the call, and
  // searches of near channels keep fewer candidates by default.
  bool offline = false;
  // Candidates that searches of near channels keep; 0: the default.
  size_t near_effort = 0;
  // Of this and other runs in the same snapshot with the same request columns; null: none.
  SharedConditions* conditions = nullptr;
};

// A candidate of one channel.
struct ChannelHit {
  registry::Ordinal ordinal = registry::kNoOrdinal;
  double score = 0;  // near: cosine; top: the feature; sample: 0
  bool operator==(const ChannelHit&) const = default;
};

// What one channel gave.
struct ChannelOutput {
  std::vector<ChannelHit> hits;  // best first: hit i has rank i + 1
  std::optional<featurestore::Position> list_position;  // top: what its list was built from
  double propensity = 0;         // sample: n / admissible
  std::string plan;              // how, for `explain`
};

// Orders ordinals by their keys' bytes: how ties are broken (S9.3).
// Thread-safety: as the snapshot: single-thread.
class KeyOrder : public ann::IdOrder {
 public:
  KeyOrder(featurestore::Snapshot& snapshot, const std::string& entity)
      : snapshot_(snapshot), entity_(entity) {}
  bool Before(uint32_t a, uint32_t b) const override {
    return snapshot_.KeyOf(entity_, a) < snapshot_.KeyOf(entity_, b);
  }

 private:
  featurestore::Snapshot& snapshot_;
  const std::string& entity_;
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_RETRIEVAL_RECIPE_RUN_H_
