// SPDX-License-Identifier: Apache-2.0
#include "registry/channel_compiler.h"

#include <utility>

#include "registry/view_scope.h"

namespace larder::registry {
namespace {

// As many hits as a search of the index gives: ann::kMaxK, which registry does not know.
constexpr int64_t kMaxTake = 10'000;
constexpr int64_t kMaxSample = 2'000;

// Which keys a kind of channel has.
struct ChannelKind {
  std::string_view name;
  std::initializer_list<std::string_view> required;
  std::initializer_list<std::string_view> optional;
};
const ChannelKind kNear{"near", {"to", "take"}, {"where", "deadline"}};
const ChannelKind kTop{"top", {"take"}, {"where", "deadline"}};
const ChannelKind kSample{"sample", {}, {"where", "deadline"}};

// Compiles one channel.
class ChannelCompiler {
 public:
  ChannelCompiler(const YamlNode& node, std::string_view what, const RoleFrame& frame,
                  Usage& usage, CompileContext& context)
      : node_(node),
        what_(what),
        frame_(frame),
        usage_(usage),
        context_(context),
        resolver_(context, builder_),
        scope_(resolver_, frame, usage) {}

  std::optional<CompiledChannel> Compile() {
    const size_t before = context_.diagnostics.size();
    CheckKeys(node_, ChannelKeys(), what_, context_.diagnostics);
    if (node_.Find("match") != nullptr || node_.Find("from") != nullptr) return std::nullopt;
    const ChannelKind* kind = FindKind();
    if (kind == nullptr || context_.diagnostics.size() != before) return std::nullopt;
    bool good = kind == &kNear ? CompileNear() : kind == &kTop ? CompileTop() : CompileSample();
    good = ReadOptions() && good;
    if (!good || context_.diagnostics.size() != before) return std::nullopt;
    return CompiledChannel{std::move(channel_), canonical_.ToString()};
  }

 private:
  void Complain(const SourceText& at, std::string_view message) {
    context_.Complain(at, Concat(what_, ": ", message));
  }

  // The one kind that the keys make; nullptr after a complaint.
  const ChannelKind* FindKind() {
    const ChannelKind* found = nullptr;
    for (const ChannelKind* kind : {&kNear, &kTop, &kSample}) {
      if (node_.Find(kind->name) == nullptr) continue;
      if (found != nullptr) {
        Complain(node_.text, Concat("has both '", found->name, ":' and '", kind->name, ":'"));
        return nullptr;
      }
      found = kind;
    }
    if (found == nullptr) {
      Complain(node_.text, "needs one of 'near:', 'top:' and 'sample:'");
      return nullptr;
    }
    for (const std::string_view key : found->required) {
      if (node_.Find(key) != nullptr) continue;
      Complain(node_.text, Concat("'", found->name, ":' needs '", key, ":'"));
      return nullptr;
    }
    for (const YamlEntry& entry : node_.entries) {
      bool fits = entry.key.text == found->name;
      for (const std::string_view key : found->required) fits = fits || entry.key.text == key;
      for (const std::string_view key : found->optional) fits = fits || entry.key.text == key;
      if (fits) continue;
      Complain(entry.key, Concat("'", entry.key.text, ":' does not go with '", found->name, ":'"));
      return nullptr;
    }
    return found;
  }

  // A path such as view.feature, which may also be written candidate.view.feature.
  std::optional<Expr> ReadPath(std::string_view key) {
    const SourceText* text = node_.Text(key);
    if (text == nullptr) return std::nullopt;
    std::optional<Expr> expr = ReadExpression(*text, Concat(what_, ", ", key), context_);
    if (!expr) return std::nullopt;
    if (expr->kind != Expr::Kind::kPath || expr->names.size() < 2) {
      Complain(*text, Concat("'", key, ":' must be a path of the candidate, such as view.feature"));
      return std::nullopt;
    }
    if (expr->names[0] == "candidate") {
      expr->names.erase(expr->names.begin());
      expr->name_positions.erase(expr->name_positions.begin());
    }
    canonical_.SetText(key, Canonical(*expr));
    return expr;
  }

