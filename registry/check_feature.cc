// SPDX-License-Identifier: Apache-2.0
// Compiles each feature of a view by itself: its type, its identity, what it stores.
#include "registry/feature_resolver.h"
#include "registry/view_scope.h"

namespace larder::registry {
namespace {

std::string Name(const FeatureModel& feature) {
  return Concat(feature.view->name, ".", feature.name);
}

std::string CycleText(const FeatureModel& feature, const CompileContext& context) {
  std::string text;
  bool inside = false;
  for (const FeatureModel* link : context.checking) {
    inside = inside || link == &feature;
    if (inside) text.append(Name(*link)).append(" -> ");
  }
  return text + Name(feature);
}

// The source whose records a stored feature comes from.
const Source* SourceOf(const StoredFeature& stored, const CompileContext& context) {
  std::string name = stored.source;
  if (stored.kind == StoredKind::kAggregate) name = context.aggregates.at(stored.digest).source;
  if (stored.kind == StoredKind::kVector) name = context.vectors.at(stored.digest).source;
  const auto it = context.sources.find(name);
  return it == context.sources.end() ? nullptr : &it->second.source;
}

bool CheckTtl(const FeatureModel& feature, const Program& program, CompileContext& context) {
  const ViewModel& view = *feature.view;
  const SourceText* at = view.document->Text("ttl");
  if (view.ttl == 0 || at == nullptr) return true;
  bool good = true;
  for (const StoredFeature& stored : NeedsOf(program)) {
    const Source* source = SourceOf(stored, context);
    if (source == nullptr || view.ttl >= source->delay) continue;
    context.Complain(*at, Concat(view.What(), ": ttl ", FormatDuration(view.ttl),
                                 " is shorter than the delay of ", source->name, ", ",
                                 FormatDuration(source->delay),
                                 ": its values would expire before they arrive"));
    good = false;
  }
  return good;
}

// It is stored as it is if the program is nothing but one look-up of the view's own key.
std::optional<StoredFeature> AsStored(const Program& program) {
  const Node& output = program.nodes[static_cast<size_t>(program.outputs[0])];
  if (output.op != Node::Op::kLookup) return std::nullopt;
  const Node& key = program.nodes[static_cast<size_t>(output.args[0])];
  if (key.op != Node::Op::kRoleKey) return std::nullopt;
  return output.stored;
}

Digest IdentityOf(const FeatureModel& feature) {
  IdentityDigest digest("larder-feature-1");
  digest.Text(feature.view->entity)
      .Number(static_cast<uint64_t>(feature.view->ttl))
      .Number(feature.wire ? static_cast<uint64_t>(*feature.wire) : 0)
      .Text(Canonical(*feature.expr))
      .Of(feature.type);
  for (const auto& [label, part] : feature.usage.parts) digest.Text(label).Of(part);
  return digest.Finish();
}

// The node of the feature's value; a vector is looked up where it is stored.
int LowerFeature(FeatureModel& feature, int key, FeatureResolver& resolver,
                 std::vector<Diagnostic>& complaints) {
  CompileContext& context = resolver.context();
  const ViewModel& view = *feature.view;
  const bool table = view.source != nullptr && view.source->source.table;
  if (table && feature.expr->IsCall("embed")) {
    std::optional<StoredFeature> stored =
        CompileVector(*feature.expr, feature, context, complaints);
    if (!stored) return -1;
    feature.usage.names.insert(context.vectors.at(stored->digest).encoder);
    feature.usage.parts["vector"] = stored->digest;
    stored->ttl = view.ttl;
    return resolver.builder().Lookup(*stored, key);
  }
  ViewScope scope(resolver, feature, key, 0, &feature.usage);
  return Lower(*feature.expr, scope, resolver.builder(), complaints);
}

bool CheckNew(FeatureModel& feature, CompileContext& context) {
  ProgramBuilder builder;
  FeatureResolver resolver(context, builder);
  std::vector<Diagnostic> complaints;
  const int key = builder.RoleKey(0, feature.view->entity);
  const int node = LowerFeature(feature, key, resolver, complaints);
  // By the name as written, so that windows of one fan-out do not repeat a complaint.
  const std::string what = Concat(feature.view->What(), ": ", feature.at.text);
  context.Take(std::move(complaints), what);
  if (node < 0) return false;
  feature.depth = feature.usage.depth.Above(HeightOf(*feature.expr));
  if (const std::string problem = feature.depth.Problem(); !problem.empty()) {
    context.Complain(feature.at, Concat(what, ": ", problem));
    return false;
  }
  feature.type = builder.type(node);
  if (const std::string problem = WireProblem(feature.type, feature.wire); !problem.empty()) {
    context.Complain(feature.at, Concat(what, ": ", problem));
    return false;
  }
  const int outputs[] = {node};
  const Program program = builder.Finish(outputs);
  if (!CheckTtl(feature, program, context)) return false;
  feature.stored = AsStored(program);
  feature.identity = IdentityOf(feature);
  return true;
}

}  // namespace

std::string WireProblem(const Type& type, std::optional<Kind> wire) {
  if (!wire) return {};
  const bool good = *wire == Kind::kInt64 ? type.kind == Kind::kInt64 : IsNumber(type.kind);
  if (good) return {};
  return Concat("'as: ", MakeType(*wire).Name(), "' does not fit ", type.Name(),
                "; nothing is narrowed but double to float");
}

bool CheckFeature(FeatureModel& feature, const Expr* user, CompileContext& context,
                  std::vector<Diagnostic>& complaints) {
  if (feature.view->broken) return false;
  if (feature.state == FeatureModel::State::kChecking) {
    LARDER_CHECK(user != nullptr);
    Report(complaints, *user, "a cycle of definitions: ", CycleText(feature, context));
    return false;
  }
  if (feature.state == FeatureModel::State::kNew) {
    // The first feature of the chain is at least this deep: no other order of checking saves it.
    const Depth before = context.checking_depth;
    const Depth depth = before.Above(HeightOf(*feature.expr));
    if (const std::string problem = depth.Problem(); user != nullptr && !problem.empty()) {
      Report(complaints, *user, problem);
      return false;
    }
    feature.state = FeatureModel::State::kChecking;
    context.checking.push_back(&feature);
    context.checking_depth = depth;
    const bool good = CheckNew(feature, context);
    context.checking_depth = before;
    context.checking.pop_back();
    feature.state = good ? FeatureModel::State::kGood : FeatureModel::State::kBroken;
  }
  return feature.state == FeatureModel::State::kGood;
}

}  // namespace larder::registry
