// SPDX-License-Identifier: Apache-2.0
// The semantic diff that `plan` shows.
#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "registry/document.h"
#include "registry/history.h"

namespace larder::registry {
namespace {

// What changed inside one definition.
struct Details {
  std::vector<std::string> lines;
  bool breaking = false;

  template <typename... Parts>
  void Add(const Parts&... parts) {
    lines.push_back(Concat(parts...));
  }
  // Adds what ChangeOf says, if anything.
  void AddChange(std::string line) {
    if (!line.empty()) lines.push_back(std::move(line));
  }
  void BreakChange(std::string line) {
    breaking = breaking || !line.empty();
    AddChange(std::move(line));
  }
  template <typename... Parts>
  void Break(const Parts&... parts) {
    lines.push_back(Concat(parts...));
    breaking = true;
  }
};

// The canonical form of a definition, which is a document of the language, by its keys.
class CanonicalDocument {
 public:
  explicit CanonicalDocument(const Definition& definition) {
    std::vector<Diagnostic> complaints;
    YamlFile file = ReadYaml({definition.name, definition.canonical}, complaints);
    if (complaints.empty() && file.documents.size() == 1) root_ = std::move(file.documents[0]);
  }
  const YamlNode* Find(std::string_view key) const { return root_.Find(key); }
  // The value of `entry` in the map of `key`.
  const YamlNode* Find(std::string_view key, std::string_view entry) const {
    const YamlNode* map = Find(key);
    return map == nullptr ? nullptr : map->Find(entry);
  }
  // A set's column: a path, which is its own name, or `name: expression`.
  const YamlNode* FindColumn(std::string_view name) const {
    const YamlNode* columns = Find("columns");
    if (columns == nullptr) return nullptr;
    for (const YamlNode& item : columns->items) {
      if (item.text.text == name) return &item;
      if (const YamlNode* value = item.Find(name)) return value;
    }
    return nullptr;
  }