  bool ReadTake() {
    const auto take = ReadInteger(*node_.Text("take"), 1, kMaxTake, Concat(what_, ", take"),
                                  context_);
    if (!take) return false;
    channel_.take = static_cast<uint32_t>(*take);
    canonical_.SetText("take", std::to_string(*take));
    return true;
  }

  bool CompileNear() {
    channel_.kind = Channel::Kind::kNear;
    const bool take = ReadTake();
    const std::optional<Expr> path = ReadPath("near");
    const SourceText* to = node_.Text("to");
    if (!path || to == nullptr) return false;
    std::vector<Diagnostic> complaints;
    const bool found = FindVector(*path, complaints);
    context_.Take(std::move(complaints), Concat(what_, ", near"));
    return CompileQuery(*to, found) && found && take;
  }

  // The vector feature that `path` names: an `embed` of a view, or an external column of a table.
  bool FindVector(const Expr& path, std::vector<Diagnostic>& complaints) {
    const int key = scope_.CandidateKey();
    const int node = resolver_.Follow(key, path, 0, {.usage = &usage_}, complaints);
    if (node < 0) return false;
    const Node& lookup = builder_.node(node);
    const bool of_candidate = lookup.op == Node::Op::kLookup && lookup.args[0] == key;
    if (of_candidate && lookup.stored.kind == StoredKind::kVector) {
      channel_.feature = lookup.stored;
      return true;
    }
    const Type& type = lookup.type;
    const bool external = of_candidate && lookup.stored.kind == StoredKind::kTableColumn &&
                          type.kind == Kind::kVector && !type.of.empty();
    if (!external) {
      Report(complaints, path, "'", path.PathText(), "' has type ", builder_.type(node).Name(),
             "; expected a vector of the candidate: an embed(…) of a view, or a column of type "
             "vector<encoder> of a table");
      return false;
    }
    channel_.feature = ExternalVector(lookup.stored);
    return true;
  }

  StoredFeature ExternalVector(const StoredFeature& column) {
    const Source& table = context_.sources.at(column.source).source;
    const Encoder& encoder = context_.encoders.at(column.type.of);
    VectorFeature vector;
    vector.digest = IdentityDigest("larder-vector-column-1")
                        .Text(table.name)
                        .Text(table.entity)
                        .Text(column.column)
                        .Of(encoder.digest)
                        .Finish();
    vector.name = Concat(table.name, ".", column.column);
    vector.entity = table.entity;
    vector.source = table.name;
    vector.encoder = encoder.name;
    vector.space = encoder.digest;
    vector.dimensions = encoder.dimensions;
    vector.floats = encoder.floats;
    vector.column = table.FindColumn(column.column);
    const StoredFeature stored = MakeStored(StoredKind::kVector, table.entity, "", "",
                                            vector.digest, VectorType(encoder));
    usage_.names.insert(encoder.name);
    usage_.parts["encoder " + encoder.name] = encoder.digest;
    context_.vector_names[vector.name] = vector.digest;
    context_.vectors.emplace(vector.digest, std::move(vector));
    return stored;
  }

  bool CompileQuery(const SourceText& text, bool check_space) {
    const std::string what = Concat(what_, ", to");
    const std::optional<Expr> expr = ReadExpression(text, what, context_);
    if (!expr) return false;
    std::vector<Diagnostic> complaints;
    const int node = Lower(*expr, scope_, builder_, complaints);
    context_.Take(std::move(complaints), what);
    if (node < 0) return false;
    const Type& type = builder_.type(node);
    const Type& space = channel_.feature.type;
    if (type.kind != Kind::kVector || type.list) {
      context_.Complain(text, Concat(what, ": expected a vector, got ", type.Name()));
      return false;
    }
    if (check_space && (type.of != space.of || type.dimensions != space.dimensions)) {
      context_.Complain(text, Concat(what, ": a query must be in the space of its vectors: got ",
                                     type.Name(), ", expected ", space.Name()));
      return false;
    }
    if (CandidateDependence(builder_, frame_.candidate_role()).Of(node)) {
      context_.Complain(text, Concat(what, ": a query must not depend on the candidate"));
      return false;
    }
    const int outputs[] = {node};
    channel_.program = builder_.Finish(outputs);
    canonical_.SetText("to", Canonical(*expr));
    return true;
  }

