// SPDX-License-Identifier: Apache-2.0
// What a view stores: aggregates over windows, and vectors of rows.
#include <algorithm>

#include "base/bytes.h"
#include "registry/aggregate_call.h"
#include "registry/view_scope.h"

namespace larder::registry {
namespace {

std::string FeatureName(const FeatureModel& feature) {
  return Concat(feature.view->name, ".", feature.name);
}

bool UsesNow(const Program& program) {
  return std::any_of(program.nodes.begin(), program.nodes.end(),
                     [](const Node& node) { return node.op == Node::Op::kNow; });
}

// The condition of the view and that of the call, whichever there are.
std::optional<Expr> Condition(const std::optional<Expr>& view, const Expr* call) {
  if (!view && call == nullptr) return std::nullopt;
  if (!view) return *call;
  if (call == nullptr) return *view;
  Expr both;
  both.kind = Expr::Kind::kBinary;
  both.text = "and";
  both.at = call->at;
  both.file = call->file;
  both.args = {*view, *call};
  return both;
}

void AddColumns(const RecordScope& scope, IdentityDigest& digest) {
  for (const auto& [name, type] : scope.columns()) digest.Text(name).Of(type);
}

// The identity of an aggregate: what it computes, nothing of the view that asks (invariant 5).
Digest AggregateDigest(const Aggregate& aggregate, const Source& source, const Expr* argument,
                       const std::optional<Expr>& where, const RecordScope& scope) {
  IdentityDigest digest("larder-aggregate-1");
  digest.Text(aggregate.source)
      .Text(aggregate.entity)
      .Text(source.columns[aggregate.key_column].name)
      .Number(static_cast<uint64_t>(aggregate.function))
      .Text(argument != nullptr ? Canonical(*argument) : "")
      .Text(where ? Canonical(*where) : "")
      .Number(aggregate.n)
      .Number(aggregate.distinct ? 1 : 0)
      .Number(static_cast<uint64_t>(aggregate.window.kind))
      .Number(static_cast<uint64_t>(aggregate.window.width));
  AddColumns(scope, digest);
  return digest.Finish();
}

// Compiles argument and condition of an aggregate into its program.
bool CompileInputs(const AggregateCall& call, const Expr& expr, const std::optional<Expr>& where,
                   RecordScope& scope, Aggregate& aggregate,
                   std::vector<Diagnostic>& complaints) {
  ProgramBuilder builder;
  std::vector<int> outputs;
  if (call.argument != nullptr) {
    outputs.push_back(Lower(*call.argument, scope, builder, complaints));
  }
  if (where) {
    outputs.push_back(LowerAs(*where, MakeType(Kind::kBool), "where", scope, builder, complaints));
  }
  for (const int output : outputs) {
    if (output < 0) return false;
  }
  aggregate.has_argument = call.argument != nullptr;
  aggregate.has_where = where.has_value();
  if (aggregate.has_argument) aggregate.argument_type = builder.type(outputs[0]);
  const std::optional<Type> type = AggregateType(
      call, aggregate.has_argument ? &aggregate.argument_type : nullptr, complaints);
  if (!type) return false;
  aggregate.type = *type;
  aggregate.program = builder.Finish(outputs);
  if (!UsesNow(aggregate.program)) return true;
  Report(complaints, expr, "now and age(…) cannot be used inside an aggregate, which is stored; "
         "finish it at read, as in age(last(t))");
  return false;
}

}  // namespace

bool CheckWhere(const ViewModel& view, std::vector<Diagnostic>& complaints,
                CompileContext& context) {
  ProgramBuilder builder;
  RecordScope scope(*view.source, "in 'where:'", context);
  const int node =
      LowerAs(*view.where, MakeType(Kind::kBool), "where", scope, builder, complaints);
  if (node < 0) return false;
  const int outputs[] = {node};
  if (!UsesNow(builder.Finish(outputs))) return true;
  Report(complaints, *view.where, "now and age(…) cannot be used in 'where:': what it keeps is "
         "stored");
  return false;
}

Type VectorType(const Encoder& encoder) {
  Type type = MakeType(Kind::kVector, encoder.name, encoder.dimensions);
  type.int8 = !encoder.floats;
  return type;
}

StoredFeature MakeStored(StoredKind kind, std::string_view entity, std::string_view source,
                         std::string_view column, const Digest& digest, Type type) {
  StoredFeature stored;
  stored.kind = kind;
  stored.entity = entity;
  stored.source = source;
  stored.column = column;
  stored.digest = digest;
  stored.type = std::move(type);
  std::string bytes;
  ByteWriter writer(bytes);
  writer.Fixed(static_cast<uint8_t>(kind));
  writer.String(entity);
  writer.String(source);
  writer.String(column);
  writer.Raw(digest.view());
  stored.id = HashTo128(bytes);
  return stored;
}

std::optional<StoredFeature> CompileAggregate(const Expr& call, const FeatureModel& feature,
                                              CompileContext& context,
                                              std::vector<Diagnostic>& complaints) {
  if (const auto it = context.compiled_calls.find(&call); it != context.compiled_calls.end()) {
    return it->second;
  }
  const std::optional<AggregateCall> parts = AsAggregate(call, complaints);
  if (!parts) return std::nullopt;
  const ViewModel& view = *feature.view;
  Aggregate aggregate;
  aggregate.name = FeatureName(feature);
  aggregate.source = view.source->source.name;
  aggregate.entity = view.entity;
  aggregate.key_column = view.key_column;
  aggregate.function = parts->function;
  aggregate.n = parts->n;
  aggregate.distinct = parts->distinct;
  aggregate.window = parts->window;
  const std::optional<Expr> where = Condition(view.where, parts->where);
  RecordScope scope(*view.source, "inside an aggregate", context);
  if (!CompileInputs(*parts, call, where, scope, aggregate, complaints)) return std::nullopt;
  aggregate.digest =
      AggregateDigest(aggregate, view.source->source, parts->argument, where, scope);
  const StoredFeature stored = MakeStored(StoredKind::kAggregate, view.entity, "", "",
                                          aggregate.digest, aggregate.type);
  context.compiled_calls.emplace(&call, stored);
  context.aggregates.emplace(aggregate.digest, std::move(aggregate));
  return stored;
}

std::optional<StoredFeature> CompileVector(const Expr& call, const FeatureModel& feature,
                                           CompileContext& context,
                                           std::vector<Diagnostic>& complaints) {
  const ViewModel& view = *feature.view;
  const bool names_encoder = !call.args.empty() && call.args[0].kind == Expr::Kind::kPath &&
                             call.args[0].names.size() == 1;
  if (!names_encoder || call.args.size() < 2 || call.args.size() > kMaxEmbedFields + 1 ||
      !call.clauses.empty()) {
    Report(complaints, call, "expected embed(encoder, text, …) with 1 to ", kMaxEmbedFields,
           " texts");
    return std::nullopt;
  }
  const std::string& name = call.args[0].names[0];
  if (context.broken_encoders.contains(name)) return std::nullopt;
  const auto encoder = context.encoders.find(name);
  if (encoder == context.encoders.end()) {
    Report(complaints, call.args[0], "no encoder '", name, "'",
           context.Suggest(name, {DocumentKind::kEncoder}));
    return std::nullopt;
  }
  if (encoder->second.external) {
    Report(complaints, call.args[0], "encoder ", name, " is external: its vectors come with the "
           "rows, it cannot embed text");
    return std::nullopt;
  }
  ProgramBuilder builder;
  RecordScope scope(*view.source, "inside embed", context);
  std::vector<int> fields;
  IdentityDigest digest("larder-vector-1");
  digest.Text(view.source->source.name).Text(view.entity).Of(encoder->second.digest);
  bool good = true;
  for (size_t i = 1; i < call.args.size(); ++i) {
    fields.push_back(LowerAs(call.args[i], MakeType(Kind::kString), "embed", scope, builder,
                             complaints));
    digest.Text(Canonical(call.args[i]));
    good = good && fields.back() >= 0;
  }
  if (!good) return std::nullopt;
  AddColumns(scope, digest);

  VectorFeature vector;
  vector.digest = digest.Finish();
  vector.name = FeatureName(feature);
  vector.entity = view.entity;
  vector.source = view.source->source.name;
  vector.program = builder.Finish(fields);
  vector.encoder = name;
  vector.space = encoder->second.digest;
  vector.dimensions = encoder->second.dimensions;
  vector.floats = encoder->second.floats;
  if (UsesNow(vector.program)) {
    Report(complaints, call, "now cannot be used inside embed, which is stored");
    return std::nullopt;
  }
  const StoredFeature stored = MakeStored(StoredKind::kVector, view.entity, "", "", vector.digest,
                                          VectorType(encoder->second));
  context.vector_names[vector.name] = vector.digest;
  context.vectors.emplace(vector.digest, std::move(vector));
  return stored;
}

}  // namespace larder::registry
