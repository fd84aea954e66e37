// SPDX-License-Identifier: Apache-2.0
// Views: their frame, and the fan-out of their definitions. check_feature.cc compiles features.
#include <algorithm>
#include <utility>

#include "registry/aggregate_call.h"
#include "registry/compile_context.h"
#include "registry/view_scope.h"

namespace larder::registry {
namespace {

constexpr size_t kMaxFeatures = 1'000;  // of one view, after the fan-out

// The `over [...]` of the outermost aggregates of an expression.
void FindFanOuts(Expr& expr, std::vector<Clause*>& found) {
  if (expr.kind == Expr::Kind::kCall && IsAggregateName(expr.text)) {
    for (Clause& clause : expr.clauses) {
      if (clause.kind == Clause::kOver && clause.window_list) found.push_back(&clause);
    }
    return;
  }
  for (Expr& arg : expr.args) FindFanOuts(arg, found);
}

bool HasAggregate(const Expr& expr) {
  if (expr.kind == Expr::Kind::kCall && IsAggregateName(expr.text)) return true;
  return std::any_of(expr.args.begin(), expr.args.end(), HasAggregate);
}

// Compiles the frame of one `view` document and takes its definitions apart.
class ViewCompiler {
 public:
  ViewCompiler(const Document& document, ViewModel& view, CompileContext& context)
      : document_(document), view_(view), context_(context), what_(view.What()) {}

  void Compile() {
    view_.broken = !ReadEntity() || !ReadSource() || !ReadKey() || document_.Has("repeat");
    ReadWhere();
    if (const SourceText* ttl = document_.Text("ttl")) {
      const auto read = ReadDuration(*ttl, Concat(what_, ", ttl"), context_);
      view_.ttl = read.value_or(0);
      if (read && *read == 0) Complain(*ttl, "'ttl:' must be more than 0s");
    }
    const YamlNode* define = document_.Map("define");
    if (define == nullptr) {
      view_.broken = true;
    } else if (document_.Has("repeat")) {
      return;  // its lines are no expressions before {k} and {w} are replaced
    } else {
      if (define->entries.empty()) Complain(define->text, "'define:' must not be empty");
      for (const YamlEntry& entry : define->entries) ReadDefinition(entry);
    }
    if (IsEvents() && view_.where && !aggregates_ && !view_.broken && !view_.open) {
      Complain(*document_.Text("where"),
               "'where:' does nothing here: no definition of this view aggregates records");
    }
  }

 private:
  void Complain(const SourceText& at, std::string_view message) {
    context_.Complain(at, Concat(what_, ": ", message));
  }

  bool IsEvents() const { return view_.source != nullptr && !view_.source->source.table; }

  bool ReadEntity() {
    const SourceText* of = document_.Text("of");
    if (of == nullptr || !context_.Require(*of, {DocumentKind::kEntity}, what_)) return false;
    view_.entity = of->text;
    return !context_.entities.at(of->text).broken;
  }

  bool ReadSource() {
    const SourceText* from = document_.Text("from");
    if (from == nullptr) return !document_.Has("from");
    if (!context_.Require(*from, {DocumentKind::kTable, DocumentKind::kEvents}, what_)) {
      return false;
    }
    view_.source = &context_.sources.at(from->text);
    return !view_.source->broken;
  }

  bool ReadKey() {
    const SourceText* key = document_.Text("key");
    if (view_.source == nullptr) {
      if (key != nullptr) Complain(*key, "'key:' needs 'from:'");
      return key == nullptr;
    }
    const Source& source = view_.source->source;
    return source.table ? ReadTableKey(source, key) : ReadEventsKey(source, key);
  }

  bool ReadTableKey(const Source& table, const SourceText* key) {
    if (table.entity != view_.entity) {
      Complain(*document_.Text("from"), Concat("table ", table.name, " is of entity ", table.entity,
                                               ", not ", view_.entity));
      return false;
    }
    const std::string& name = context_.entities.at(table.entity).entity.key;
    if (key != nullptr && key->text != name) {
      Complain(*key, Concat("the key of table ", table.name, " is ", name));
      return false;
    }
    view_.key_column = table.key_column;
    return true;
  }

