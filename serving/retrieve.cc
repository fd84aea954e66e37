// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieve.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "serving/column_codec.h"
#include "serving/encoders.h"
#include "serving/features.h"
#include "serving/index_epoch.h"
#include "serving/index_sink.h"
#include "serving/read_info.h"
#include "serving/request_values.h"
#include "serving/retrieval/admission.h"
#include "serving/retrieval/near_channel.h"
#include "serving/retrieval/rank.h"
#include "serving/retrieval/sample_channel.h"
#include "serving/retrieval/top_list.h"

namespace larder::serving {
namespace {

using registry::Channel;
using registry::Column;
using Steady = std::chrono::steady_clock;

DurationUs MicrosSince(Steady::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - start).count();
}

// Measures one step after the other.
class Laps {
 public:
  // Microseconds since the last lap.
  DurationUs Lap() {
    const DurationUs lap = MicrosSince(last_);
    last_ = Steady::now();
    return lap;
  }

 private:
  Steady::time_point last_ = Steady::now();
};

// A protobuf map's keys in order: the map itself has a new order in every process.
template <typename Map>
std::set<std::string> Names(const Map& map) {
  std::set<std::string> names;
  for (const auto& [name, value] : map) names.insert(name);
  return names;
}

// The same for the same request, whatever process and time (S9.2).
uint64_t SeedOf(const v1::RetrieveRequest& request, const registry::Retrieval& recipe) {
  if (request.has_seed()) return request.seed();
  std::string text;
  ByteWriter writer(text);
  writer.String(recipe.name);
  for (const std::string& name : Names(request.keys())) {
    writer.String(name);
    writer.String(request.keys().at(name));
  }
  writer.String("");  // no role has this name: what follows are columns
  for (const std::string& name : Names(request.request())) {
    writer.String(name);
    writer.String(request.request().at(name).SerializeAsString());
  }
  return Hash64(text);
}

StatusOr<ChannelOutput> RunOne(const Channel& channel, const RecipeRun& run, Admission& recipe) {
  Context context = run.context;
  if (channel.deadline > 0) {
    context.deadline =
        std::min(context.deadline, Steady::now() + std::chrono::microseconds(channel.deadline));
  }
  Admission admission(recipe, channel.where, context);
  switch (channel.kind) {
    case Channel::Kind::kNear: return RunNear(channel, run, admission);
    case Channel::Kind::kTop: return RunTop(channel, run, admission);
    case Channel::Kind::kSample: return RunSample(channel, run, admission);
  }
  return Unimplemented("a channel of this kind");
}

// What the recipe's channels gave, in its order; absent: dropped.
using Channels = std::vector<std::optional<ChannelOutput>>;

// Runs every channel; one that fails, or takes longer than its deadline, is dropped (S9.5).
// Errors: kDeadlineExceeded when the call's own deadline has passed.
StatusOr<Channels> RunChannels(const RecipeRun& run, Admission& admission,
                               const v1::RetrieveRequest& request, v1::RetrieveResponse& reply) {
  Channels channels;
  for (const Channel& channel : run.recipe.channels) {
    LARDER_RETURN_IF_ERROR(CheckDeadline(run.context));
    const Steady::time_point start = Steady::now();
    StatusOr<ChannelOutput> output = RunOne(channel, run, admission);
    LARDER_RETURN_IF_ERROR(CheckDeadline(run.context));
    const DurationUs took = MicrosSince(start);
    const bool late = channel.deadline > 0 && took >= channel.deadline;
    if (late && (output.ok() || output.status().code() == StatusCode::kDeadlineExceeded)) {
      output = DeadlineExceeded("took ", FormatDuration(took), ", its deadline is ",
                                FormatDuration(channel.deadline));
    }
    std::string line = Concat("channel ", channel.name, ": ");
    if (output.ok()) {
      line += Concat(output->plan, ", ", output->hits.size(), " hits");
      channels.emplace_back(*std::move(output));
    } else {
      line += Concat("dropped: ", Message(output.status()));
      v1::DroppedChannel* dropped = reply.add_dropped();
      dropped->set_name(channel.name);
      dropped->set_code(static_cast<uint32_t>(output.status().code()));
      dropped->set_message(std::string(Message(output.status())));
      channels.emplace_back(std::nullopt);
    }
    if (request.explain()) reply.add_explain(Concat(line, ", ", took, " us"));
  }
  return channels;
}

void SetChannelResult(const RecipeRun& run, const Channels& channels, size_t c,
                      const std::vector<Ranked>& ranked, v1::ChannelResult* out) {
  const Channel& channel = run.recipe.channels[c];
  std::vector<std::optional<double>> scores(ranked.size());
  std::vector<std::optional<int64_t>> ranks(ranked.size());
  out->set_name(channel.name);
  if (const std::optional<ChannelOutput>& output = channels[c]; output.has_value()) {
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

void SetResult(const RecipeRun& run, const Channels& channels, const std::vector<Ranked>& ranked,
               v1::RetrieveResponse& reply) {
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
      ReadSet(*set, inputs, run.snapshot, run.context.backend.encoders, request.want_ages()));
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

StatusOr<size_t> LimitOf(const v1::RetrieveRequest& request, const registry::Retrieval& recipe) {
  if (!request.has_limit()) return recipe.limit;
  if (request.limit() < 1 || request.limit() > recipe.limit) {
    return InvalidArgument("limit: expected 1 to the recipe's ", recipe.limit, ", got ",
                           request.limit());
  }
  return request.limit();
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

}  // namespace

StatusOr<v1::RetrieveResponse> Retrieve(const v1::RetrieveRequest& request,
                                        const Context& context) {
  if (request.recipe().empty() || request.recipe().size() > kMaxNameBytes) {
    return InvalidArgument("recipe: expected a name of 1 to ", kMaxNameBytes, " bytes");
  }
  LARDER_RETURN_IF_ERROR(CheckDeadline(context));
  Laps laps;
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
  LARDER_ASSIGN_OR_RETURN(const size_t limit, LimitOf(request, recipe));
  Inputs inputs;
  inputs.candidate_role = CandidateRole(recipe.roles);
  LARDER_ASSIGN_OR_RETURN(inputs.request,
                          RequestColumns(recipe.request_columns, request.request()));
  LARDER_ASSIGN_OR_RETURN(inputs.roles, RoleColumns(recipe.roles, request.keys(), *snapshot));
  reply.set_seed(SeedOf(request, recipe));
  const RecipeRun run{.recipe = recipe,
                      .registry = *revision->registry,
                      .inputs = inputs,
                      .snapshot = *snapshot,
                      .context = context,
                      .seed = reply.seed()};

  LARDER_ASSIGN_OR_RETURN(std::vector<registry::Ordinal> excluded, ExcludedOrdinals(run));
  if (request.explain()) reply.add_explain(Concat("exclude: ", excluded.size(), " candidates"));
  Admission admission(run, std::move(excluded));
  SetDuration(laps.Lap(), timings.mutable_filter());
  LARDER_ASSIGN_OR_RETURN(const Channels channels, RunChannels(run, admission, request, reply));
  SetDuration(laps.Lap(), timings.mutable_channels());

  const KeyOrder order(*snapshot, recipe.candidate);
  const std::vector<Ranked> ranked = Rank({.channels = channels,
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

}  // namespace larder::serving
