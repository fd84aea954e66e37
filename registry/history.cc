// SPDX-License-Identifier: Apache-2.0
#include "registry/history.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include "registry/nearest_name.h"

namespace larder::registry {
namespace {

// "ranker@3" taken apart.
struct PinnedName {
  std::string_view name;
  std::optional<uint32_t> version;
};

StatusOr<PinnedName> ParsePinned(std::string_view text) {
  const size_t at = text.find('@');
  if (at == std::string_view::npos) return PinnedName{text, std::nullopt};
  const std::string_view digits = text.substr(at + 1);
  uint32_t version = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), version);
  if (error != std::errc() || end != digits.data() + digits.size() || version == 0) {
    return InvalidArgument("'", text, "': expected name@version with a version of 1 or more");
  }
  return PinnedName{text.substr(0, at), version};
}

std::string FirstComplaints(const CompileResult& compiled) {
  constexpr size_t kShown = 20;
  std::string text;
  for (size_t i = 0; i < std::min(kShown, compiled.diagnostics.size()); ++i) {
    text.append("\n").append(compiled.diagnostics[i].ToString());
  }
  if (compiled.diagnostics.size() > kShown) {
    text.append(Concat("\n… and ", compiled.diagnostics.size() - kShown, " more"));
  }
  return text;
}

std::string_view UnitName(Source::TimeUnit unit) {
  switch (unit) {
    case Source::TimeUnit::kRfc3339: return "RFC 3339 text";
    case Source::TimeUnit::kSeconds: return "s";
    case Source::TimeUnit::kMilliseconds: return "ms";
    case Source::TimeUnit::kMicroseconds: return "us";
  }
  return "";
}

// What stored records of `before` need of `after`, the same source later.
Status CheckSource(const Source& before, const Source& after, uint64_t revision) {
  const auto refuse = [&](const auto&... parts) {
    return FailedPrecondition(Concat(after.table ? "table " : "events ", after.name, ": ",
                                     parts...),
                              "; records stored since revision ", revision,
                              " need it; use another name");
  };
  if (before.table != after.table) {
    return refuse("was ", before.table ? "a table" : "events");
  }
  if (before.entity != after.entity) {
    return refuse("was of entity ", before.entity, ", not ", after.entity);
  }
  if (before.unit != after.unit) {
    return refuse("its unit was ", UnitName(before.unit), ", not ", UnitName(after.unit));
  }
  const std::string& time = before.columns[before.time_column].name;
  if (time != after.columns[after.time_column].name) {
    return refuse("its time column was ", time, ", not ", after.columns[after.time_column].name);
  }
  for (const SourceColumn& column : before.columns) {
    const int index = after.FindColumn(column.name);
    if (index < 0) continue;
    const SourceColumn& now = after.columns[static_cast<size_t>(index)];
    if (now.type != column.type) {
      return refuse("column ", column.name, " had type ", column.type.Name(), ", not ",
                    now.type.Name());
    }
    if (now.entity != column.entity && !column.entity.empty()) {
      return refuse("column ", column.name, " was a key of ", column.entity, ", not of ",
                    now.entity.empty() ? "anything" : now.entity);
    }
  }
  return OkStatus();
}

template <typename T>
bool AllActive(const T& definition, const History::IsActive& active) {
  return std::all_of(definition.needs.begin(), definition.needs.end(), active);
}

}  // namespace

uint32_t Revision::VersionOf(const std::string& name, const Digest& digest) const {
  const auto it = known_versions.find(name);
  if (it == known_versions.end()) return 1;
  uint32_t last = 0;
  for (const auto& [known, version] : it->second) {
    if (known == digest) return version;
    last = std::max(last, version);
  }
  return last + 1;
}

Status History::Check(const RevisionRecord& record, const CompileResult& compiled) const {
  const uint64_t live = revisions_.empty() ? 0 : revisions_.back()->number;
  if (record.base != live) {
    return Aborted("the definitions were planned against revision ", record.base,
                   ", but revision ", live, " is live: plan again");
  }
  if (compiled.registry == nullptr) {
    return InvalidArgument("the definitions do not compile:", FirstComplaints(compiled));
  }
  // Against every earlier revision: a source that went and came back still has its records.
  for (const Source& source : compiled.registry->sources) {
    for (const std::unique_ptr<Revision>& revision : revisions_) {
      const Source* before = revision->registry->FindSource(source.name);
      if (before == nullptr) continue;
      LARDER_RETURN_IF_ERROR(CheckSource(*before, source, revision->number));
    }
  }
  for (const Entity& entity : compiled.registry->entities) {
    for (const std::unique_ptr<Revision>& revision : revisions_) {
      const Entity* before = revision->registry->FindEntity(entity.name);
      if (before == nullptr || before->key == entity.key) continue;
      return FailedPrecondition("entity ", entity.name, ": its key was ", before->key, ", not ",
                                entity.key, "; it cannot change since revision ",
                                revision->number);
    }
  }
  return OkStatus();
}

