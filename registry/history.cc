// SPDX-License-Identifier: Apache-2.0
#include "registry/history.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "registry/nearest_name.h"

namespace larder::registry {
namespace {

std::string FirstOf(const std::vector<Diagnostic>& diagnostics) {
  constexpr size_t kShown = 20;
  std::string text;
  for (size_t i = 0; i < std::min(kShown, diagnostics.size()); ++i) {
    text.append("\n").append(diagnostics[i].ToString());
  }
  if (diagnostics.size() > kShown) {
    text.append(Concat("\n… and ", diagnostics.size() - kShown, " more"));
  }
  return text;
}

template <typename T>
bool AllActive(const T& definition, const History::IsActive& active) {
  return std::all_of(definition.needs.begin(), definition.needs.end(), active);
}

}  // namespace

StatusOr<PinnedName> ParsePinnedName(std::string_view text) {
  const size_t at = text.find('@');
  if (at == std::string_view::npos) return PinnedName{text, std::nullopt};
  const std::string_view digits = text.substr(at + 1);
  uint32_t version = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), version);
  if (error != std::errc() || end != digits.data() + digits.size() || version == 0) {
    return InvalidArgument("'", text, "': expected NAME or NAME@VERSION with a version of 1 or "
                           "more");
  }
  return PinnedName{text.substr(0, at), version};
}

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
    return InvalidArgument("the definitions do not compile:", FirstOf(compiled.diagnostics));
  }
  const std::vector<Diagnostic> refusals = Refusals(record.files, *compiled.registry);
  if (refusals.empty()) return OkStatus();
  return FailedPrecondition("the definitions do not fit earlier revisions:", FirstOf(refusals));
}

StatusOr<const Revision*> History::Apply(RevisionRecord record, TimeUs arrival) {
  const CompileResult compiled = Compile(record.files, record.encoders);
  return Apply(std::move(record), compiled, arrival);
}

StatusOr<const Revision*> History::Apply(RevisionRecord record, const CompileResult& compiled,
                                         TimeUs arrival) {
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
StatusOr<Found<T>> Resolve(const std::vector<std::shared_ptr<const Revision>>& revisions,
                           std::string_view text, std::string_view kind,
                           const T* (CompiledRegistry::*find)(std::string_view) const,
                           std::vector<T> CompiledRegistry::*all,
                           const History::IsActive& active) {
  LARDER_ASSIGN_OR_RETURN(const PinnedName pinned, ParsePinnedName(text));
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
