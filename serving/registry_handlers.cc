// SPDX-License-Identifier: Apache-2.0
#include "serving/registry_handlers.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "registry/compile.h"
#include "registry/history.h"
#include "serving/encoders.h"
#include "serving/read_info.h"

namespace larder::serving {
namespace {

using google::protobuf::RepeatedPtrField;

constexpr size_t kMaxEncoders = 1'000;
constexpr size_t kMaxAuthorBytes = 256;
constexpr size_t kMaxPathBytes = 1'024;
constexpr uint32_t kMaxRevisions = 10'000;
// More diagnostics than these are counted and not listed in an error's message.
constexpr size_t kShownDiagnostics = 20;

StatusOr<std::vector<registry::DefinitionFile>> Files(
    const RepeatedPtrField<v1::DefinitionFile>& files) {
  if (static_cast<size_t>(files.size()) > registry::kMaxDefinitionFiles) {
    return InvalidArgument("files: at most ", registry::kMaxDefinitionFiles, ", got ",
                           files.size());
  }
  std::vector<registry::DefinitionFile> out;
  size_t bytes = 0;
  for (const v1::DefinitionFile& file : files) {
    bytes += file.text().size();
    if (file.path().empty() || file.path().size() > kMaxPathBytes || !IsUtf8(file.path())) {
      return InvalidArgument("files: a path has 1 to ", kMaxPathBytes, " bytes of UTF-8");
    }
    if (bytes > registry::kMaxDefinitionBytes) {
      return InvalidArgument("files: at most ", registry::kMaxDefinitionBytes, " bytes together");
    }
    out.push_back({.path = file.path(), .text = file.text()});
  }
  return out;
}

StatusOr<std::vector<registry::EncoderFacts>> Facts(
    const RepeatedPtrField<v1::EncoderFacts>& encoders) {
  if (static_cast<size_t>(encoders.size()) > kMaxEncoders) {
    return InvalidArgument("encoders: at most ", kMaxEncoders, ", got ", encoders.size());
  }
  std::vector<registry::EncoderFacts> out;
  for (const v1::EncoderFacts& facts : encoders) {
    auto digest = Digest::FromHex(facts.digest());
    if (!digest.ok()) return Annotate(digest.status(), "encoders: digest");
    out.push_back({.path = facts.path(),
                   .digest = *digest,
                   .dimensions = facts.dimensions(),
                   .floats = facts.floats()});
  }
  return out;
}

// Each fact is about another encoder of the definitions: artifacts are read for each.
Status CheckFacts(const registry::RevisionRecord& record) {
  const std::vector<std::string> paths = registry::EncoderPaths(record.files);
  std::set<std::string_view> seen;
  for (const registry::EncoderFacts& fact : record.encoders) {
    if (!std::binary_search(paths.begin(), paths.end(), fact.path)) {
      return InvalidArgument("encoders: no encoder of the definitions has path '", fact.path, "'");
    }
    if (!seen.insert(fact.path).second) {
      return InvalidArgument("encoders: path '", fact.path, "' comes twice");
    }
  }
  return OkStatus();
}

// What can be said without the store: the definitions and what the compiler made of them.
struct Proposal {
  registry::RevisionRecord record;
  registry::CompileResult compiled;
};

template <typename Request>
StatusOr<Proposal> Compile(const Request& request) {
  Proposal proposal;
  LARDER_ASSIGN_OR_RETURN(proposal.record.files, Files(request.files()));
  LARDER_ASSIGN_OR_RETURN(proposal.record.encoders, Facts(request.encoders()));
  proposal.compiled = registry::Compile(proposal.record.files, proposal.record.encoders);
  if (proposal.compiled.registry != nullptr) {
    LARDER_RETURN_IF_ERROR(CheckFacts(proposal.record));
  }
  return proposal;
}

void SetDiagnostic(const registry::Diagnostic& diagnostic, v1::Diagnostic* out) {
  out->set_file(diagnostic.file);
  out->set_line(static_cast<uint32_t>(std::max(diagnostic.line, 0)));
  out->set_column(static_cast<uint32_t>(std::max(diagnostic.column, 0)));
  out->set_message(diagnostic.message);
}

v1::ChangeKind ToProto(registry::Change::Kind kind) {
  switch (kind) {
    case registry::Change::Kind::kAdded: return v1::CHANGE_KIND_ADDED;
    case registry::Change::Kind::kRemoved: return v1::CHANGE_KIND_REMOVED;
    case registry::Change::Kind::kCompatible: return v1::CHANGE_KIND_COMPATIBLE;
    case registry::Change::Kind::kBreaking: return v1::CHANGE_KIND_BREAKING;
  }
  return v1::CHANGE_KIND_UNSPECIFIED;
}

void SetChange(const registry::Change& change, v1::Change* out) {
  out->set_kind(ToProto(change.kind));
  out->set_definition_kind(change.definition_kind);
  out->set_name(change.name);
  out->set_old_version(change.old_version);
  out->set_new_version(change.new_version);
  for (const std::string& detail : change.details) out->add_details(detail);
  for (const std::string& name : change.used_by) out->add_used_by(name);
}

std::string Joined(const std::vector<registry::Diagnostic>& diagnostics) {
  std::string text;
  for (size_t i = 0; i < std::min(diagnostics.size(), kShownDiagnostics); ++i) {
    text += Concat(i == 0 ? "" : "\n", diagnostics[i].ToString());
  }
  if (diagnostics.size() > kShownDiagnostics) {
    text += Concat("\nand ", diagnostics.size() - kShownDiagnostics, " more");
  }
  return text;
}

// Every encoder that the definitions name is in the store, is intact there, opens, and its vectors
// are as was said. Reads it even if it is loaded: the next start will read what is on the disk.
Status LoadEncoders(const std::vector<registry::EncoderFacts>& facts, const Context& context) {
  for (const registry::EncoderFacts& fact : facts) {
    LARDER_RETURN_IF_ERROR(CheckDeadline(context));
    if (!context.backend.artifacts.Contains(fact.digest)) {
      return FailedPrecondition("encoder '", fact.path, "': artifact ", fact.digest.Hex(),
                                " is not in the artifact store: put it first");
    }
    LARDER_RETURN_IF_ERROR(Annotate(context.backend.artifacts.Verify(fact.digest),
                                    Concat("encoder '", fact.path, "'")));
    LARDER_ASSIGN_OR_RETURN(const text::EncoderInfo info,
                            context.backend.encoders.Load(fact.digest));
    if (static_cast<uint32_t>(info.dimensions) != fact.dimensions) {
      return InvalidArgument("encoder '", fact.path, "': artifact ", fact.digest.Short(), " has ",
                             info.dimensions, " dimensions, got ", fact.dimensions);
    }
    const bool floats = info.element() == text::VectorElement::kFloat;
    if (floats != fact.floats) {
      return InvalidArgument("encoder '", fact.path, "': the vectors of artifact ",
                             fact.digest.Short(), " are ", floats ? "floats" : "int8", ", got ",
                             fact.floats ? "floats" : "int8");
    }
  }
  return OkStatus();
}

Status CheckAuthor(std::string_view author) {
  if (author.size() <= kMaxAuthorBytes && IsUtf8(author)) return OkStatus();
  return InvalidArgument("author: at most ", kMaxAuthorBytes, " bytes of UTF-8");
}

StatusOr<registry::PinnedName> ParseName(std::string_view text) {
  if (text.empty() || text.size() > kMaxNameBytes || !IsUtf8(text)) {
    return InvalidArgument("name: expected 1 to ", kMaxNameBytes, " bytes of UTF-8");
  }
  return registry::ParsePinnedName(text);
}

void SetRef(const registry::Definition& definition, uint32_t version, v1::DefinitionRef* out) {
  out->set_kind(definition.kind);
  out->set_name(definition.name);
  out->set_version(version);
  out->set_digest(definition.digest.Hex());
}

}  // namespace

StatusOr<v1::PlanResponse> Plan(const v1::PlanRequest& request, const Context& context) {
  LARDER_ASSIGN_OR_RETURN(Proposal proposal, Compile(request));
  LARDER_RETURN_IF_ERROR(CheckDeadline(context));
  v1::PlanResponse reply;
  std::map<std::string, uint64_t, std::less<>> records;
  for (const featurestore::SourceStats& source : context.backend.store.Stats().sources) {
    records[source.name] = source.records;
  }
  registry::History history;
  {
    LARDER_ASSIGN_OR_RETURN(const auto snapshot, context.backend.store.Read({}, context.deadline));
    history = snapshot->history();
  }
  const registry::Revision* current = history.current();
  proposal.record.base = current == nullptr ? 0 : current->number;
  std::vector<registry::Diagnostic> diagnostics = proposal.compiled.diagnostics;
  if (proposal.compiled.registry != nullptr) {
    // It compiles, but earlier revisions may stand against it.
    diagnostics = history.Refusals(proposal.record.files, *proposal.compiled.registry);
  }
  reply.set_base_revision(proposal.record.base);
  for (const registry::Diagnostic& diagnostic : diagnostics) {
    SetDiagnostic(diagnostic, reply.add_diagnostics());
  }
  if (proposal.compiled.registry == nullptr) return reply;

  const auto has_records = [&](std::string_view source) {
    const auto it = records.find(source);
    return it != records.end() && it->second > 0;
  };
  for (const registry::Change& change :
       registry::Diff(current, *proposal.compiled.registry, has_records)) {
    SetChange(change, reply.add_changes());
  }
  for (const registry::EncoderFacts& fact : proposal.record.encoders) {
    LARDER_RETURN_IF_ERROR(CheckDeadline(context));
    if (!context.backend.artifacts.Verify(fact.digest).ok()) {
      reply.add_missing_artifacts(fact.digest.Hex());
    }
  }
  return reply;
}

StatusOr<v1::ApplyResponse> Apply(const v1::ApplyRequest& request, const Context& context) {
  LARDER_RETURN_IF_ERROR(CheckAuthor(request.author()));
  if (request.files().empty()) {
    return InvalidArgument("files: expected 1 to ", registry::kMaxDefinitionFiles,
                           "; an empty file takes all definitions away");
  }
  LARDER_ASSIGN_OR_RETURN(Proposal proposal, Compile(request));
  if (proposal.compiled.registry == nullptr) {
    return InvalidArgument(Joined(proposal.compiled.diagnostics));
  }
  LARDER_RETURN_IF_ERROR(LoadEncoders(proposal.record.encoders, context));
  LARDER_RETURN_IF_ERROR(CheckDeadline(context));
  proposal.record.base = request.base_revision();
  proposal.record.author = request.author();
  featurestore::Position position;
  LARDER_ASSIGN_OR_RETURN(const uint64_t revision,
                          context.backend.store.Propose(std::move(proposal.record), &position));
  v1::ApplyResponse reply;
  reply.set_revision(revision);
  reply.mutable_position()->set_value(position.value);
  return reply;
}

StatusOr<v1::RollbackResponse> Rollback(const v1::RollbackRequest& request,
                                        const Context& context) {
  LARDER_RETURN_IF_ERROR(CheckAuthor(request.author()));
  registry::History history;
  {
    LARDER_ASSIGN_OR_RETURN(const auto snapshot, ReadStore(context));
    history = snapshot->history();
  }
  const registry::Revision* wanted = history.Find(request.revision());
  if (wanted == nullptr) {
    return NotFound("there is no revision ", request.revision(), "; there are ",
                    history.revisions().size());
  }
  const registry::Revision& live = *history.current();
  v1::RollbackResponse reply;
  reply.set_base_revision(live.number);
  // Whoever looks at the changes knows that a source's past is in the log.
  for (const registry::Change& change :
       registry::Diff(&live, *wanted->registry, [](std::string_view) { return true; })) {
    SetChange(change, reply.add_changes());
  }
  if (reply.changes().empty()) return reply;
  for (const featurestore::VectorStats& vector : context.backend.store.Stats().vectors) {
    const registry::VectorFeature* feature = wanted->registry->FindVector(vector.feature);
    if (feature != nullptr && vector.stage != featurestore::VectorStage::kActive) {
      reply.add_waiting(feature->name);
    }
  }
  registry::RevisionRecord record = wanted->record;
  LARDER_RETURN_IF_ERROR(LoadEncoders(record.encoders, context));
  if (request.dry_run()) return reply;

  record.base = request.base_revision() == 0 ? live.number : request.base_revision();
  record.author = request.author();
  featurestore::Position position;
  LARDER_ASSIGN_OR_RETURN(const uint64_t revision,
                          context.backend.store.Propose(std::move(record), &position));
  reply.set_revision(revision);
  reply.mutable_position()->set_value(position.value);
  return reply;
}

StatusOr<v1::RegistryServiceGetResponse> GetDefinition(
    const v1::RegistryServiceGetRequest& request, const Context& context) {
  LARDER_ASSIGN_OR_RETURN(const registry::PinnedName wanted, ParseName(request.name()));
  LARDER_ASSIGN_OR_RETURN(const auto snapshot, context.backend.store.Read({}, context.deadline));
  const registry::History& history = snapshot->history();
  v1::RegistryServiceGetResponse reply;
  const registry::Definition* shown = nullptr;
  uint32_t shown_version = 0;
  std::map<uint32_t, v1::DefinitionVersion> versions;
  for (const auto& revision : history.revisions()) {
    const registry::Definition* definition = revision->registry->FindDefinition(wanted.name);
    if (definition == nullptr) continue;
    const auto it = revision->versions.find(definition->name);
    const uint32_t version = it == revision->versions.end() ? 0 : it->second;
    const auto [known, is_new] = versions.try_emplace(version);
    if (is_new) {
      known->second.set_version(version);
      known->second.set_digest(definition->digest.Hex());
      known->second.set_revision(revision->number);
    }
    known->second.set_live(revision.get() == history.current());
    if (!wanted.version || *wanted.version == version) {
      shown = definition;
      shown_version = version;
    }
  }
  if (shown == nullptr) {
    std::string known;
    for (const auto& [number, version] : versions) {
      known += Concat(known.empty() ? "; there are " : ", ", wanted.name, "@", number);
    }
    return NotFound("unknown definition '", request.name(), "'", known);
  }
  SetRef(*shown, shown_version, reply.mutable_definition());
  reply.set_canonical(shown->canonical);
  for (const std::string& name : shown->uses) reply.add_uses(name);
  for (auto& [number, version] : versions) *reply.add_versions() = std::move(version);
  return reply;
}

StatusOr<v1::RegistryServiceListResponse> ListRevisions(
    const v1::RegistryServiceListRequest& request, const Context& context) {
  if (request.revision_limit() > kMaxRevisions) {
    return InvalidArgument("revision_limit: at most ", kMaxRevisions, ", got ",
                           request.revision_limit());
  }
  const size_t limit = request.revision_limit() == 0 ? 100 : request.revision_limit();
  LARDER_ASSIGN_OR_RETURN(const auto snapshot, context.backend.store.Read({}, context.deadline));
  const registry::History& history = snapshot->history();
  v1::RegistryServiceListResponse reply;
  const auto& revisions = history.revisions();
  for (auto it = revisions.rbegin(); it != revisions.rend(); ++it) {
    if (static_cast<size_t>(reply.revisions_size()) == limit) break;
    v1::RevisionInfo* info = reply.add_revisions();
    info->set_revision((*it)->number);
    info->set_base_revision((*it)->base);
    info->set_author((*it)->author);
    SetTime((*it)->arrival, info->mutable_time());
    info->set_definitions(static_cast<uint32_t>((*it)->registry->definitions.size()));
  }
  if (const registry::Revision* current = history.current(); current != nullptr) {
    std::vector<const registry::Definition*> definitions;
    for (const auto& definition : current->registry->definitions) {
      definitions.push_back(&definition);
    }
    std::sort(definitions.begin(), definitions.end(), [](const auto* a, const auto* b) {
      return std::pair(a->kind, a->name) < std::pair(b->kind, b->name);
    });
    for (const registry::Definition* definition : definitions) {
      const auto it = current->versions.find(definition->name);
      SetRef(*definition, it == current->versions.end() ? 0 : it->second,
             reply.add_definitions());
    }
  }
  return reply;
}

}  // namespace larder::serving