  bool ReadEventsKey(const Source& events, const SourceText* key) {
    std::string all, fitting;
    size_t count = 0;
    for (size_t i = 0; i < events.columns.size(); ++i) {
      const SourceColumn& column = events.columns[i];
      if (column.entity.empty()) continue;
      all.append(all.empty() ? "" : ", ").append(Concat(column.name, ": ", column.entity));
      if (column.entity != view_.entity) continue;
      fitting.append(fitting.empty() ? "" : ", ").append(column.name);
      if (key == nullptr || key->text == column.name) view_.key_column = i;
      ++count;
    }
    const SourceText& from = *document_.Text("from");
    if (count == 0) {
      Complain(from, Concat("events ", events.name, " has no key of entity ", view_.entity,
                            "; its keys are {", all, "}"));
      return false;
    }
    if (key == nullptr && count > 1) {
      Complain(from, Concat("several columns of ", events.name, " are keys of ", view_.entity, " (",
                            fitting, "): say which with 'key:'"));
      return false;
    }
    if (key != nullptr && events.columns[view_.key_column].name != key->text) {
      Complain(*key, Concat("'", key->text, "' is no key of ", view_.entity, " in ", events.name,
                            "; expected ", fitting));
      return false;
    }
    return true;
  }

  void ReadWhere() {
    const SourceText* where = document_.Text("where");
    if (where == nullptr) return;
    view_.where = ReadExpression(*where, Concat(what_, ", where"), context_);
    if (!view_.where) {
      view_.broken = true;
    } else if (view_.source != nullptr && view_.source->source.table) {
      Complain(*where, "'where:' over a table is not supported yet");
    } else if (view_.source == nullptr && !view_.broken) {
      Complain(*where, "'where:' needs 'from:' events");
    } else if (!view_.broken) {
      // By itself, so that what is wrong with it is said once and not in every aggregate.
      std::vector<Diagnostic> complaints;
      view_.broken = !CheckWhere(view_, complaints, context_);
      context_.Take(std::move(complaints), what_);
    }
  }

  void ReadDefinition(const YamlEntry& entry) {
    if (!CheckName(entry.key, what_, context_.diagnostics)) {
      view_.open = true;
      return;
    }
    const std::string what = Concat(what_, ": ", entry.key.text);
    const SourceText* text = nullptr;
    std::optional<Kind> wire;
    if (entry.value.kind == YamlNode::Kind::kScalar) {
      if (!entry.value.broken) text = &entry.value.text;
    } else if (entry.value.kind == YamlNode::Kind::kMap && !entry.value.broken) {
      CheckKeys(entry.value, DefinitionKeys(), what, context_.diagnostics);
      wire = ReadWireKind(entry.value, what, context_);
      const YamlNode* is = entry.value.Find("is");
      if (is != nullptr && is->kind == YamlNode::Kind::kScalar && !is->broken) text = &is->text;
    } else if (!entry.value.broken) {
      context_.Complain(entry.value.text, Concat(what, ": expected an expression"));
    }
    std::optional<Expr> expr;
    if (text != nullptr) expr = ReadExpression(*text, what, context_);
    if (!expr) {
      // What it would have been called after a fan-out cannot be known.
      view_.open = true;
      return;
    }
    AddDefinition(entry.key, *expr, wire);
  }

  void AddDefinition(const SourceText& name, Expr expr, std::optional<Kind> wire) {
    view_.define.Set(name.text, CanonicalDefinition(expr, wire));
    std::vector<Clause*> fan_outs;
    if (IsEvents()) FindFanOuts(expr, fan_outs);
    aggregates_ = aggregates_ || (IsEvents() && HasAggregate(expr));
    if (fan_outs.size() > 1 ||
        (fan_outs.size() == 1 && fan_outs[0]->windows.size() > kMaxWindows)) {
      Complain(name, fan_outs.size() > 1
                         ? Concat(name.text, ": at most one `over [...]` in a definition")
                         : Concat(name.text, ": at most ", kMaxWindows, " windows in one `over`, ",
                                  "got ", fan_outs[0]->windows.size()));
      view_.open = true;
      return;
    }
    if (fan_outs.empty()) return AddFeature(name, name.text, std::move(expr), wire);
    const std::vector<WindowExpr> windows = fan_outs[0]->windows;
    for (const WindowExpr& window : windows) {
      // Each feature has its own window only, so that the others do not enter its digest.
      fan_outs[0]->windows = {window};
      fan_outs[0]->window_list = false;
      AddFeature(name, Concat(name.text, "_", window.text), expr, wire);
    }
  }