  bool CompileTop() {
    channel_.kind = Channel::Kind::kTop;
    const bool take = ReadTake();
    const std::optional<Expr> path = ReadPath("top");
    if (!path) return false;
    std::vector<Diagnostic> complaints;
    const int key = scope_.CandidateKey();
    const int node = resolver_.Follow(key, *path, 0, {.usage = &usage_}, complaints);
    if (node >= 0 && (builder_.type(node).list || !IsNumber(builder_.type(node).kind))) {
      Report(complaints, *path, "expected a number, got ", builder_.type(node).Name());
    }
    const bool good = node >= 0 && complaints.empty();
    context_.Take(std::move(complaints), Concat(what_, ", top"));
    if (!good) return false;
    const Node& top = builder_.node(node);
    if (top.op == Node::Op::kLookup && top.args[0] == key) channel_.feature = top.stored;
    const int outputs[] = {node};
    channel_.program = builder_.Finish(outputs);
    return take;
  }

  bool CompileSample() {
    channel_.kind = Channel::Kind::kSample;
    const SourceText* sample = node_.Text("sample");
    if (sample == nullptr) return false;
    const auto n = ReadInteger(*sample, 1, kMaxSample, Concat(what_, ", sample"), context_);
    if (!n) return false;
    channel_.take = static_cast<uint32_t>(*n);
    canonical_.SetText("sample", std::to_string(*n));
    return true;
  }

  bool ReadOptions() {
    bool good = true;
    if (const SourceText* where = node_.Text("where")) {
      std::string canonical;
      channel_.where =
          CompileCondition(*where, Concat(what_, ", where"), frame_, usage_, context_, canonical);
      canonical_.SetText("where", canonical);
      good = channel_.where.has_value();
    }
    if (const SourceText* deadline = node_.Text("deadline")) {
      const auto read = ReadDuration(*deadline, Concat(what_, ", deadline"), context_);
      channel_.deadline = read.value_or(0);
      if (read && *read == 0) Complain(*deadline, "'deadline:' must be more than 0s");
      canonical_.SetText("deadline", FormatDuration(channel_.deadline));
      good = good && read.has_value();
    }
    return good;
  }

  const YamlNode& node_;
  const std::string_view what_;
  const RoleFrame& frame_;
  Usage& usage_;
  CompileContext& context_;
  ProgramBuilder builder_;
  FeatureResolver resolver_;
  RoleScope scope_;
  JsonObject canonical_;
  Channel channel_;
};

}  // namespace

std::optional<CompiledChannel> CompileChannel(const YamlNode& node, std::string_view what,
                                              const RoleFrame& frame, Usage& usage,
                                              CompileContext& context) {
  return ChannelCompiler(node, what, frame, usage, context).Compile();
}

std::optional<Program> CompileCondition(const SourceText& text, std::string_view what,
                                        const RoleFrame& frame, Usage& usage,
                                        CompileContext& context, std::string& canonical) {
  const std::optional<Expr> expr = ReadExpression(text, what, context);
  if (!expr) return std::nullopt;
  ProgramBuilder builder;
  FeatureResolver resolver(context, builder);
  RoleScope scope(resolver, frame, usage);
  scope.RequireStored();
  std::vector<Diagnostic> complaints;
  const int node = LowerAs(*expr, MakeType(Kind::kBool), "condition", scope, builder, complaints);
  context.Take(std::move(complaints), what);
  if (node < 0) return std::nullopt;
  if (CandidateDependence(builder, frame.candidate_role()).Embeds(node)) {
    context.Complain(text, Concat(what, ": text of the candidate cannot be embedded here"));
    return std::nullopt;
  }
  canonical = Canonical(*expr);
  const int outputs[] = {node};
  return builder.Finish(outputs);
}

}  // namespace larder::registry