 private:
  YamlNode root_;
};

std::string TextOf(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::kScalar) return node.text.text;
  std::string text;
  for (const YamlNode& item : node.items) {
    text.append(text.empty() ? "" : ", ").append(TextOf(item));
  }
  for (const YamlEntry& entry : node.entries) {
    text.append(text.empty() ? "" : ", ").append(entry.key.text + ": " + TextOf(entry.value));
  }
  return node.kind == YamlNode::Kind::kMap ? "{" + text + "}" : "[" + text + "]";
}

// "what: old -> new", or empty if nothing changed.
std::string ChangeOf(std::string_view what, const YamlNode* before, const YamlNode* after) {
  constexpr size_t kMaxShown = 200;
  const std::string was = before == nullptr ? "nothing" : TextOf(*before);
  const std::string is = after == nullptr ? "nothing" : TextOf(*after);
  if (was == is) return {};
  if (was.size() > kMaxShown || is.size() > kMaxShown) return Concat(what, ": its text changed");
  return Concat(what, ": ", was, " -> ", is);
}

// Compares two lists of named things: `same` says whether two of one name are equal, `show` what
// follows a name.
template <typename T, typename Same, typename Show>
void CompareLists(std::string_view what, const std::vector<T>& before, const std::vector<T>& after,
                  Same same, Show show, Details& details) {
  for (const T& item : before) {
    const T* now = FindByName(after, item.name);
    if (now == nullptr) {
      details.Break(what, " ", item.name, " removed");
    } else if (!same(item, *now)) {
      details.Break(what, " ", item.name, ": ", show(item), " -> ", show(*now));
    }
  }
  for (const T& item : after) {
    if (FindByName(before, item.name) == nullptr) {
      details.Add(what, " ", item.name, ": ", show(item), " added");
    }
  }
}

template <typename T>
void CompareTyped(std::string_view what, const std::vector<T>& before, const std::vector<T>& after,
                  Details& details) {
  CompareLists(
      what, before, after, [](const T& a, const T& b) { return a.type == b.type; },
      [](const T& item) { return item.type.Name(); }, details);
}

void CompareRoles(const std::vector<Role>& before, const std::vector<Role>& after,
                  Details& details) {
  CompareLists(
      "role", before, after, [](const Role& a, const Role& b) { return a.entity == b.entity; },
      [](const Role& role) { return role.entity; }, details);
}

void CompareSources(const Source& before, const Source& after, const CanonicalDocument& from,
                    const CanonicalDocument& to, Details& details) {
  CompareTyped("column", before.columns, after.columns, details);
  for (const std::string_view key : {"of", "time", "unit"}) {
    details.BreakChange(ChangeOf(key, from.Find(key), to.Find(key)));
  }
  for (const SourceColumn& column : after.columns) {
    const SourceColumn* old = FindByName(before.columns, column.name);
    if (after.table || old == nullptr || old->entity == column.entity) continue;
    const std::string line = ChangeOf(Concat("key ", column.name), from.Find("keys", column.name),
                                      to.Find("keys", column.name));
    old->entity.empty() ? details.AddChange(line) : details.BreakChange(line);
  }
  if (before.delay != after.delay) {
    details.Add("delay ", FormatDuration(before.delay), " -> ", FormatDuration(after.delay));
  }
  const auto id = [](const Source& source) {
    return source.id_column ? source.columns[*source.id_column].name : std::string("the payload");
  };
  if (id(before) != id(after)) details.Add("id ", id(before), " -> ", id(after));
  if (before.ignore_extra != after.ignore_extra) {
    details.Add("undeclared fields are ", after.ignore_extra ? "ignored now" : "errors now");
  }
}

void CompareSets(const FeatureSet& before, const FeatureSet& after, const CanonicalDocument& from,
                 const CanonicalDocument& to, Details& details) {
  if (before.request != after.request) {
    details.Break("request ", before.request, " -> ", after.request);
  }
  CompareRoles(before.roles, after.roles, details);
  CompareTyped("column", before.columns, after.columns, details);
  std::vector<std::string> old_order, new_order;
  for (const OutputColumn& column : before.columns) {
    if (FindByName(after.columns, column.name)) old_order.push_back(column.name);
  }
  for (const OutputColumn& column : after.columns) {
    if (FindByName(before.columns, column.name)) new_order.push_back(column.name);
  }
  if (old_order != new_order) details.Break("the order of the columns changed");
  for (const OutputColumn& column : after.columns) {
    const OutputColumn* old = FindByName(before.columns, column.name);
    if (old == nullptr || old->type != column.type) continue;
    details.AddChange(ChangeOf(Concat("column ", column.name), from.FindColumn(column.name),
                               to.FindColumn(column.name)));
  }
}

void CompareChannels(const Retrieval& before, const Retrieval& after, const CanonicalDocument& from,
                     const CanonicalDocument& to, Details& details) {
  for (const Channel& channel : before.channels) {
    if (!FindByName(after.channels, channel.name)) {
      details.Add("channel ", channel.name, " removed");
    }
  }
  for (const Channel& channel : after.channels) {
    const YamlNode* old = from.Find("channels", channel.name);
    const YamlNode* now = to.Find("channels", channel.name);
    if (!FindByName(before.channels, channel.name)) {
      details.Add("channel ", channel.name, " added");
    } else if (old != nullptr && now != nullptr) {
      for (const KeySpec& key : ChannelKeys()) {
        details.AddChange(ChangeOf(Concat("channel ", channel.name, ", ", key.name),
                                   old->Find(key.name), now->Find(key.name)));
      }
    }
  }
}

void CompareRetrievals(const Retrieval& before, const Retrieval& after,
                       const CanonicalDocument& from, const CanonicalDocument& to,
                       Details& details) {
  if (before.request != after.request) {
    details.Break("request ", before.request, " -> ", after.request);
  }
  if (before.candidate != after.candidate) {
    details.Break("candidate ", before.candidate, " -> ", after.candidate);
  }
  if (before.limit != after.limit) details.Add("limit ", before.limit, " -> ", after.limit);
  if (before.return_set != after.return_set) {
    details.Break("return ", before.return_set.empty() ? "nothing" : before.return_set, " -> ",
                  after.return_set.empty() ? "nothing" : after.return_set);
  }
  CompareChannels(before, after, from, to, details);
  for (const std::string_view key : {"where", "exclude", "score"}) {
    details.AddChange(ChangeOf(key, from.Find(key), to.Find(key)));
  }
}

void CompareViews(const View& before, const View& after, const CanonicalDocument& from,
                  const CanonicalDocument& to, Details& details) {
  if (before.entity != after.entity) {
    details.Break("entity ", before.entity, " -> ", after.entity);
  }
  if (before.source != after.source) details.Add("from ", before.source, " -> ", after.source);
  for (const std::string_view key : {"key", "where", "ttl"}) {
    details.AddChange(ChangeOf(key, from.Find(key), to.Find(key)));
  }
  CompareTyped("feature", before.features, after.features, details);
  for (const ViewFeature& feature : after.features) {
    const ViewFeature* old = FindByName(before.features, feature.name);
    if (old == nullptr || old->type != feature.type || old->identity == feature.identity) continue;
    const std::string what = Concat("feature ", feature.name);
    // Without a line the change is in what it uses, or it has its name from a fan-out.
    const std::string line =
        ChangeOf(what, from.Find("define", feature.name), to.Find("define", feature.name));
    details.AddChange(line.empty() ? what + ": its definition changed" : line);
  }
}

// Compares what two registries have of one definition.
Details Compare(const Definition& before, const Definition& after, const CompiledRegistry& from,
                const CompiledRegistry& to) {
  Details details;
  if (before.kind != after.kind) {
    details.Break("was of kind ", before.kind);
    return details;
  }
  const std::string& name = after.name;
  const CanonicalDocument was(before), is(after);
  if (const Source* source = to.FindSource(name)) {
    CompareSources(*from.FindSource(name), *source, was, is, details);
  } else if (const FeatureSet* set = to.FindSet(name)) {
    CompareSets(*from.FindSet(name), *set, was, is, details);
  } else if (const Retrieval* retrieval = to.FindRetrieval(name)) {
    CompareRetrievals(*from.FindRetrieval(name), *retrieval, was, is, details);
  } else if (const Request* request = FindByName(to.requests, name)) {
    const Request* old = FindByName(from.requests, name);
    CompareRoles(old->roles, request->roles, details);
    CompareTyped("column", old->columns, request->columns, details);
  } else if (const Encoder* encoder = to.FindEncoder(name)) {
    const Encoder* old = from.FindEncoder(name);
    if (old->digest != encoder->digest) {
      details.Add("artifact ", old->digest.Short(), " -> ", encoder->digest.Short());
    }
  } else if (const View* view = to.FindView(name)) {
    CompareViews(*from.FindView(name), *view, was, is, details);
  }
  if (before.canonical != after.canonical && details.lines.empty()) {
    details.Add("its definition changed");
  }
  return details;
}

bool BelongsTo(std::string_view feature_name, std::string_view view) {
  return feature_name.size() > view.size() && feature_name.starts_with(view) &&
         feature_name[view.size()] == '.';
}

// What has to be computed that `from` did not have, under the view that names it.
void AddNewState(const Definition& view, const CompiledRegistry* from, const CompiledRegistry& to,
                 const std::function<bool(std::string_view)>& source_has_records,
                 Details& details) {
  for (const Aggregate& aggregate : to.aggregates) {
    if (!BelongsTo(aggregate.name, view.name)) continue;
    if (from != nullptr && from->FindAggregate(aggregate.digest) != nullptr) continue;
    if (!source_has_records(aggregate.source)) continue;
    details.Add("new aggregate ", aggregate.name, " over ", aggregate.source,
                " folds from this revision on; reads never_computed until backfilled");
  }
  for (const VectorFeature& vector : to.vectors) {
    if (!BelongsTo(vector.name, view.name)) continue;
    if (from != nullptr && from->FindVector(vector.digest) != nullptr) continue;
    if (!source_has_records(vector.source)) continue;
    details.Add("new vectors ", vector.name, " of ", vector.source,
                ": a background job embeds the rows that are there, then activates them");
  }
}

// For each name the definitions that use it, directly or not.
std::map<std::string, std::set<std::string>> Users(const CompiledRegistry& registry) {
  std::map<std::string, std::set<std::string>> direct;
  for (const Definition& definition : registry.definitions) {
    for (const std::string& used : definition.uses) direct[used].insert(definition.name);
  }
  std::map<std::string, std::set<std::string>> all;
  for (const auto& [name, users] : direct) {
    std::vector<std::string> open(users.begin(), users.end());
    while (!open.empty()) {
      const std::string user = std::move(open.back());
      open.pop_back();
      if (!all[name].insert(user).second) continue;
      if (const auto it = direct.find(user); it != direct.end()) {
        open.insert(open.end(), it->second.begin(), it->second.end());
      }
    }
  }
  return all;
}

}  // namespace

