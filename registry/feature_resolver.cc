// SPDX-License-Identifier: Apache-2.0
#include "registry/feature_resolver.h"

#include <algorithm>

#include "registry/view_scope.h"

namespace larder::registry {
namespace {

// The first names of a path, for messages: "candidate.catalog".
std::string Prefix(const Expr& path, size_t count) {
  std::string text = path.kind == Expr::Kind::kKey ? path.text + "[…]" : std::string();
  for (size_t i = 0; i < count; ++i) {
    text.append(text.empty() ? "" : ".").append(path.names[i]);
  }
  return text;
}

}  // namespace

DurationUs MinTtl(DurationUs a, DurationUs b) {
  if (a == 0 || b == 0) return std::max(a, b);
  return std::min(a, b);
}

int FeatureResolver::Follow(int key, const Expr& path, size_t first, const FollowOptions& options,
                            std::vector<Diagnostic>& complaints) {
  if (first == path.names.size()) return key;
  if (!CheckKey(key, path, first, complaints)) return -1;
  const std::string& name = path.names[first];
  const SourcePosition at = path.name_positions[first];
  const auto it = context_.by_name.find(name);
  const DocumentKind kind = it == context_.by_name.end() ? DocumentKind::kSet : it->second->kind();
  if (it == context_.by_name.end() && context_.lost_names.contains(name)) return -1;
  if (kind != DocumentKind::kView && kind != DocumentKind::kTable) {
    ReportAt(complaints, path, at, "no view or table '", name, "'",
             context_.Suggest(name, {DocumentKind::kView, DocumentKind::kTable}));
    return -1;
  }
  if (first + 1 == path.names.size()) {
    const bool view = kind == DocumentKind::kView;
    ReportAt(complaints, path, at, "'", Prefix(path, first + 1), "' is no value: expected ", name,
             view ? ".feature" : ".column");
    return -1;
  }
  int node = -1;
  if (kind == DocumentKind::kView) {
    ViewModel& view = context_.views.at(name);
    if (view.broken || !CheckEntity(key, view.entity, path, first, complaints)) return -1;
    node = Feature(key, view, path, first + 1, options, complaints);
  } else {
    const SourceModel& table = context_.sources.at(name);
    if (table.broken || !CheckEntity(key, table.source.entity, path, first, complaints)) return -1;
    node = Column(key, table, path, first + 1, options, complaints);
  }
  return node < 0 ? -1 : Follow(node, path, first + 2, options, complaints);
}

bool FeatureResolver::CheckKey(int key, const Expr& path, size_t first,
                               std::vector<Diagnostic>& complaints) {
  const Type& type = builder_.type(key);
  if (type.kind == Kind::kKey && !type.list) return true;
  const SourcePosition at = path.name_positions[first];
  const std::string prefix = Prefix(path, first);
  if (type.kind == Kind::kKey) {
    ReportAt(complaints, path, at, "'", prefix, "' is a list of keys: use gather(", prefix,
             ", view.feature)");
  } else {
    ReportAt(complaints, path, at, "'", prefix, "' has type ", type.Name(),
             "; only a key<entity> can be followed");
  }
  return false;
}

bool FeatureResolver::CheckEntity(int key, std::string_view entity, const Expr& path, size_t first,
                                  std::vector<Diagnostic>& complaints) {
  const std::string& of = builder_.type(key).of;
  if (of == entity) return true;
  const std::string prefix = Prefix(path, first);
  ReportAt(complaints, path, path.name_positions[first], "'", path.names[first], "' is of entity ",
           entity, ", but ", prefix.empty() ? "the key" : Concat("'", prefix, "'"),
           " is a key of ", of);
  return false;
}

int FeatureResolver::Feature(int key, ViewModel& view, const Expr& path, size_t name,
                             const FollowOptions& options, std::vector<Diagnostic>& complaints) {
  const std::string& text = path.names[name];
  FeatureModel* feature = view.Find(text);
  if (feature == nullptr) {
    if (!view.open) {
      ReportAt(complaints, path, path.name_positions[name], "view ", view.name,
               " has no feature '", text, "'", context_.SuggestOf(text, view.features));
    }
    return -1;
  }
  if (!CheckFeature(*feature, &path, context_, complaints)) return -1;
  if (options.stored_only && !feature->stored) {
    ReportAt(complaints, path, path.name_positions[name], "'", view.name, ".", text,
             "' is computed at read: a condition on it is applied after the union (S9.1), which "
             "is not supported yet; write the condition over stored columns");
    return -1;
  }
  if (options.usage != nullptr) {
    options.usage->names.insert(view.name);
    options.usage->parts[Concat("feature ", view.name, ".", text)] = feature->identity;
    options.usage->depth.Use(feature->depth);
  }
  const int node = Inline(*feature, key, options.ttl);
  if (node < 0) {
    ReportAt(complaints, path, path.name_positions[name], "'", view.name, ".", text,
             "': with the definitions that it uses this makes more than ",
             ProgramBuilder::kMaxNodes, " steps");
  }
  return node;
}

int FeatureResolver::Column(int key, const SourceModel& model, const Expr& path, size_t name,
                            const FollowOptions& options, std::vector<Diagnostic>& complaints) {
  const std::string& text = path.names[name];
  const Source& table = model.source;
  const int index = table.FindColumn(text);
  if (index < 0) {
    if (!model.unknown.contains(text)) {
      ReportAt(complaints, path, path.name_positions[name], "table ", table.name,
               " has no column '", text, "'", context_.SuggestOf(text, table.columns));
    }
    return -1;
  }
  const size_t column = static_cast<size_t>(index);
  const Type& type = table.columns[column].type;
  if (options.usage != nullptr) {
    options.usage->names.insert(table.name);
    options.usage->parts[Concat("column ", table.name, ".", text)] =
        IdentityDigest("larder-column-1").Text(table.entity).Of(type).Finish();
  }
  // The key column holds the key that is looked up, unless it was declared as something else.
  if (column == table.key_column && type.kind == Kind::kKey) return key;
  const bool time = column == table.time_column;
  StoredFeature stored =
      MakeStored(time ? StoredKind::kRowTime : StoredKind::kTableColumn, table.entity, table.name,
                 time ? std::string_view() : std::string_view(text), {}, type);
  stored.ttl = options.ttl;
  return builder_.Lookup(stored, key);
}

int FeatureResolver::Inline(const FeatureModel& feature, int key, DurationUs ttl) {
  const auto memo = std::make_tuple(&feature, key, ttl);
  if (const auto it = inlined_.find(memo); it != inlined_.end()) return it->second;
  int node = -1;
  if (feature.stored) {
    StoredFeature stored = *feature.stored;
    stored.ttl = MinTtl(stored.ttl, ttl);
    node = builder_.Lookup(stored, key);
  } else {
    // It was checked by itself, so lowering it again finds nothing to complain about but size.
    std::vector<Diagnostic> none;
    ViewScope scope(*this, feature, key, ttl, nullptr);
    node = Lower(*feature.expr, scope, builder_, none);
  }
  inlined_[memo] = node;
  return node;
}

int FeatureResolver::BuildKey(const Expr& key, Scope& scope, const FollowOptions& options,
                              std::vector<Diagnostic>& complaints) {
  const auto it = context_.entities.find(key.text);
  if (it == context_.entities.end() && context_.lost_names.contains(key.text)) return -1;
  if (it == context_.entities.end()) {
    Report(complaints, key, "no entity '", key.text, "'",
           context_.Suggest(key.text, {DocumentKind::kEntity}));
    return -1;
  }
  if (it->second.broken) return -1;
  if (key.args.size() != 1) {
    Report(complaints, key, "entity ", key.text, " has one key: expected ", key.text, "[key]");
    return -1;
  }
  const int text = Lower(key.args[0], scope, builder_, complaints);
  if (text < 0) return -1;
  const Type type = builder_.type(text);
  const bool good = !type.list && (type.kind == Kind::kString || type.kind == Kind::kInt64 ||
                                   type.kind == Kind::kKey);
  if (!good) {
    Report(complaints, key.args[0], key.text, "[…]: a key is made of string or int64, not of ",
           type.Name());
    return -1;
  }
  if (options.usage != nullptr) options.usage->names.insert(key.text);
  return Follow(builder_.KeyOf(key.text, text), key, 0, options, complaints);
}

}  // namespace larder::registry
