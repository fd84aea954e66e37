// SPDX-License-Identifier: Apache-2.0
// Sets: the columns that a model consumes, in order.
#include <algorithm>
#include <deque>
#include <utility>

#include "registry/compile_context.h"
#include "registry/role_scope.h"

namespace larder::registry {
namespace {

constexpr size_t kMaxSetColumns = 4'096;

// One column of a set.
struct ColumnModel {
  enum class State : uint8_t { kNew, kChecking, kDone };
  std::string name;
  SourceText at;
  bool named = false;  // `- name: expression`; else a path, which is its name
  Expr expr;
  std::optional<Kind> wire;
  State state = State::kNew;
  int node = -1;
  Depth depth;  // over the set's own columns
};

// The names of a set: those of roles, and its own columns.
class SetScope : public RoleScope {
 public:
  SetScope(FeatureResolver& resolver, const RoleFrame& frame, Usage& usage,
           std::deque<ColumnModel>& columns, bool open)
      : RoleScope(resolver, frame, usage), columns_(columns), open_(open) {}

  // The node of a column; -1 if it is wrong, which is said at most once.
  int Compile(ColumnModel& column) {
    if (column.state == ColumnModel::State::kDone) return column.node;
    column.state = ColumnModel::State::kChecking;
    const int height = HeightOf(column.expr);
    const Depth before = std::exchange(chain_depth_, chain_depth_.Above(height));
    chain_.push_back(&column);
    std::vector<Diagnostic> complaints;
    column.node = Lower(column.expr, *this, resolver_.builder(), complaints);
    column.depth = column.depth.Above(height);
    const std::string problem = column.depth.Problem();
    if (column.node >= 0 && !problem.empty()) {
      Report(complaints, column.expr, problem);
      column.node = -1;
    }
    resolver_.context().Take(std::move(complaints), What(column));
    chain_.pop_back();
    chain_depth_ = before;
    column.state = ColumnModel::State::kDone;
    return column.node;
  }

  std::string What(const ColumnModel& column) const {
    return Concat("set ", frame_.document->name().text, ": ", column.name);
  }

 protected:
  std::optional<int> ResolveOwn(const Expr& path, std::vector<Diagnostic>& complaints) override {
    for (ColumnModel& column : columns_) {
      if (!column.named || column.name != path.names[0]) continue;
      if (column.state == ColumnModel::State::kChecking) {
        Report(complaints, path, "a cycle of columns: ", CycleText(column));
        return -1;
      }
      const std::string problem = chain_depth_.Above(HeightOf(column.expr)).Problem();
      if (column.state == ColumnModel::State::kNew && !problem.empty()) {
        Report(complaints, path, problem);
        return -1;
      }
      const int node = Compile(column);
      chain_.back()->depth.Use(column.depth);
      return node;
    }
    // With `include:` there may be columns whose names are not known.
    if (open_ && path.names.size() == 1) return -1;
    return std::nullopt;
  }

 private:
  std::string CycleText(const ColumnModel& column) const {
    std::string text;
    bool inside = false;
    for (const ColumnModel* link : chain_) {
      inside = inside || link == &column;
      if (inside) text.append(link->name).append(" -> ");
    }
    return text + column.name;
  }

  std::deque<ColumnModel>& columns_;
  const bool open_;
  std::vector<ColumnModel*> chain_;
  Depth chain_depth_;
};

// Compiles one `set` document.
class SetCompiler {
 public:
  SetCompiler(const Document& document, CompileContext& context)
      : document_(document),
        context_(context),
        what_(Concat("set ", document.name().text)),
        resolver_(context, builder_) {}

  void Compile() {
    const size_t before = context_.diagnostics.size();
    std::optional<RoleFrame> frame = ReadRoleFrame(document_, context_);
    if (!frame) return;
    frame_ = *std::move(frame);
    const YamlNode* columns = document_.List("columns");
    if (columns == nullptr || columns->items.empty()) {
      if (!document_.Has("include") && (columns != nullptr || !document_.Has("columns"))) {
        Complain(document_.kind_text(), "'columns:' must list at least one column");
      }
      return;
    }
    for (const YamlNode& item : columns->items) ReadColumn(item);
    if (CompileColumns() && context_.diagnostics.size() == before) Finish();
  }

