// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_FEATURES_H_
#define LARDER_SERVING_FEATURES_H_

#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "featurestore/store.h"
#include "larder/v1/feature_service.pb.h"
#include "registry/compiled_registry.h"
#include "registry/program.h"
#include "serving/context.h"

namespace larder::serving {

// FeatureService.GetFeatures: one snapshot, one program run.
// Errors: as the proto says. Cost: one gather per stored feature and row.
StatusOr<larder::v1::GetFeaturesResponse> GetFeatures(const larder::v1::GetFeaturesRequest& request,
                                                      const Context& context);

// What a set's or a recipe's programs read of one request, roles and candidates included.
struct Inputs {
  std::vector<registry::Column> request;
  std::vector<registry::Column> roles;
  size_t candidate_role = 0;  // index into roles; roles.size() if there is none
};

// Where `roles` has the candidate; roles.size() if nowhere.
size_t CandidateRole(std::span<const registry::Role> roles);

// Runs `program` for `rows` candidates, or with 1 where it depends on none.
// Errors: the embedder's; kResourceExhausted if it reads more than kMaxReadBytes.
StatusOr<std::vector<registry::Column>> RunProgram(const registry::Program& program,
                                                   const Inputs& inputs, size_t rows,
                                                   featurestore::Snapshot& snapshot,
                                                   registry::TextEmbedder& embedder,
                                                   bool want_times = false);

// The columns of `set` for the candidates in `inputs`; those of keys that are no candidates are
// null, `not_found` or `deleted` (S5.2), in every column that depends on the candidate.
StatusOr<std::vector<registry::Column>> ReadSet(const registry::FeatureSet& set,
                                                const Inputs& inputs,
                                                featurestore::Snapshot& snapshot,
                                                registry::TextEmbedder& embedder, bool want_times);

}  // namespace larder::serving

#endif  // LARDER_SERVING_FEATURES_H_
