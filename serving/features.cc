// SPDX-License-Identifier: Apache-2.0
#include "serving/features.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "serving/bounded_reader.h"
#include "serving/column_codec.h"
#include "serving/query_vectors.h"
#include "serving/read_info.h"
#include "serving/request_values.h"

namespace larder::serving {
namespace {

using registry::Column;
using registry::Reason;

// Which nodes of `program` have one value per candidate.
std::vector<bool> DependsOnCandidate(const registry::Program& program, size_t candidate_role) {
  std::vector<bool> depends(program.nodes.size());
  for (size_t i = 0; i < program.nodes.size(); ++i) {
    const registry::Node& node = program.nodes[i];
    depends[i] = node.op == registry::Node::Op::kRoleKey &&
                 static_cast<size_t>(node.index) == candidate_role;
    for (const int arg : node.args) depends[i] = depends[i] || depends[static_cast<size_t>(arg)];
  }
  return depends;
}

// Why each candidate is none (S5.2), kValid if it is one. Empty if all are.
std::vector<Reason> StatesOf(const std::string& entity, std::span<const registry::Ordinal> ordinals,
                             const featurestore::Snapshot& snapshot) {
  const std::span<const uint64_t> live = snapshot.Candidates(entity);
  std::vector<Reason> states(ordinals.size(), Reason::kValid);
  bool all = true;
  for (size_t row = 0; row < ordinals.size(); ++row) {
    const registry::Ordinal ordinal = ordinals[row];
    if (ordinal / 64 < live.size() && (live[ordinal / 64] >> (ordinal % 64) & 1) != 0) continue;
    states[row] = ordinal == registry::kNoOrdinal ? Reason::kNotFound
                                                  : snapshot.CandidateState(entity, ordinal);
    all = all && states[row] == Reason::kValid;
  }
  if (all) states.clear();
  return states;
}

// True if row `row` of a column of lists or texts has something in it.
bool Holds(const Column& column, size_t row) {
  return column.type.list ? column.offsets[row] < column.offsets[row + 1]
                          : !column.strings[row].empty();
}

// `column` with the rows that are no candidates null and without what they held.
Column Rebuilt(const Column& column, std::span<const Reason> states) {
  Column out = Column::Of(column.type, column.rows);
  for (size_t row = 0; row < column.rows; ++row) {
    if (states[row] == Reason::kValid) {
      out.AppendRow(column, row);
    } else {
      out.AppendNull(states[row]);
      if (!column.times.empty()) out.times.push_back(registry::kNoTime);
    }
  }
  return out;
}

// The same in place, where that needs no value to move.
void Mask(std::span<const Reason> states, Column& column) {
  const bool fixed = !column.type.list && column.strings.size() == 0;
  const size_t dimensions = column.type.dimensions;
  for (size_t row = 0; row < column.rows; ++row) {
    if (states[row] == Reason::kValid) continue;
    if (!fixed && Holds(column, row)) {
      column = Rebuilt(column, states);
      return;
    }
    column.reasons[row] = states[row];
    if (!column.times.empty()) column.times[row] = registry::kNoTime;
    if (!fixed) continue;
    if (!column.ints.empty()) column.ints[row] = 0;
    if (!column.doubles.empty()) column.doubles[row] = 0;
    if (!column.codes.empty()) std::fill_n(&column.codes[row * dimensions], dimensions, 0);
    if (!column.floats.empty()) std::fill_n(&column.floats[row * dimensions], dimensions, 0);
  }
}

Status CheckRequest(const v1::GetFeaturesRequest& request) {
  if (request.set().empty() || request.set().size() > kMaxNameBytes) {
    return InvalidArgument("set: expected a name of 1 to ", kMaxNameBytes, " bytes");
  }
  if (static_cast<size_t>(request.candidates_size()) > kMaxCandidates) {
    return InvalidArgument("candidates: at most ", kMaxCandidates, ", got ",
                             request.candidates_size());
  }
  for (int i = 0; i < request.candidates_size(); ++i) {
    // The place is spelled only for a bad key: this loop is on the fast path.
    const std::string& key = request.candidates(i);
    if (key.empty() || key.size() > kMaxKeyBytes || !IsUtf8(key)) {
      return CheckKey(Concat("candidate ", i), key);
    }
  }
  return OkStatus();
}

}  // namespace

size_t CandidateRole(std::span<const registry::Role> roles) {
  for (size_t i = 0; i < roles.size(); ++i) {
    if (roles[i].candidate) return i;
  }
  return roles.size();
}

StatusOr<std::vector<Column>> RunProgram(const registry::Program& program, const Inputs& inputs,
                                         size_t rows, featurestore::Snapshot& snapshot,
                                         registry::TextEmbedder& embedder, bool want_times) {
  BoundedReader reader(snapshot);
  return registry::Run(program, {.rows = rows,
                                 .now = snapshot.time(),
                                 .want_times = want_times,
                                 .record = {},
                                 .request = inputs.request,
                                 .roles = inputs.roles,
                                 .reader = &reader,
                                 .embedder = &embedder});
}

StatusOr<std::vector<Column>> ReadSet(const registry::FeatureSet& set, const Inputs& inputs,
                                      featurestore::Snapshot& snapshot,
                                      registry::TextEmbedder& embedder, bool want_times) {
  const Column& candidates = inputs.roles[inputs.candidate_role];
  LARDER_ASSIGN_OR_RETURN(
      std::vector<Column> columns,
      RunProgram(set.program, inputs, candidates.rows, snapshot, embedder, want_times));
  const std::vector<Reason> states = StatesOf(set.candidate, candidates.ordinals, snapshot);
  if (states.empty()) return columns;
  const std::vector<bool> depends = DependsOnCandidate(set.program, inputs.candidate_role);
  for (size_t i = 0; i < columns.size(); ++i) {
    if (depends[static_cast<size_t>(set.program.outputs[i])] &&
        columns[i].rows == candidates.rows) {
      Mask(states, columns[i]);
    }
  }
  return columns;
}

namespace {

StatusOr<v1::GetFeaturesResponse> ReadInSnapshot(const v1::GetFeaturesRequest& request,
                                                 const Context& context, QueryVectors& queries) {
  const std::vector<std::string_view> keys(request.candidates().begin(),
                                           request.candidates().end());
  const featurestore::Position min_position{request.min_position().value()};

  v1::GetFeaturesResponse reply;
  LARDER_ASSIGN_OR_RETURN(auto snapshot, ReadStore(context, min_position));
  LARDER_ASSIGN_OR_RETURN(const auto found,
                          snapshot->history().FindSet(request.set(), snapshot->active()));
  const registry::FeatureSet& set = *found.set;

  Inputs inputs;
  inputs.candidate_role = CandidateRole(set.roles);
  if (inputs.candidate_role == set.roles.size()) {
    return Internal("set '", set.name, "' has no candidate role");
  }
  LARDER_ASSIGN_OR_RETURN(inputs.request, RequestColumns(set.request_columns, request.request()));
  LARDER_ASSIGN_OR_RETURN(inputs.roles, RoleColumns(set.roles, request.keys(), *snapshot));
  std::vector<registry::Ordinal> ordinals(keys.size(), registry::kNoOrdinal);
  snapshot->FindKeys(set.candidate, keys, ordinals);
  inputs.roles[inputs.candidate_role] = KeyColumn(set.candidate, keys, std::move(ordinals));

  LARDER_ASSIGN_OR_RETURN(
      const std::vector<Column> columns,
      ReadSet(set, inputs, *snapshot, queries, request.want_ages()));
  SetReadInfo(*snapshot, found.revision, reply.mutable_read());
  AddDefinition("set", set.name, found.version, set.digest, reply.mutable_read());
  const EncodeOptions options{.reasons = request.want_reasons(),
                              .ages = request.want_ages(),
                              .now = snapshot->time()};
  // Columns own their values: apply need not wait while they are encoded.
  snapshot.reset();

  LARDER_RETURN_IF_ERROR(EncodeColumn("candidate", inputs.roles[inputs.candidate_role],
                                      inputs.roles[inputs.candidate_role].type, {},
                                      reply.mutable_ids()));
  for (size_t i = 0; i < columns.size(); ++i) {
    LARDER_RETURN_IF_ERROR(EncodeColumn(set.columns[i].name, columns[i], set.columns[i].type,
                                        options, reply.add_columns()));
  }
  return reply;
}

}  // namespace

StatusOr<v1::GetFeaturesResponse> GetFeatures(const v1::GetFeaturesRequest& request,
                                              const Context& context) {
  LARDER_RETURN_IF_ERROR(CheckRequest(request));
  LARDER_RETURN_IF_ERROR(CheckDeadline(context));
  QueryVectors queries(context);
  return queries.Run([&] { return ReadInSnapshot(request, context, queries); });
}

}  // namespace larder::serving
