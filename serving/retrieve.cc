// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieve.h"

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "serving/column_codec.h"
#include "serving/features.h"
#include "serving/index_epoch.h"
#include "serving/index_sink.h"
#include "serving/query_vectors.h"
#include "serving/read_info.h"
#include "serving/request_values.h"
#include "serving/retrieval/admission.h"
#include "serving/retrieval/channels.h"
#include "serving/retrieval/rank.h"
#include "serving/retrieval/recipe_request.h"

namespace larder::serving {
namespace {

using registry::Channel;
using registry::Column;
using Steady = std::chrono::steady_clock;

// Measures one step after the other.
class Laps {
 public:
  // Microseconds since the last lap.
  DurationUs Lap() {
    const Steady::time_point now = Steady::now();
    return std::chrono::duration_cast<std::chrono::microseconds>(now - std::exchange(last_, now))
        .count();
  }

 private:
  Steady::time_point last_ = Steady::now();
};

void SetDropped(const RecipeRun& run, const ChannelResults& results,
                v1::RetrieveResponse& reply) {
  for (size_t c = 0; c < results.dropped.size(); ++c) {
    if (results.dropped[c].ok()) continue;
    AddDropped(run.recipe.channels[c], results.dropped[c], reply.mutable_dropped());
  }
}

void Explain(const RecipeRun& run, const ChannelResults& results, v1::RetrieveResponse& reply) {
  for (size_t c = 0; c < results.outputs.size(); ++c) {
    const std::optional<ChannelOutput>& output = results.outputs[c];
    const std::string what = output.has_value()
                                 ? Concat(output->plan, ", ", output->hits.size(), " hits")
                                 : Concat("dropped: ", Message(results.dropped[c]));
    reply.add_explain(Concat("channel ", run.recipe.channels[c].name, ": ", what, ", ",
                             results.took[c], " us"));
  }
}

void SetChannelResult(const RecipeRun& run, const ChannelResults& channels, size_t c,
                      const std::vector<Ranked>& ranked, v1::ChannelResult* out) {
  const Channel& channel = run.recipe.channels[c];
  std::vector<std::optional<double>> scores(ranked.size());
  std::vector<std::optional<int64_t>> ranks(ranked.size());
  out->set_name(channel.name);
  if (const std::optional<ChannelOutput>& output = channels.outputs[c]; output.has_value()) {
    for (size_t i = 0; i < ranked.size(); ++i) {
      if (ranked[i].ranks[c] == 0) continue;
      ranks[i] = ranked[i].ranks[c];
      if (channel.kind != Channel::Kind::kSample) {
        scores[i] = output->hits[ranked[i].ranks[c] - 1].score;
      }
    }
    out->set_candidates(static_cast<uint32_t>(output->hits.size()));
    if (output->list_position.has_value()) {
      out->mutable_list_position()->set_value(output->list_position->value);
    }
  }
  EncodeDoubles("score", scores, out->mutable_scores());
  EncodeInts("rank", ranks, out->mutable_ranks());
}

void SetResult(const RecipeRun& run, const ChannelResults& channels,
               const std::vector<Ranked>& ranked, v1::RetrieveResponse& reply) {
  std::vector<std::string> keys(ranked.size());
  std::vector<std::optional<double>> scores(ranked.size());
  std::vector<std::optional<double>> propensities(ranked.size());
  for (size_t i = 0; i < ranked.size(); ++i) {
    keys[i] = run.snapshot.KeyOf(run.recipe.candidate, ranked[i].ordinal);
    scores[i] = ranked[i].score;
    propensities[i] = ranked[i].propensity;
  }
  EncodeStrings("candidate", keys, reply.mutable_ids());
  EncodeDoubles("score", scores, reply.mutable_scores());
  bool samples = false;
  for (size_t c = 0; c < run.recipe.channels.size(); ++c) {
    samples = samples || run.recipe.channels[c].kind == Channel::Kind::kSample;
    SetChannelResult(run, channels, c, ranked, reply.add_channels());
  }
  if (samples) EncodeDoubles("propensity", propensities, reply.mutable_propensities());
}

// The return set's columns of the result.
struct Hydrated {
  const registry::FeatureSet* set = nullptr;  // null: the recipe returns none
  std::vector<Column> columns;
};

StatusOr<Hydrated> Hydrate(const registry::FeatureSet* set, const std::vector<Ranked>& ranked,
                           const v1::RetrieveRequest& request, const RecipeRun& run) {
  Hydrated hydrated{.set = set, .columns = {}};
  if (set == nullptr) return hydrated;
  Inputs inputs;
  inputs.candidate_role = CandidateRole(set->roles);
  LARDER_ASSIGN_OR_RETURN(inputs.request, RequestColumns(set->request_columns, request.request()));
  LARDER_ASSIGN_OR_RETURN(inputs.roles, RoleColumns(set->roles, request.keys(), run.snapshot));
  std::vector<registry::Ordinal> ordinals(ranked.size());
  std::vector<std::string_view> keys(ranked.size());
  for (size_t i = 0; i < ranked.size(); ++i) {
    ordinals[i] = ranked[i].ordinal;
    keys[i] = run.snapshot.KeyOf(set->candidate, ordinals[i]);
  }
  inputs.roles[inputs.candidate_role] = KeyColumn(set->candidate, keys, std::move(ordinals));
  LARDER_ASSIGN_OR_RETURN(
      hydrated.columns,
      ReadSet(*set, inputs, run.snapshot, run.queries, request.want_ages()));
  return hydrated;
}

void SetEpochs(const RecipeRun& run, v1::RetrieveResponse& reply) {
  std::set<Digest> done;
  for (const Channel& channel : run.recipe.channels) {
    if (channel.kind != Channel::Kind::kNear || !done.insert(channel.feature.digest).second) {
      continue;
    }
    const LiveIndex* live = run.context.backend.indexes.Find(channel.feature.digest, run.snapshot);
    if (live != nullptr) SetEpoch(*live, reply.add_epochs());
  }
}

void SetRead(const featurestore::Snapshot& snapshot,
             const registry::History::ResolvedRetrieval& found, const registry::Revision& revision,
             v1::ReadInfo* out) {
  SetReadInfo(snapshot, found.revision, out);
  AddDefinition("retrieval", found.retrieval->name, found.version, found.retrieval->digest, out);
  if (found.return_set == nullptr) return;
  const auto it = revision.versions.find(found.return_set->name);
  AddDefinition("set", found.return_set->name, it == revision.versions.end() ? 0 : it->second,
                found.return_set->digest, out);
}

StatusOr<v1::RetrieveResponse> RetrieveInSnapshot(const v1::RetrieveRequest& request,
                                                  const Context& context, QueryVectors& queries,
                                                  Laps& laps) {
  v1::RetrieveResponse reply;
  v1::RetrieveTimings& timings = *reply.mutable_timings();
  LARDER_ASSIGN_OR_RETURN(
      auto snapshot,
      ReadStore(context, {request.min_position().value()}));
  SetDuration(laps.Lap(), timings.mutable_wait());

  LARDER_ASSIGN_OR_RETURN(const auto found, snapshot->history().FindRetrieval(request.recipe(),
                                                                              snapshot->active()));
  const registry::Retrieval& recipe = *found.retrieval;
  const registry::Revision* revision = snapshot->history().Find(found.revision);
  if (revision == nullptr) return Internal("revision ", found.revision, " is missing");
  std::optional<uint32_t> wanted;
  if (request.has_limit()) wanted = request.limit();
  LARDER_ASSIGN_OR_RETURN(const size_t limit, RecipeLimit(wanted, recipe));
  Inputs inputs;
  inputs.candidate_role = CandidateRole(recipe.roles);
  LARDER_ASSIGN_OR_RETURN(inputs.request,
                          RequestColumns(recipe.request_columns, request.request()));
  LARDER_ASSIGN_OR_RETURN(inputs.roles, RoleColumns(recipe.roles, request.keys(), *snapshot));
  reply.set_seed(request.has_seed() ? request.seed()
                                    : RecipeSeed(recipe, request.keys(), request.request()));
  const RecipeRun run{.recipe = recipe,
                      .registry = *revision->registry,
                      .inputs = inputs,
                      .snapshot = *snapshot,
                      .context = context,
                      .queries = queries,
                      .seed = reply.seed()};

  LARDER_ASSIGN_OR_RETURN(std::vector<registry::Ordinal> excluded, ExcludedOrdinals(run));
  if (request.explain()) reply.add_explain(Concat("exclude: ", excluded.size(), " candidates"));
  Admission admission(run, std::move(excluded));
  SetDuration(laps.Lap(), timings.mutable_filter());
  LARDER_ASSIGN_OR_RETURN(const ChannelResults channels, RunChannels(run, admission));
  SetDropped(run, channels, reply);
  if (request.explain()) Explain(run, channels, reply);
  SetDuration(laps.Lap(), timings.mutable_channels());

  const KeyOrder order(*snapshot, recipe.candidate);
  const std::vector<Ranked> ranked = Rank({.channels = channels.outputs,
                                           .definitions = recipe.channels,
                                           .rrf = recipe.rrf,
                                           .limit = limit,
                                           .order = order});
  SetDuration(laps.Lap(), timings.mutable_rank());
  LARDER_ASSIGN_OR_RETURN(const Hydrated hydrated,
                          Hydrate(found.return_set, ranked, request, run));
  SetResult(run, channels, ranked, reply);
  SetEpochs(run, reply);
  SetRead(*snapshot, found, *revision, reply.mutable_read());
  const EncodeOptions options{
      .reasons = request.want_reasons(), .ages = request.want_ages(), .now = snapshot->time()};
  snapshot.reset();  // columns own their values: apply need not wait for what follows

  for (size_t i = 0; i < hydrated.columns.size(); ++i) {
    const registry::OutputColumn& column = hydrated.set->columns[i];
    LARDER_RETURN_IF_ERROR(EncodeColumn(column.name, hydrated.columns[i], column.type, options,
                                        reply.add_columns()));
  }
  SetDuration(laps.Lap(), timings.mutable_hydrate());
  if (request.explain()) reply.add_explain(Concat("result: ", ranked.size(), " candidates"));
  return reply;
}

}  // namespace

StatusOr<v1::RetrieveResponse> Retrieve(const v1::RetrieveRequest& request,
                                        const Context& context) {
  LARDER_RETURN_IF_ERROR(CheckRecipeName(request.recipe()));
  LARDER_RETURN_IF_ERROR(CheckDeadline(context));
  Laps laps;
  QueryVectors queries(context);
  return queries.Run([&] { return RetrieveInSnapshot(request, context, queries, laps); });
}

}  // namespace larder::serving