std::vector<Change> Diff(const Revision* from, const CompiledRegistry& to,
                         const std::function<bool(std::string_view source)>& source_has_records) {
  const CompiledRegistry* old = from == nullptr ? nullptr : from->registry.get();
  const auto users = Users(to);
  const auto old_users = old == nullptr ? std::map<std::string, std::set<std::string>>()
                                        : Users(*old);
  const auto used_by = [](const auto& map, const std::string& name) {
    const auto it = map.find(name);
    return it == map.end() ? std::vector<std::string>()
                           : std::vector<std::string>(it->second.begin(), it->second.end());
  };
  std::vector<Change> changes;
  for (const Definition& definition : to.definitions) {
    const Definition* before = old == nullptr ? nullptr : old->FindDefinition(definition.name);
    if (before != nullptr && before->digest == definition.digest) continue;
    Change change;
    change.definition_kind = definition.kind;
    change.name = definition.name;
    change.new_version =
        from == nullptr ? 1 : from->VersionOf(definition.name, definition.digest);
    Details details;
    if (before == nullptr) {
      change.kind = Change::Kind::kAdded;
    } else {
      details = Compare(*before, definition, *old, to);
      for (const std::string& used : definition.uses) {
        const Definition* then = old->FindDefinition(used);
        const Definition* now = to.FindDefinition(used);
        if (then != nullptr && now != nullptr && then->digest != now->digest) {
          details.Add("uses ", now->kind, " ", used, ", which changes");
        }
      }
      change.old_version = from->versions.at(definition.name);
      change.kind = details.breaking ? Change::Kind::kBreaking : Change::Kind::kCompatible;
    }
    if (definition.kind == "view") {
      AddNewState(definition, old, to, source_has_records, details);
    }
    change.details = std::move(details.lines);
    change.used_by = used_by(users, definition.name);
    changes.push_back(std::move(change));
  }
  if (old != nullptr) {
    for (const Definition& definition : old->definitions) {
      if (to.FindDefinition(definition.name) != nullptr) continue;
      Change change;
      change.kind = Change::Kind::kRemoved;
      change.definition_kind = definition.kind;
      change.name = definition.name;
      change.old_version = from->versions.at(definition.name);
      change.used_by = used_by(old_users, definition.name);
      changes.push_back(std::move(change));
    }
  }
  std::sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) {
    return std::tie(a.definition_kind, a.name) < std::tie(b.definition_kind, b.name);
  });
  return changes;
}

}  // namespace larder::registry