 private:
  void Complain(const SourceText& at, std::string_view message) {
    context_.Complain(at, Concat(what_, ": ", message));
  }

  void ReadColumn(const YamlNode& item) {
    if (item.broken) return;
    if (item.kind == YamlNode::Kind::kMap && item.entries.size() == 1) {
      ReadNamed(item.entries.front());
    } else if (item.kind != YamlNode::Kind::kScalar) {
      Complain(item.text, Concat("a column is a path or `name: expression`",
                                 item.flow ? kCommaHint : std::string_view()));
    } else if (item.text.text.ends_with(".*")) {
      ReadWildcard(item.text);
    } else {
      std::optional<Expr> expr = ReadExpression(item.text, what_, context_);
      if (!expr) return;
      if (expr->kind != Expr::Kind::kPath || expr->names.size() < 2) {
        Complain(item.text, "a column that is not a path needs a name: `- name: expression`");
        return;
      }
      std::string name = Canonical(*expr);
      Add(item.text, std::move(name), false, *std::move(expr), std::nullopt);
    }
  }

  void ReadNamed(const YamlEntry& entry) {
    if (!CheckName(entry.key, what_, context_.diagnostics)) return;
    const std::string what = Concat(what_, ": ", entry.key.text);
    for (const Role& role : frame_.roles) {
      if (role.name == entry.key.text) {
        Complain(entry.key, Concat("column '", role.name, "' has the name of a role"));
        return;
      }
    }
    const YamlNode* value = &entry.value;
    std::optional<Kind> wire;
    if (value->broken) return;
    if (value->kind == YamlNode::Kind::kMap) {
      CheckKeys(*value, DefinitionKeys(), what, context_.diagnostics);
      wire = ReadWireKind(*value, what, context_);
      value = value->Find("is");
      if (value == nullptr) return;
    }
    if (value->broken) return;
    if (value->kind != YamlNode::Kind::kScalar) {
      context_.Complain(value->text, Concat(what, ": expected an expression"));
      return;
    }
    std::optional<Expr> expr = ReadExpression(value->text, what, context_);
    if (expr) Add(entry.key, entry.key.text, true, *std::move(expr), wire);
  }

  // `role.view.*`: all features that the view has now, in its order.
  void ReadWildcard(const SourceText& text) {
    SourceText prefix = text;
    prefix.text.resize(text.text.size() - 2);
    prefix.positions.resize(prefix.text.size() + 1);
    const std::optional<Expr> expr = ReadExpression(prefix, what_, context_);
    if (!expr) return;
    constexpr size_t kMaxNames = 32;  // each column gets a copy of the path
    if (expr->kind != Expr::Kind::kPath || expr->names.size() < 2 ||
        expr->names.size() > kMaxNames) {
      Complain(text, Concat("expected role.view.*, of at most ", kMaxNames, " names"));
      return;
    }
    const std::string& name = expr->names.back();
    const auto view = context_.views.find(name);
    if (view == context_.views.end()) {
      Complain(text, Concat("no view '", name, "'",
                            context_.Suggest(name, {DocumentKind::kView})));
      return;
    }
    for (const FeatureModel& feature : view->second.features) {
      Expr path = *expr;
      path.names.push_back(feature.name);
      path.name_positions.push_back(path.name_positions.back());
      std::string column = Canonical(path);
      Add(text, std::move(column), false, std::move(path), std::nullopt);
    }
  }

  void Add(const SourceText& at, std::string name, bool named, Expr expr,
           std::optional<Kind> wire) {
    for (const ColumnModel& column : columns_) {
      if (column.name == name) {
        Complain(at, Concat("column '", name, "' is there twice; first at ",
                            column.at.positions.front().ToString()));
        return;
      }
    }
    if (columns_.size() == kMaxSetColumns) {
      Complain(at, Concat("more than ", kMaxSetColumns, " columns"));
    }
    if (columns_.size() >= kMaxSetColumns) return;
    ColumnModel& column = columns_.emplace_back();
    column.name = std::move(name);
    column.at = at;
    column.named = named;
    column.expr = std::move(expr);
    column.wire = wire;
  }