StatusOr<const Revision*> History::Apply(RevisionRecord record, TimeUs arrival) {
  const CompileResult compiled = Compile(record.files, record.encoders);
  LARDER_RETURN_IF_ERROR(Check(record, compiled));
  auto revision = std::make_unique<Revision>();
  if (!revisions_.empty()) revision->known_versions = revisions_.back()->known_versions;
  revision->number = revisions_.empty() ? 1 : revisions_.back()->number + 1;
  revision->base = record.base;
  revision->author = record.author;
  revision->arrival = arrival;
  revision->registry = compiled.registry;
  revision->record = std::move(record);
  for (const Definition& definition : compiled.registry->definitions) {
    const uint32_t version = revision->VersionOf(definition.name, definition.digest);
    revision->versions[definition.name] = version;
    revision->known_versions[definition.name][definition.digest] = version;
  }
  revisions_.push_back(std::move(revision));
  return revisions_.back().get();
}

const Revision* History::current() const {
  return revisions_.empty() ? nullptr : revisions_.back().get();
}

const Revision* History::Find(uint64_t number) const {
  if (number == 0 || number > revisions_.size()) return nullptr;
  return revisions_[number - 1].get();
}

namespace {

// Where a name resolves to: the revision whose definition is meant, by S7.5.
template <typename T>
struct Found {
  const T* definition = nullptr;
  const Revision* revision = nullptr;
  uint32_t version = 0;
};

// `find` and `all` are how a registry finds and where it keeps its definitions of this kind.
template <typename T>
StatusOr<Found<T>> Resolve(const std::vector<std::unique_ptr<Revision>>& revisions,
                           std::string_view text, std::string_view kind,
                           const T* (CompiledRegistry::*find)(std::string_view) const,
                           std::vector<T> CompiledRegistry::*all,
                           const History::IsActive& active) {
  LARDER_ASSIGN_OR_RETURN(const PinnedName pinned, ParsePinned(text));
  const std::string name(pinned.name);
  if (revisions.empty()) return NotFound("there is no revision yet, so no ", kind, " '", name, "'");
  if (!pinned.version && ((*revisions.back()->registry).*find)(name) == nullptr) {
    return NotFound("no ", kind, " '", name, "' at revision ", revisions.back()->number,
                    DidYouMeanOneOf(name, (*revisions.back()->registry).*all));
  }
  std::optional<Found<T>> newest;
  for (auto it = revisions.rbegin(); it != revisions.rend(); ++it) {
    const T* definition = ((*(*it)->registry).*find)(name);
    if (definition == nullptr) continue;
    const Found<T> found{definition, it->get(), (*it)->versions.at(name)};
    if (pinned.version) {
      if (found.version == *pinned.version) return found;
      continue;
    }
    if (AllActive(*definition, active)) return found;
    if (!newest) newest = found;
  }
  if (!newest) return NotFound("no ", kind, " '", text, "' at any revision");
  return *newest;
}

}  // namespace

StatusOr<History::ResolvedSet> History::FindSet(std::string_view name,
                                                const IsActive& active) const {
  LARDER_ASSIGN_OR_RETURN(const auto found,
                          Resolve(revisions_, name, "set", &CompiledRegistry::FindSet,
                                  &CompiledRegistry::sets, active));
  return ResolvedSet{found.definition, found.version, found.revision->number};
}

StatusOr<History::ResolvedRetrieval> History::FindRetrieval(std::string_view name,
                                                            const IsActive& active) const {
  LARDER_ASSIGN_OR_RETURN(
      const auto found,
      Resolve(revisions_, name, "retrieval", &CompiledRegistry::FindRetrieval,
              &CompiledRegistry::retrievals, active));
  ResolvedRetrieval resolved{found.definition, nullptr, found.version, found.revision->number};
  if (!found.definition->return_set.empty()) {
    resolved.return_set = found.revision->registry->FindSet(found.definition->return_set);
  }
  return resolved;
}

}  // namespace larder::registry
