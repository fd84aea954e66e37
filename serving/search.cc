// SPDX-License-Identifier: Apache-2.0
#include "serving/search.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "serving/column_codec.h"
#include "serving/encoders.h"
#include "serving/index_epoch.h"
#include "serving/index_sink.h"
#include "serving/live_recall.h"
#include "serving/read_info.h"
#include "serving/request_values.h"
#include "serving/retrieval/near_channel.h"
#include "serving/retrieval/recipe_run.h"

namespace larder::serving {
namespace {

// A vector feature and the revision that it was found in. Copied, so that it outlives a snapshot.
struct Found {
  Digest digest;
  Digest space;
  std::string name;
  uint32_t dimensions = 0;
  bool external = false;
  bool floats = false;
  uint64_t revision = 0;
};

StatusOr<Found> FindFeature(std::string_view name, const featurestore::Snapshot& snapshot) {
  LARDER_ASSIGN_OR_RETURN(const NamedVector named, FindVector(name, snapshot));
  const registry::VectorFeature& feature = *named.feature;
  return Found{feature.digest,     feature.space,       feature.name,
               feature.dimensions, feature.external(), feature.floats, named.revision};
}

Status CheckRequest(const v1::SearchRequest& request) {
  if (request.feature().empty() || request.feature().size() > kMaxNameBytes) {
    return InvalidArgument("feature: expected a name of 1 to ", kMaxNameBytes, " bytes");
  }
  if (request.k() > kMaxSearchHits) {
    return InvalidArgument("k: expected 1 to ", kMaxSearchHits, ", got ", request.k());
  }
  if (request.effort() > ann::kMaxEffort) {
    return InvalidArgument("effort: at most ", ann::kMaxEffort, ", got ", request.effort());
  }
  if (request.has_min_score() && !(request.min_score() >= -1 && request.min_score() <= 1)) {
    return InvalidArgument("min_score: expected -1 to 1, got ", request.min_score());
  }
  switch (request.query_case()) {
    case v1::SearchRequest::kText:
      if (request.text().size() > kMaxSearchTextBytes) {
        return InvalidArgument("text of ", request.text().size(), " bytes, at most ",
                               kMaxSearchTextBytes);
      }
      return IsUtf8(request.text()) ? OkStatus() : InvalidArgument("text is not UTF-8");
    case v1::SearchRequest::kKey: return CheckKey("key", request.key());
    case v1::SearchRequest::kVector: return OkStatus();
    case v1::SearchRequest::QUERY_NOT_SET: break;
  }
  return InvalidArgument("expected one of text, key or vector");
}

// A vector that the caller made, as codes.
StatusOr<QueryVector> FromCaller(const v1::QueryVector& vector, const Found& found) {
  QueryVector query;
  if (vector.space().empty()) {
    return InvalidArgument("space: a vector needs the digest of the encoder that made it");
  }
  LARDER_ASSIGN_OR_RETURN(query.space, Digest::FromHex(vector.space()));
  if (vector.components_case() == v1::QueryVector::kCodesI8) {
    const std::string& codes = vector.codes_i8();
    if (codes.size() != found.dimensions) {
      return InvalidArgument("expected ", found.dimensions, " codes, got ", codes.size());
    }
    query.codes.assign(codes.begin(), codes.end());
    if (found.floats) {
      query.codes = ToCodes(std::vector<float>(codes.begin(), codes.end()), true);
    }
    return query;
  }
  if (vector.values_f32le().size() != found.dimensions * sizeof(float)) {
    return InvalidArgument("expected ", found.dimensions, " float32 components, got ",
                           vector.values_f32le().size(), " bytes");
  }
  std::vector<float> values(found.dimensions);
  std::memcpy(values.data(), vector.values_f32le().data(), vector.values_f32le().size());
  if (!std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); })) {
    return InvalidArgument("the vector has a component that is not finite");
  }
  query.codes = ToCodes(values, found.floats);
  return query;
}

// A text's vector, made without a snapshot so that apply does not wait for it.
StatusOr<QueryVector> FromText(const std::string& text, const Found& found,
                               const Context& context) {
  if (found.external) {
    return FailedPrecondition("'", found.name, "' holds vectors that come with the rows: search by "
                              "key or vector, there is no encoder for a text");
  }
  Encoders& encoders = context.backend.encoders;
  LARDER_ASSIGN_OR_RETURN(const text::Encoder* encoder, encoders.Get(found.space));
  QueryVector query{.space = found.space,
                    .codes = std::vector<int8_t>(encoder->info().code_size())};
  const std::string_view view = text;
  LARDER_RETURN_IF_ERROR(encoders.Embed(found.space, {&view, 1}, query.codes,
                                        {.role = text::TextRole::kQuery,
                                         .deadline = context.deadline,
                                         .cancelled = context.cancelled}));
  return query;
}