  bool CompileColumns() {
    SetScope scope(resolver_, frame_, usage_, columns_, document_.Has("include"));
    CandidateDependence dependence(builder_, frame_.candidate_role());
    bool good = true;
    for (ColumnModel& column : columns_) {
      const int node = scope.Compile(column);
      if (node < 0) {
        good = false;
        continue;
      }
      if (!column.wire) column.wire = FeatureWire(column.expr);
      std::string problem = WireProblem(builder_.type(node), column.wire);
      if (builder_.type(node).kind == Kind::kDuration) {
        problem = "a duration has no unit on the wire: use hours(…) or days(…)";
      }
      if (problem.empty() && dependence.Embeds(node)) {
        problem = "embed of a candidate's text belongs in a view, where it is computed once per "
                  "row";
      }
      if (problem.empty()) continue;
      context_.Complain(column.at, Concat(scope.What(column), ": ", problem));
      good = false;
    }
    return good;
  }

  // The feature's own `as:` holds where it is listed by its path.
  std::optional<Kind> FeatureWire(const Expr& expr) {
    if (expr.kind != Expr::Kind::kPath || expr.names.size() < 3) return std::nullopt;
    const auto view = context_.views.find(expr.names[expr.names.size() - 2]);
    if (view == context_.views.end()) return std::nullopt;
    const FeatureModel* feature = view->second.Find(expr.names.back());
    return feature == nullptr ? std::nullopt : feature->wire;
  }

  OutputColumn Output(const ColumnModel& column, int& node) {
    Type type = builder_.type(node);
    if (column.wire && *column.wire != Kind::kInt64) {
      Type wide = type;
      wide.kind = Kind::kDouble;
      node = Convert(node, wide, builder_);
      type.kind = *column.wire;
    } else if (type.kind == Kind::kDouble) {
      type.kind = Kind::kFloat;
    }
    return {column.name, type};
  }

  void Finish() {
    FeatureSet set;
    set.name = document_.name().text;
    set.request = frame_.request->request.name;
    set.candidate = frame_.candidate;
    set.roles = frame_.roles;
    set.request_columns = frame_.request->request.columns;
    std::vector<int> outputs;
    std::vector<std::string> canonical_columns;
    for (const ColumnModel& column : columns_) {
      int node = column.node;
      set.columns.push_back(Output(column, node));
      outputs.push_back(node);
      canonical_columns.push_back(CanonicalColumn(column));
    }
    set.program = builder_.Finish(outputs);
    set.needs = NeedsOf(set.program);
    JsonObject object;
    object.SetText("for", set.request);
    object.SetText("candidate", set.candidate);
    object.Set("columns", JsonList(canonical_columns));
    usage_.names.insert(set.request);
    usage_.names.insert(set.candidate);
    const std::string canonical = object.ToDocument("set", set.name);
    context_.Define(document_, canonical, canonical, usage_);
    set.digest = context_.definitions.at(set.name).digest;
    context_.sets.emplace(set.name, std::move(set));
  }

  static std::string CanonicalColumn(const ColumnModel& column) {
    if (!column.named) return JsonText(column.name);
    JsonObject object;
    object.Set(column.name, CanonicalDefinition(column.expr, column.wire));
    return object.ToString();
  }

  const Document& document_;
  CompileContext& context_;
  const std::string what_;
  ProgramBuilder builder_;
  FeatureResolver resolver_;
  RoleFrame frame_;
  Usage usage_;
  std::deque<ColumnModel> columns_;
};

}  // namespace

void CompileSets(CompileContext& context) {
  for (const auto& [name, document] : context.by_name) {
    if (document->kind() == DocumentKind::kSet) SetCompiler(*document, context).Compile();
  }
}

}  // namespace larder::registry
