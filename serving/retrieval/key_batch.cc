// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieval/key_batch.h"

#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "serving/query_vectors.h"
#include "serving/retrieval/admission.h"
#include "serving/retrieval/channels.h"
#include "serving/retrieval/near_channel.h"
#include "serving/retrieval/rank.h"
#include "serving/retrieval/recipe_request.h"
#include "serving/retrieval/recipe_run.h"
#include "serving/retrieval/shared_conditions.h"

namespace larder::serving {
namespace {

using registry::Channel;

// What the runs of a batch share.
struct Shared {
  const KeyJob& job;
  const registry::Retrieval& recipe;
  const registry::CompiledRegistry& registry;
  featurestore::Snapshot& snapshot;
  const Context& context;
  QueryVectors& queries;
  SharedConditions& conditions;
};

// The run for one key. Its parts point at each other, so it stays where it is.
struct KeyRun {
  KeyRun(const Shared& shared, Inputs what, uint64_t seed)
      : inputs(std::move(what)),
        run{.recipe = shared.recipe,
            .registry = shared.registry,
            .inputs = inputs,
            .snapshot = shared.snapshot,
            .context = shared.context,
            .queries = shared.queries,
            .seed = seed,
            .offline = true,
            .near_effort = shared.job.effort,
            .conditions = &shared.conditions},
        prepared(shared.recipe.channels.size()) {}
  KeyRun(const KeyRun&) = delete;
  KeyRun& operator=(const KeyRun&) = delete;

  Inputs inputs;
  RecipeRun run;
  std::optional<Admission> admission;  // absent only while it is made
  PreparedSearches prepared;
};

Status OfKey(const Status& status, std::string_view key, std::string_view part) {
  return Annotate(status, Concat("key '", key, "': ", part));
}

StatusOr<std::deque<KeyRun>> Begin(const Shared& shared, std::span<const std::string> keys,
                                   std::span<v1::KeyResult> results) {
  const registry::Retrieval& recipe = shared.recipe;
  Inputs common;
  common.candidate_role = CandidateRole(recipe.roles);
  LARDER_ASSIGN_OR_RETURN(common.request,
                          RequestColumns(recipe.request_columns, shared.job.request));
  std::deque<KeyRun> runs;
  KeyMap key_of_role;
  for (size_t i = 0; i < keys.size(); ++i) {
    results[i].Clear();
    results[i].set_key(keys[i]);
    key_of_role[shared.job.role] = keys[i];
    Inputs inputs = common;
    LARDER_ASSIGN_OR_RETURN(inputs.roles,
                            RoleColumns(recipe.roles, key_of_role, shared.snapshot));
    KeyRun& run = runs.emplace_back(shared, std::move(inputs),
                                    RecipeSeed(recipe, key_of_role, shared.job.request));
    StatusOr<std::vector<registry::Ordinal>> excluded = ExcludedOrdinals(run.run);
    if (!excluded.ok()) return OfKey(excluded.status(), keys[i], "exclude");
    run.admission.emplace(run.run, *std::move(excluded));
  }
  return runs;
}

void SearchAhead(const Shared& shared, size_t c, const ann::IdOrder& order,
                 std::deque<KeyRun>& runs) {
  const Channel& channel = shared.recipe.channels[c];
  std::vector<NearSearch*> searches;
  for (KeyRun& run : runs) {
    const Admission admission(*run.admission, channel.where, shared.context);
    StatusOr<NearSearch>& prepared =
        run.prepared[c].emplace(PrepareNear(channel, run.run, admission));
    if (prepared.ok()) searches.push_back(&*prepared);
  }
  SearchTogether(searches, order);
}

void SetRanked(const Shared& shared, const std::vector<Ranked>& ranked, v1::KeyResult& result) {
  // First all keys are found and then copied: the processor waits for several at once.
  std::vector<std::string_view> ids;
  ids.reserve(ranked.size());
  for (const Ranked& candidate : ranked) {
    ids.push_back(shared.snapshot.KeyOf(shared.recipe.candidate, candidate.ordinal));
  }
  result.mutable_ids()->Reserve(static_cast<int>(ranked.size()));
  result.mutable_scores()->Reserve(static_cast<int>(ranked.size()));
  for (size_t i = 0; i < ranked.size(); ++i) {
    result.add_ids(ids[i].data(), ids[i].size());
    result.add_scores(ranked[i].score.value_or(std::numeric_limits<double>::quiet_NaN()));
  }
}

Status Finish(const Shared& shared, const ann::IdOrder& order, KeyRun& run,
              v1::KeyResult& result) {
  const registry::Retrieval& recipe = shared.recipe;
  std::vector<bool> without_query(recipe.channels.size());
  for (size_t c = 0; c < recipe.channels.size(); ++c) {
    const std::optional<StatusOr<NearSearch>>& search = run.prepared[c];
    without_query[c] = search.has_value() && search->ok() && !(*search)->no_query.ok();
  }
  LARDER_ASSIGN_OR_RETURN(const ChannelResults channels,
                          RunChannels(run.run, *run.admission, std::move(run.prepared)));
  for (size_t c = 0; c < channels.dropped.size(); ++c) {
    if (channels.dropped[c].ok()) continue;
    if (!without_query[c]) {
      return OfKey(channels.dropped[c], result.key(),
                   Concat("channel '", recipe.channels[c].name, "'"));
    }
    AddDropped(recipe.channels[c], channels.dropped[c], result.mutable_dropped());
  }
  SetRanked(shared,
            Rank({.channels = channels.outputs,
                  .definitions = recipe.channels,
                  .rrf = recipe.rrf,
                  .limit = shared.job.limit,
                  .order = order}),
            result);
  return OkStatus();
}

StatusOr<std::chrono::steady_clock::duration> RunInSnapshot(const KeyJob& job,
                                                            std::span<const std::string> keys,
                                                            const Context& context,
                                                            QueryVectors& queries,
                                                            std::span<v1::KeyResult> results) {
  LARDER_ASSIGN_OR_RETURN(const auto snapshot, ReadStore(context));
  LARDER_ASSIGN_OR_RETURN(const auto found, snapshot->history().FindRetrieval(job.recipe,
                                                                              snapshot->active()));
  const registry::Revision* revision = snapshot->history().Find(found.revision);
  if (revision == nullptr) return Internal("revision ", found.revision, " is missing");
  SharedConditions conditions(*found.retrieval);
  const Shared shared{job,     *found.retrieval, *revision->registry, *snapshot,
                      context, queries,          conditions};

  LARDER_ASSIGN_OR_RETURN(std::deque<KeyRun> runs, Begin(shared, keys, results));
  const KeyOrder order(*snapshot, shared.recipe.candidate);
  for (size_t c = 0; c < shared.recipe.channels.size(); ++c) {
    if (shared.recipe.channels[c].kind == Channel::Kind::kNear) SearchAhead(shared, c, order, runs);
  }
  for (size_t i = 0; i < runs.size(); ++i) {
    LARDER_RETURN_IF_ERROR(Finish(shared, order, runs[i], results[i]));
  }
  return conditions.took();
}

}  // namespace

StatusOr<std::chrono::steady_clock::duration> RunKeyBatch(const KeyJob& job,
                                                          std::span<const std::string> keys,
                                                          const Context& context,
                                                          std::span<v1::KeyResult> results) {
  QueryVectors queries(context);
  return queries.Run([&] { return RunInSnapshot(job, keys, context, queries, results); });
}

}  // namespace larder::serving