StatusOr<std::unique_ptr<featurestore::Snapshot>> Read(const v1::SearchRequest& request,
                                                       const Context& context) {
  return ReadStore(context, {request.min_position().value()});
}

// Looks the feature up and makes a query of what does not need the index.
StatusOr<std::pair<Found, QueryVector>> Prepare(const v1::SearchRequest& request,
                                                const Context& context) {
  Found found;
  {
    LARDER_ASSIGN_OR_RETURN(const auto snapshot, Read(request, context));
    LARDER_ASSIGN_OR_RETURN(found, FindFeature(request.feature(), *snapshot));
  }
  QueryVector query;
  if (request.query_case() == v1::SearchRequest::kText) {
    LARDER_ASSIGN_OR_RETURN(query, FromText(request.text(), found, context));
  } else if (request.query_case() == v1::SearchRequest::kVector) {
    LARDER_ASSIGN_OR_RETURN(query, FromCaller(request.vector(), found));
  }
  return std::pair(std::move(found), std::move(query));
}

void SetHits(const ann::SearchResult& result, const LiveIndex& live,
             featurestore::Snapshot& snapshot, v1::SearchResponse& reply) {
  std::vector<std::string> keys;
  std::vector<std::optional<double>> scores;
  for (const ann::Hit& hit : result.hits) {
    keys.emplace_back(snapshot.KeyOf(live.entity, hit.id));
    scores.emplace_back(hit.score);
  }
  EncodeStrings("key", keys, reply.mutable_ids());
  EncodeDoubles("score", scores, reply.mutable_scores());
  reply.set_plan(ann::Describe(result));
}

}  // namespace

StatusOr<v1::SearchResponse> Search(const v1::SearchRequest& request, const Context& context) {
  LARDER_RETURN_IF_ERROR(CheckRequest(request));
  LARDER_RETURN_IF_ERROR(CheckDeadline(context));
  LARDER_ASSIGN_OR_RETURN(auto prepared, Prepare(request, context));
  auto& [found, query] = prepared;
  LARDER_RETURN_IF_ERROR(CheckDeadline(context));

  LARDER_ASSIGN_OR_RETURN(const auto snapshot, Read(request, context));
  const LiveIndex* live = context.backend.indexes.Find(found.digest, *snapshot);
  if (live == nullptr) return Unavailable("'", found.name, "' has no index yet");
  const KeyOrder order(*snapshot, live->entity);
  ann::SearchRequest search{.k = request.k() == 0 ? 10 : request.k(),
                            .effort = request.effort(),
                            .exact = request.exact(),
                            .order = &order,
                            .deadline = context.deadline};
  registry::Ordinal self = registry::kNoOrdinal;
  if (request.query_case() == v1::SearchRequest::kKey) {
    const std::string_view key = request.key();
    snapshot->FindKeys(live->entity, {&key, 1}, {&self, 1});
    if (self == registry::kNoOrdinal) return NotFound(live->entity, " '", key, "' was never seen");
    const ann::VectorView vector = live->index->Find(self);
    if (vector.empty()) {
      return FailedPrecondition(live->entity, " '", key, "' has no vector in '", found.name, "'");
    }
    query = {.space = live->index->space(), .codes = vector.Codes()};
    search.exclude = {&self, 1};
  }
  search.query = query.codes;
  search.space = query.space;
  if (request.has_min_score()) search.min_score = request.min_score();

  v1::SearchResponse reply;
  if (request.query_case() == v1::SearchRequest::kText &&
      ann::IsZero(query.codes)) {
    return FailedPrecondition("no word of the text is known to the encoder of '", found.name, "'");
  }
  LARDER_ASSIGN_OR_RETURN(const ann::SearchResult result, live->index->Search(search));
  context.backend.live_recall.Offer(*live, search, result);
  SetHits(result, *live, *snapshot, reply);
  SetEpoch(*live, reply.mutable_epoch());
  SetReadInfo(*snapshot, found.revision, reply.mutable_read());
  return reply;
}

}  // namespace larder::serving
