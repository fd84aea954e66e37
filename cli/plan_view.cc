// SPDX-License-Identifier: Apache-2.0
#include "cli/plan_view.h"

#include <ostream>
#include <utility>

#include "base/bytes.h"
#include "larder/v1/registry_service.grpc.pb.h"

namespace larder::cli {
namespace {

std::string_view KindName(v1::ChangeKind kind) {
  switch (kind) {
    case v1::CHANGE_KIND_ADDED:
      return "added";
    case v1::CHANGE_KIND_REMOVED:
      return "removed";
    case v1::CHANGE_KIND_COMPATIBLE:
      return "compatible";
    case v1::CHANGE_KIND_BREAKING:
      return "breaking";
    default:
      return "changed";
  }
}

std::string_view KindSign(v1::ChangeKind kind) {
  switch (kind) {
    case v1::CHANGE_KIND_ADDED:
      return "+";
    case v1::CHANGE_KIND_REMOVED:
      return "-";
    case v1::CHANGE_KIND_BREAKING:
      return "!";
    default:
      return "~";
  }
}

std::string VersionStep(const v1::Change& change) {
  if (change.old_version() == 0) return Concat("@", change.new_version());
  if (change.new_version() == 0) return Concat("@", change.old_version());
  return Concat("@", change.old_version(), " -> @", change.new_version());
}

template <typename Strings>
std::string Joined(const Strings& strings) {
  std::string out;
  for (const std::string& text : strings) out += Concat(out.empty() ? "" : ", ", text);
  return out;
}

// A PlanRequest or an ApplyRequest.
template <typename Request>
Request RequestWith(const Definitions& definitions) {
  Request request;
  for (const registry::DefinitionFile& file : definitions.files) {
    v1::DefinitionFile* sent = request.add_files();
    sent->set_path(file.path);
    sent->set_text(file.text);
  }
  for (const registry::EncoderFacts& facts : definitions.encoders) {
    v1::EncoderFacts* sent = request.add_encoders();
    sent->set_path(facts.path);
    sent->set_digest(facts.digest.Hex());
    sent->set_dimensions(facts.dimensions);
    sent->set_floats(facts.floats);
  }
  return request;
}

}  // namespace

void PrintDiagnostics(std::ostream& out, const std::string& dir,
                      const std::vector<registry::Diagnostic>& diagnostics) {
  for (const registry::Diagnostic& diagnostic : diagnostics) {
    registry::Diagnostic shown = diagnostic;
    if (!shown.file.empty()) shown.file = JoinPath(dir, diagnostic.file);
    out << shown.ToString() << "\n";
  }
}

Json DiagnosticsToJson(const std::vector<registry::Diagnostic>& diagnostics) {
  Json list = Json::array();
  for (const registry::Diagnostic& diagnostic : diagnostics) {
    list.push_back({{"file", diagnostic.file},
                    {"line", diagnostic.line},
                    {"column", diagnostic.column},
                    {"message", diagnostic.message}});
  }
  return list;
}

std::vector<registry::Diagnostic> WhyUnsendable(const Definitions& definitions) {
  std::vector<registry::Diagnostic> why;
  bool text = true;
  for (const registry::DefinitionFile& file : definitions.files) {
    text = text && IsUtf8(file.text);
    if (!IsUtf8(file.path)) {
      why.push_back({.file = file.path, .message = "the name of this file is not UTF-8"});
    }
  }
  if (text && definitions.unreadable.empty()) return why;
  const auto compiled =
      registry::Compile(definitions.files, definitions.encoders, definitions.unreadable);
  why.insert(why.end(), compiled.diagnostics.begin(), compiled.diagnostics.end());
  return why;
}

StatusOr<v1::PlanResponse> RequestPlan(const Client& client, const Definitions& definitions) {
  const auto stub = v1::RegistryService::NewStub(client.channel());
  return client.Call(*stub, &v1::RegistryService::Stub::Plan,
                     RequestWith<v1::PlanRequest>(definitions));
}

StatusOr<v1::ApplyResponse> RequestApply(const Client& client, const Definitions& definitions,
                                         uint64_t base, const std::string& author) {
  auto request = RequestWith<v1::ApplyRequest>(definitions);
  request.set_base_revision(base);
  request.set_author(author);
  const auto stub = v1::RegistryService::NewStub(client.channel());
  return client.Call(*stub, &v1::RegistryService::Stub::Apply, request);
}

std::vector<registry::Diagnostic> DiagnosticsOf(const v1::PlanResponse& plan) {
  std::vector<registry::Diagnostic> all;
  for (const v1::Diagnostic& diagnostic : plan.diagnostics()) {
    all.push_back({diagnostic.file(), static_cast<int>(diagnostic.line()),
                   static_cast<int>(diagnostic.column()), diagnostic.message()});
  }
  return all;
}

Status Refuse(Cli& cli, const std::string& dir,
              const std::vector<registry::Diagnostic>& diagnostics, const v1::PlanResponse& plan) {
  if (cli.json) {
    Json json = PlanToJson(plan);
    json["diagnostics"] = DiagnosticsToJson(diagnostics);
    cli.io.out << DumpJson(json) << "\n";
  } else {
    PrintDiagnostics(cli.io.out, dir, diagnostics);
  }
  return InvalidArgument(dir, ": ", diagnostics.size(), " errors");
}

void PrintPlan(std::ostream& out, const v1::PlanResponse& plan) {
  const auto upload = Concat("; ", plan.missing_artifacts_size(), " artifacts to upload\n");
  if (plan.changes().empty()) {
    out << "no change against revision " << plan.base_revision()
        << (plan.missing_artifacts().empty() ? "\n" : upload);
    return;
  }
  for (const v1::Change& change : plan.changes()) {
    out << KindSign(change.kind()) << " " << change.definition_kind() << " " << change.name()
        << VersionStep(change);
    if (change.kind() != v1::CHANGE_KIND_ADDED) out << "  " << KindName(change.kind());
    out << "\n";
    for (const std::string& detail : change.details()) out << "    " << detail << "\n";
    if (!change.used_by().empty() && change.kind() != v1::CHANGE_KIND_ADDED) {
      out << "    used by " << Joined(change.used_by()) << "\n";
    }
  }
  out << plan.changes_size() << " definitions change against revision " << plan.base_revision()
      << upload;
}

Json PlanToJson(const v1::PlanResponse& plan) {
  Json changes = Json::array();
  for (const v1::Change& change : plan.changes()) {
    changes.push_back(
        {{"change", KindName(change.kind())},
         {"kind", change.definition_kind()},
         {"name", change.name()},
         {"old_version", change.old_version()},
         {"new_version", change.new_version()},
         {"details", std::vector<std::string>(change.details().begin(), change.details().end())},
         {"used_by", std::vector<std::string>(change.used_by().begin(), change.used_by().end())}});
  }
  return {{"base_revision", plan.base_revision()},
          {"changes", std::move(changes)},
          {"missing_artifacts", std::vector<std::string>(plan.missing_artifacts().begin(),
                                                         plan.missing_artifacts().end())}};
}

}  // namespace larder::cli
