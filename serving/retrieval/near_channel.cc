// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieval/near_channel.h"

#include <algorithm>
#include <string>
#include <utility>

#include "ann/vector_index.h"
#include "base/fixed_point.h"
#include "serving/live_recall.h"
#include "serving/query_vectors.h"

namespace larder::serving {
namespace {

using registry::Ordinal;

// What a search over-fetches when `where` is not part of it: twice, so that it pays for conditions
// that keep half or more of the candidates.
size_t OverFetch(size_t take) { return std::min(ann::kMaxK, std::max(2 * take, take + 64)); }

// Candidates that a search keeps when whole catalogs are gone through, at least: recall@20 of 0.99
// for items of 200,000 (bench/retrieve_all.cc), at two thirds of the time of the index's default.
constexpr size_t kOfflineEffort = 96;

size_t EffortOf(const RecipeRun& run, size_t wanted) {
  if (run.near_effort != 0 || !run.offline) return run.near_effort;
  const size_t effort = std::max(kOfflineEffort, 2 * wanted);
  return effort > ann::kMaxEffort ? 0 : effort;  // the index's own, which is as much then
}

std::vector<ChannelHit> ToHits(const std::vector<ann::Hit>& hits) {
  std::vector<ChannelHit> out(hits.size());
  for (size_t i = 0; i < hits.size(); ++i) out[i] = {hits[i].id, hits[i].score};
  return out;
}

std::string Plan(const LiveIndex& live, const ann::SearchResult& result) {
  return Concat("near ", live.name, ": ", ann::Describe(result));
}

StatusOr<ann::SearchResult> SearchOne(const LiveIndex& live, const ann::SearchRequest& request,
                                      const RecipeRun& run) {
  LARDER_ASSIGN_OR_RETURN(ann::SearchResult result, live.index->Search(request));
  if (!run.offline) run.context.backend.live_recall.Offer(live, request, result);
  return result;
}

}  // namespace

std::vector<int8_t> ToCodes(std::span<const float> values, bool floats) {
  std::vector<int8_t> codes = ToFixedPoint(values);
  if (!floats) codes.resize(values.size());
  return codes;
}

StatusOr<QueryVector> ToQuery(const registry::Column& column,
                              const registry::CompiledRegistry& registry) {
  if (!column.valid(0)) {
    if (column.reasons[0] == registry::Reason::kNeverComputed) {
      return Unavailable("the query is null (never_computed): its vectors are not all made yet");
    }
    return FailedPrecondition("the query is null (", registry::ReasonName(column.reasons[0]), ")");
  }
  const registry::Encoder* encoder = registry.FindEncoder(column.type.of);
  if (encoder == nullptr) {
    return Internal("the query is ", column.type.Name(), ", which is of no encoder");
  }
  QueryVector query{.space = encoder->digest, .codes = {}};
  const size_t n = column.type.dimensions;
  if (column.type.int8) {
    query.codes.assign(column.codes.begin(), column.codes.begin() + static_cast<ptrdiff_t>(n));
  } else {
    query.codes = ToCodes(std::span(column.floats).first(n), encoder->floats);
  }
  return query;
}

ann::SearchRequest NearSearch::Request(const ann::IdOrder& order) const {
  return {.query = query.codes,
          .space = query.space,
          .k = k,
          .effort = effort,
          .exclude = excluded,
          .order = &order,
          .deadline = deadline};
}

StatusOr<NearSearch> PrepareNear(const registry::Channel& channel, const RecipeRun& run,
                                 const Admission& admission) {
  LARDER_ASSIGN_OR_RETURN(
      const std::vector<registry::Column> columns,
      RunProgram(channel.program, run.inputs, 1, run.snapshot, run.queries));
  NearSearch search;
  StatusOr<QueryVector> query = ToQuery(columns.front(), run.registry);
  if (query.status().code() == StatusCode::kFailedPrecondition) {
    search.no_query = query.status();
    return search;
  }
  LARDER_ASSIGN_OR_RETURN(search.query, std::move(query));
  if (ann::IsZero(search.query.codes)) {
    search.no_query = FailedPrecondition("the query is the zero vector, which is near nothing");
    return search;
  }
  search.live = run.context.backend.indexes.Find(channel.feature.digest, run.snapshot);
  if (search.live == nullptr) return Unavailable("there is no index of this vector feature yet");
  search.k = admission.has_where() ? OverFetch(channel.take) : channel.take;
  search.excluded = admission.excluded();
  // Where there is no room for an over-fetch either.
  search.needs_filter = search.excluded.size() > ann::kMaxExcluded ||
                        (admission.has_where() && 2 * channel.take > ann::kMaxK);
  search.effort = EffortOf(run, search.needs_filter ? channel.take
                                                    : search.k + search.excluded.size());
  search.deadline = admission.context().deadline;
  return search;
}

void SearchTogether(std::span<NearSearch* const> searches, const ann::IdOrder& order) {
  std::vector<NearSearch*> asked;
  std::vector<ann::SearchRequest> requests;
  for (NearSearch* search : searches) {
    if (search->needs_filter || !search->no_query.ok()) continue;
    asked.push_back(search);
    requests.push_back(search->Request(order));
  }
  if (asked.empty()) return;
  auto results = asked.front()->live->index->SearchBatch(requests);
  if (!results.ok()) return;
  for (size_t i = 0; i < asked.size(); ++i) asked[i]->found = std::move((*results)[i]);
}

StatusOr<ChannelOutput> FinishNear(const registry::Channel& channel, const RecipeRun& run,
                                   Admission& admission, NearSearch search) {
  LARDER_RETURN_IF_ERROR(search.no_query);
  const KeyOrder order(run.snapshot, run.recipe.candidate);
  ChannelOutput output;
  if (!search.needs_filter) {
    if (!search.found.has_value()) {
      LARDER_ASSIGN_OR_RETURN(search.found, SearchOne(*search.live, search.Request(order), run));
    }
    const ann::SearchResult& result = *search.found;
    output.plan = Plan(*search.live, result);
    if (!admission.has_where()) {
      output.hits = ToHits(result.hits);
      return output;
    }
    LARDER_RETURN_IF_ERROR(
        AppendAdmitted(ToHits(result.hits), channel.take, admission, output.hits));
    if (output.hits.size() == channel.take || result.hits.size() < search.k) {
      output.plan += ", filtered after an over-fetch";
      return output;
    }
  }
  ann::SearchRequest request = search.Request(order);
  LARDER_ASSIGN_OR_RETURN(request.filter, admission.All());
  request.exclude = {};
  request.k = channel.take;
  LARDER_ASSIGN_OR_RETURN(const ann::SearchResult result, SearchOne(*search.live, request, run));
  output.hits = ToHits(result.hits);
  output.plan = Plan(*search.live, result);
  return output;
}

StatusOr<ChannelOutput> RunNear(const registry::Channel& channel, const RecipeRun& run,
                                Admission& admission) {
  LARDER_ASSIGN_OR_RETURN(NearSearch search, PrepareNear(channel, run, admission));
  return FinishNear(channel, run, admission, std::move(search));
}

}  // namespace larder::serving
