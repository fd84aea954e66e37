// SPDX-License-Identifier: Apache-2.0
#include "registry/view_scope.h"

#include "registry/aggregate_call.h"
#include "registry/nearest_name.h"

namespace larder::registry {
namespace {

// Whether a call can only mean records: `mean(x)` may also mean the elements of a list.
bool AggregatesRecords(const Expr& call) {
  return IsAggregateName(call.text) && (call.args.empty() || !call.clauses.empty() ||
                                        call.IsCall("first") || call.IsCall("last"));
}

}  // namespace

int RecordScope::Resolve(const Expr& path, ProgramBuilder& builder,
                         std::vector<Diagnostic>& complaints) {
  if (path.kind != Expr::Kind::kPath || path.names.size() != 1) {
    Report(complaints, path, where_, " only columns of ", source_.source.name,
           " can be used: apply touches only the record's own keys (R5)");
    return -1;
  }
  const std::string& name = path.names[0];
  const int column = source_.source.FindColumn(name);
  if (column < 0) {
    if (!source_.unknown.contains(name)) {
      Report(complaints, path, source_.source.table ? "table " : "events ", source_.source.name,
             " has no column '", name, "'", context_.SuggestOf(name, source_.source.columns));
    }
    return -1;
  }
  const Type& type = source_.source.columns[static_cast<size_t>(column)].type;
  columns_[name] = type;
  return builder.RecordColumn(column, type);
}

int RecordScope::ResolveFrom(int, const Expr& path, ProgramBuilder&,
                             std::vector<Diagnostic>& complaints) {
  Report(complaints, path, where_, " nothing can be gathered: apply touches only the record's own "
         "keys (R5); gather at read, from last(key, n)");
  return -1;
}

std::optional<int> RecordScope::ResolveCall(const Expr& call, ProgramBuilder&,
                                            std::vector<Diagnostic>& complaints) {
  if (call.IsCall("embed")) {
    Report(complaints, call, where_, " embed cannot be used");
    return -1;
  }
  if (!AggregatesRecords(call)) return std::nullopt;
  Report(complaints, call, where_, " there cannot be another aggregate: give each a name, and use "
         "the names in a view without 'from:'");
  return -1;
}

ViewScope::ViewScope(FeatureResolver& resolver, const FeatureModel& feature, int key,
                     DurationUs ttl, Usage* usage)
    : resolver_(resolver),
      context_(resolver.context()),
      feature_(feature),
      view_(*feature.view),
      key_(key),
      options_{.ttl = MinTtl(ttl, feature.view->ttl), .usage = usage} {}

int ViewScope::Resolve(const Expr& path, ProgramBuilder&, std::vector<Diagnostic>& complaints) {
  if (path.kind == Expr::Kind::kKey) {
    return resolver_.BuildKey(path, *this, options_, complaints);
  }
  const std::string& name = path.names[0];
  int first = -1;
  if (view_.Find(name) != nullptr) {
    first = resolver_.Feature(key_, view_, path, 0, options_, complaints);
  } else if (IsTableView() && view_.source->source.FindColumn(name) >= 0) {
    first = resolver_.Column(key_, *view_.source, path, 0, options_, complaints);
  } else if (path.names.size() == 1) {
    return ResolveName(path, complaints);
  } else {
    const auto it = context_.by_name.find(name);
    if (it != context_.by_name.end() && it->second->kind() == DocumentKind::kRequest) {
      Report(complaints, path, "'", name, "' is a request, and a view is stored before anybody "
             "asks: use the request's columns in a set");
      return -1;
    }
    return resolver_.Follow(key_, path, 0, options_, complaints);
  }
  return first < 0 ? -1 : resolver_.Follow(first, path, 1, options_, complaints);
}

// A name by itself that is neither a sibling nor a column of a table.
int ViewScope::ResolveName(const Expr& path, std::vector<Diagnostic>& complaints) {
  const std::string& name = path.names[0];
  if (view_.open || (view_.source != nullptr && view_.source->unknown.contains(name))) return -1;
  if (IsEventsView() && view_.source->source.FindColumn(name) >= 0) {
    Report(complaints, path, "'", name, "' is a column of events ", view_.source->source.name,
           ": it can only be used inside an aggregate, such as last(", name, ")");
    return -1;
  }
  std::vector<std::string_view> names;
  for (const FeatureModel& sibling : view_.features) names.push_back(sibling.name);
  if (IsTableView()) {
    for (const SourceColumn& column : view_.source->source.columns) names.push_back(column.name);
  }
  Report(complaints, path, "unknown name '", Clipped(name), "'",
         context_.MaySuggest() ? DidYouMean(name, names) : std::string());
  return -1;
}

int ViewScope::ResolveFrom(int key, const Expr& path, ProgramBuilder&,
                           std::vector<Diagnostic>& complaints) {
  return resolver_.Follow(key, path, 0, options_, complaints);
}

std::optional<int> ViewScope::ResolveCall(const Expr& call, ProgramBuilder& builder,
                                          std::vector<Diagnostic>& complaints) {
  if (call.IsCall("embed")) {
    Report(complaints, call, IsTableView()
                                 ? "embed(…) must be the whole of its definition: give it a name "
                                   "of its own and use that"
                                 : "embed can be used in a view over a table, or in a set");
    return -1;
  }
  if (!IsAggregateName(call.text)) return std::nullopt;
  if (IsEventsView()) {
    std::optional<StoredFeature> stored = CompileAggregate(call, feature_, context_, complaints);
    if (!stored) return -1;
    if (options_.usage != nullptr) {
      options_.usage->parts[Concat("aggregate ", stored->digest.Hex())] = stored->digest;
    }
    stored->ttl = options_.ttl;
    return builder.Lookup(*stored, key_);
  }
  if (!AggregatesRecords(call)) return std::nullopt;
  Report(complaints, call, "aggregate ", call.text,
         "(…) needs a view 'from:' events; this view is ",
         IsTableView() ? Concat("over the table ", view_.source->source.name)
                       : std::string("derived from other views"));
  return -1;
}

}  // namespace larder::registry
