// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieval/near_channel.h"

#include <algorithm>
#include <string>
#include <utility>

#include "ann/vector_index.h"
#include "base/fixed_point.h"
#include "serving/encoders.h"
#include "serving/index_sink.h"

namespace larder::serving {
namespace {

using registry::Ordinal;

// What a search over-fetches when `where` is not part of it: twice, so that it pays for conditions
// that keep half or more of the candidates.
size_t OverFetch(size_t take) { return std::min(ann::kMaxK, std::max(2 * take, take + 64)); }

std::vector<ChannelHit> ToHits(const std::vector<ann::Hit>& hits) {
  std::vector<ChannelHit> out(hits.size());
  for (size_t i = 0; i < hits.size(); ++i) out[i] = {hits[i].id, hits[i].score};
  return out;
}

std::string Plan(const LiveIndex& live, const ann::SearchResult& result) {
  return Concat("near ", live.name, ": ", ann::Describe(result));
}

}  // namespace

std::vector<int8_t> ToCodes(std::span<const float> values, bool external) {
  std::vector<int8_t> codes = ToFixedPoint(values);
  if (!external) codes.resize(values.size());
  return codes;
}

StatusOr<QueryVector> ToQuery(const registry::Column& column,
                              const registry::CompiledRegistry& registry) {
  if (!column.valid(0)) {
    return FailedPrecondition("the query is null (", registry::ReasonName(column.reasons[0]), ")");
  }
  const registry::Encoder* encoder = registry.FindEncoder(column.type.of);
  if (encoder == nullptr) {
    return FailedPrecondition("the query is ", column.type.Name(), ", which is of no encoder");
  }
  QueryVector query{.space = encoder->digest, .codes = {}};
  const size_t n = column.type.dimensions;
  if (column.type.int8) {
    query.codes.assign(column.codes.begin(), column.codes.begin() + static_cast<ptrdiff_t>(n));
  } else {
    query.codes = ToCodes(std::span(column.floats).first(n), encoder->external);
  }
  return query;
}

StatusOr<ChannelOutput> RunNear(const registry::Channel& channel, const RecipeRun& run,
                                Admission& admission) {
  LARDER_ASSIGN_OR_RETURN(
      const std::vector<registry::Column> columns,
      RunProgram(channel.program, run.inputs, 1, run.snapshot, run.context.backend.encoders));
  LARDER_ASSIGN_OR_RETURN(const QueryVector query, ToQuery(columns.front(), run.registry));
  if (ann::IsZero(query.codes)) {
    return FailedPrecondition("the query is the zero vector, which is near nothing");
  }
  const LiveIndex* live = run.context.backend.indexes.Find(channel.feature.digest, run.snapshot);
  if (live == nullptr) return Unavailable("there is no index of this vector feature yet");

  const KeyOrder order(run.snapshot, run.recipe.candidate);
  ann::SearchRequest request{
      .query = query.codes,
      .space = query.space,
      .k = channel.take,
      .order = &order,
      .deadline = admission.context().deadline};
  ChannelOutput output;
  const bool short_list = admission.excluded().size() <= ann::kMaxK;
  if (short_list) {
    request.exclude = admission.excluded();
    if (admission.has_where()) request.k = OverFetch(channel.take);
    LARDER_ASSIGN_OR_RETURN(const ann::SearchResult result, live->index->Search(request));
    output.plan = Plan(*live, result);
    if (!admission.has_where()) {
      output.hits = ToHits(result.hits);
      return output;
    }
    LARDER_RETURN_IF_ERROR(
        AppendAdmitted(ToHits(result.hits), channel.take, admission, output.hits));
    if (output.hits.size() == channel.take || result.hits.size() < request.k) {
      output.plan += ", filtered after an over-fetch";
      return output;
    }
  }
  LARDER_ASSIGN_OR_RETURN(request.filter, admission.All());
  request.exclude = {};
  request.k = channel.take;
  LARDER_ASSIGN_OR_RETURN(const ann::SearchResult result, live->index->Search(request));
  output.hits = ToHits(result.hits);
  output.plan = Plan(*live, result);
  return output;
}

}  // namespace larder::serving
