// SPDX-License-Identifier: Apache-2.0
// What earlier revisions refuse of later ones.
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "registry/history.h"
#include "registry/yaml_reader.h"

namespace larder::registry {
namespace {

std::string_view UnitName(Source::TimeUnit unit) {
  switch (unit) {
    case Source::TimeUnit::kRfc3339: return "RFC 3339 text";
    case Source::TimeUnit::kSeconds: return "s";
    case Source::TimeUnit::kMilliseconds: return "ms";
    case Source::TimeUnit::kMicroseconds: return "us";
  }
  return "";
}

std::string IdName(const Source& source) {
  return source.id_column ? source.columns[*source.id_column].name : "the payload's hash";
}

// Where in its document something is refused: at a key, or at a column.
struct Refusal {
  std::string name;
  std::string key;
  std::string column;
  std::string message;
};

// Sources may have thousands of columns, and histories thousands of revisions.
class ColumnsByName {
 public:
  explicit ColumnsByName(const Source& source) {
    for (const SourceColumn& column : source.columns) columns_.emplace(column.name, &column);
  }
  const SourceColumn* Find(std::string_view name) const {
    const auto found = columns_.find(name);
    return found == columns_.end() ? nullptr : found->second;
  }

 private:
  std::unordered_map<std::string_view, const SourceColumn*> columns_;
};

// Collects refusals; of several revisions that stand against the same, the first is named.
class Collector {
 public:
  void Compare(const Entity& before, const Entity& after, uint64_t revision) {
    revision_ = revision;
    what_ = Concat("entity ", after.name);
    name_ = after.name;
    if (before.key != after.key) Refuse("key", "", "its key was ", before.key, ", not ", after.key);
  }

  void Compare(const Source& before, const Source& after, const ColumnsByName& columns,
               uint64_t revision) {
    revision_ = revision;
    what_ = Concat(after.table ? "table " : "events ", after.name);
    name_ = after.name;
    if (before.table != after.table) {
      Refuse("", "", "was ", before.table ? "a table" : "events");
      return;
    }
    if (before.entity != after.entity) {
      Refuse("of", "", "was of entity ", before.entity, ", not ", after.entity);
    }
    if (before.unit != after.unit) {
      Refuse("unit", "", "its unit was ", UnitName(before.unit), ", not ", UnitName(after.unit));
    }
    const std::string& time = after.columns[after.time_column].name;
    if (before.columns[before.time_column].name != time) {
      Refuse("time", "", "its time column was ", before.columns[before.time_column].name, ", not ",
             time);
    }
    if (IdName(before) != IdName(after)) {
      Refuse("id", "", "its id was ", IdName(before), ", not ", IdName(after));
    }
    for (const SourceColumn& column : before.columns) {
      CompareColumn(column, columns.Find(column.name));
    }
  }

  std::vector<Refusal> Take() { return std::move(refusals_); }

 private:
  void CompareColumn(const SourceColumn& before, const SourceColumn* after) {
    if (after == nullptr) return;
    if (after->type != before.type) {
      Refuse("columns", before.name, "column ", before.name, " had type ", before.type.Name(),
             ", not ", after->type.Name());
    } else if (after->entity != before.entity && !before.entity.empty()) {
      Refuse("keys", before.name, "column ", before.name, " was a key of ", before.entity,
             ", not of ", after->entity.empty() ? "anything" : after->entity);
    }
  }

  template <typename... Parts>
  void Refuse(std::string_view key, std::string_view column, const Parts&... parts) {
    if (!seen_.emplace(name_, key, column).second) return;
    refusals_.push_back({name_, std::string(key), std::string(column),
                         Concat(what_, ": ", parts..., "; revision ", revision_,
                                " has it so, and records may be stored since: use another name")});
  }

  uint64_t revision_ = 0;
  std::string what_;
  std::string name_;
  std::set<std::tuple<std::string, std::string, std::string>> seen_;
  std::vector<Refusal> refusals_;
};

// The place of `refusal` in its document; the document's name if what it is about is not written.
const SourceText& PlaceOf(const Refusal& refusal, const YamlNode& document) {
  for (const std::string_view key : {"columns", "keys"}) {
    const YamlNode* map = refusal.column.empty() ? nullptr : document.Find(key);
    if (map == nullptr) continue;
    for (const YamlEntry& entry : map->entries) {
      if (entry.key.text == refusal.column) return entry.key;
    }
  }
  const YamlNode* value = document.Find(refusal.key);
  const bool text = value != nullptr && value->kind == YamlNode::Kind::kScalar;
  return text ? value->text : document.entries.front().value.text;
}

std::vector<Diagnostic> Located(const std::vector<Refusal>& refusals,
                                const std::vector<DefinitionFile>& files) {
  std::vector<Diagnostic> ignored, located;
  std::map<std::string, YamlNode> documents;
  for (const DefinitionFile& file : files) {
    for (YamlNode& document : ReadYaml(file, ignored).documents) {
      if (document.entries.empty()) continue;
      const std::string name = document.entries.front().value.text.text;
      documents.emplace(name, std::move(document));
    }
  }
  for (const Refusal& refusal : refusals) {
    const auto it = documents.find(refusal.name);
    Complain(located, it == documents.end() ? SourceText() : PlaceOf(refusal, it->second),
             refusal.message);
  }
  return located;
}

}  // namespace

std::vector<Diagnostic> History::Refusals(const std::vector<DefinitionFile>& files,
                                          const CompiledRegistry& registry) const {
  Collector collector;
  for (const Source& source : registry.sources) {
    const ColumnsByName columns(source);
    for (const auto& revision : revisions_) {
      const Source* before = revision->registry->FindSource(source.name);
      if (before != nullptr) collector.Compare(*before, source, columns, revision->number);
    }
  }
  for (const Entity& entity : registry.entities) {
    for (const auto& revision : revisions_) {
      const Entity* before = revision->registry->FindEntity(entity.name);
      if (before != nullptr) collector.Compare(*before, entity, revision->number);
    }
  }
  const std::vector<Refusal> refusals = collector.Take();
  return refusals.empty() ? std::vector<Diagnostic>() : Located(refusals, files);
}

}  // namespace larder::registry
