// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_SERVING_RECIPE_FIXTURE_H_
#define LARDER_TESTS_SERVING_RECIPE_FIXTURE_H_

#include <memory>
#include <string>

#include "larder/v1/retrieval_service.pb.h"
#include "serving/query_vectors.h"
#include "serving/request_values.h"
#include "serving/retrieval/recipe_run.h"
#include "tests/serving/serving_world.h"

namespace larder::serving {

// A run of one of the test's recipes for the seed item "a", without the handler around it. The
// world must not change while it is there.
struct TestRun {
  TestRun(ServingWorld& world, const std::string& name)
      : context(world.context()), snapshot(*world.store->Read({}, context.deadline)) {
    revision = snapshot->history().current();
    recipe = snapshot->history().FindRetrieval(name, snapshot->active())->retrieval;
    v1::RetrieveRequest request;
    (*request.mutable_keys())["seed"] = "a";
    (*request.mutable_request())["language"].set_text("en");
    inputs.candidate_role = CandidateRole(recipe->roles);
    inputs.request = *RequestColumns(recipe->request_columns, request.request());
    inputs.roles = *RoleColumns(recipe->roles, request.keys(), *snapshot);
  }
  RecipeRun run() {
    return {*recipe, *revision->registry, inputs, *snapshot, context, queries, 1};
  }

  Context context;
  QueryVectors queries{context};
  std::unique_ptr<featurestore::Snapshot> snapshot;
  const registry::Revision* revision = nullptr;
  const registry::Retrieval* recipe = nullptr;
  Inputs inputs;
};

}  // namespace larder::serving

#endif  // LARDER_TESTS_SERVING_RECIPE_FIXTURE_H_