  void AddFeature(const SourceText& at, std::string name, Expr expr, std::optional<Kind> wire) {
    if (!CheckFeatureName(at, name)) {
      view_.open = true;
      return;
    }
    FeatureModel& feature = view_.features.emplace_back();
    feature.name = std::move(name);
    feature.view = &view_;
    feature.at = at;
    feature.expr = std::make_shared<const Expr>(std::move(expr));
    feature.wire = wire;
  }

  bool CheckFeatureName(const SourceText& at, const std::string& name) {
    if (name.size() > kMaxNameBytes) {
      Complain(at, Concat("feature '", Clipped(name), "': a name has at most ", kMaxNameBytes,
                          " bytes, with its window"));
    } else if (view_.source != nullptr && view_.source->source.FindColumn(name) >= 0) {
      Complain(at, Concat("feature '", name, "' has the name of a column of ",
                          view_.source->source.name));
    } else if (view_.Find(name) != nullptr) {
      Complain(at, Concat("feature '", name, "' is defined twice"));
    } else if (view_.features.size() >= kMaxFeatures) {
      Complain(at, Concat("more than ", kMaxFeatures, " features"));
    } else {
      return true;
    }
    return false;
  }

  const Document& document_;
  ViewModel& view_;
  CompileContext& context_;
  const std::string what_;
  bool aggregates_ = false;  // some definition aggregates records
};

void DefineView(const ViewModel& view, CompileContext& context) {
  JsonObject object;
  Usage usage;
  const auto use = [&](const std::string& name) {
    const auto used = context.definitions.find(name);
    if (used == context.definitions.end()) return;
    usage.names.insert(name);
    if (used->second.kind == "entity") usage.parts["entity " + name] = used->second.digest;
  };
  object.SetText("of", view.entity);
  use(view.entity);
  if (view.source != nullptr) {
    const Source& source = view.source->source;
    object.SetText("from", source.name);
    use(source.name);
    if (!source.table) object.SetText("key", source.columns[view.key_column].name);
  }
  if (view.where) object.SetText("where", Canonical(*view.where));
  if (view.ttl > 0) object.SetText("ttl", FormatDuration(view.ttl));
  object.Set("define", view.define.ToString());
  for (const FeatureModel& feature : view.features) {
    usage.names.insert(feature.usage.names.begin(), feature.usage.names.end());
    usage.parts["feature " + feature.name] = feature.identity;
  }
  const std::string canonical = object.ToDocument("view", view.name);
  context.Define(*view.document, canonical, canonical, usage);
}

}  // namespace

std::string CanonicalDefinition(const Expr& expr, std::optional<Kind> wire) {
  if (!wire) return JsonText(Canonical(expr));
  JsonObject object;
  object.SetText("is", Canonical(expr));
  object.SetText("as", MakeType(*wire).Name());
  return object.ToString();
}

void CompileViews(CompileContext& context) {
  for (const auto& [name, document] : context.by_name) {
    if (document->kind() != DocumentKind::kView) continue;
    ViewModel& view = context.views[name];
    view.document = document;
    view.name = name;
    ViewCompiler(*document, view, context).Compile();
  }
  for (auto& [name, view] : context.views) {
    if (view.broken) continue;
    bool good = !view.open;
    std::vector<Diagnostic> none;
    for (FeatureModel& feature : view.features) {
      good = CheckFeature(feature, nullptr, context, none) && good;
    }
    if (good) DefineView(view, context);
  }
}

}  // namespace larder::registry
