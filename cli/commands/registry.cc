// SPDX-License-Identifier: Apache-2.0
#include <ostream>
#include <utility>

#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/format.h"
#include "cli/json.h"
#include "cli/number_option.h"
#include "cli/read_request.h"
#include "cli/table.h"
#include "larder/v1/registry_service.grpc.pb.h"

namespace larder::cli {
namespace {

constexpr size_t kShortDigest = 12;

struct LogOptions {
  uint32_t limit = 100;
};
struct ShowOptions {
  std::string name;
};
struct ListOptions {};

StatusOr<v1::RegistryServiceListResponse> RequestList(const Cli& cli, uint32_t limit) {
  LARDER_ASSIGN_OR_RETURN(const Client client, Client::Connect(cli));
  v1::RegistryServiceListRequest request;
  request.set_revision_limit(limit);
  const auto stub = v1::RegistryService::NewStub(client.channel());
  return client.Call(*stub, &v1::RegistryService::Stub::List, request);
}

StatusOr<int> RunLog(Cli& cli, const LogOptions& options) {
  LARDER_ASSIGN_OR_RETURN(const auto list, RequestList(cli, options.limit));
  if (cli.json) {
    for (const v1::RevisionInfo& revision : list.revisions()) {
      cli.io.out << DumpJson({{"revision", revision.revision()},
                              {"base_revision", revision.base_revision()},
                              {"author", revision.author()},
                              {"time", FormatTime(FromProto(revision.time()))},
                              {"definitions", revision.definitions()}})
                 << "\n";
    }
    return kExitOk;
  }
  Table table;
  table.AddColumn("REVISION", Table::Align::kRight);
  table.AddColumn("TIME");
  table.AddColumn("AUTHOR");
  table.AddColumn("DEFINITIONS", Table::Align::kRight);
  for (const v1::RevisionInfo& revision : list.revisions()) {
    table.AddRow({std::to_string(revision.revision()), FormatTime(FromProto(revision.time())),
                  revision.author(), std::to_string(revision.definitions())});
  }
  table.Print(cli.io.out);
  return kExitOk;
}

StatusOr<int> RunList(Cli& cli, const ListOptions&) {
  LARDER_ASSIGN_OR_RETURN(const auto list, RequestList(cli, 1));
  Table table;
  table.AddColumn("KIND");
  table.AddColumn("NAME");
  table.AddColumn("VERSION", Table::Align::kRight);
  table.AddColumn("DIGEST");
  for (const v1::DefinitionRef& definition : list.definitions()) {
    if (cli.json) {
      cli.io.out << DumpJson({{"kind", definition.kind()},
                              {"name", definition.name()},
                              {"version", definition.version()},
                              {"digest", definition.digest()}})
                 << "\n";
    }
    table.AddRow({definition.kind(), definition.name(), std::to_string(definition.version()),
                  definition.digest().substr(0, kShortDigest)});
  }
  if (!cli.json) table.Print(cli.io.out);
  return kExitOk;
}

void PrintShown(std::ostream& out, const v1::RegistryServiceGetResponse& shown) {
  const v1::DefinitionRef& definition = shown.definition();
  out << definition.kind() << " " << definition.name() << "@" << definition.version() << "  digest "
      << definition.digest() << "\n";
  std::string uses;
  for (const std::string& name : shown.uses()) uses += Concat(uses.empty() ? "" : ", ", name);
  if (!uses.empty()) out << "uses " << uses << "\n";
  for (const v1::DefinitionVersion& version : shown.versions()) {
    out << "  @" << version.version() << "  " << version.digest().substr(0, kShortDigest)
        << "  since revision " << version.revision() << (version.live() ? "  live" : "") << "\n";
  }
  const Json canonical = Json::parse(shown.canonical(), nullptr, false);
  out << (canonical.is_discarded() ? shown.canonical() : canonical.dump(2)) << "\n";
}

StatusOr<int> RunShow(Cli& cli, const ShowOptions& options) {
  LARDER_ASSIGN_OR_RETURN(const Client client, Client::Connect(cli));
  v1::RegistryServiceGetRequest request;
  request.set_name(options.name);
  const auto stub = v1::RegistryService::NewStub(client.channel());
  LARDER_ASSIGN_OR_RETURN(const auto shown,
                          client.Call(*stub, &v1::RegistryService::Stub::Get, request));
  if (!cli.json) {
    PrintShown(cli.io.out, shown);
    return kExitOk;
  }
  Json versions = Json::array();
  for (const v1::DefinitionVersion& version : shown.versions()) {
    versions.push_back({{"version", version.version()},
                        {"digest", version.digest()},
                        {"revision", version.revision()},
                        {"live", version.live()}});
  }
  const Json canonical = Json::parse(shown.canonical(), nullptr, false);
  const v1::DefinitionRef& definition = shown.definition();
  cli.io.out
      << DumpJson({{"kind", definition.kind()},
                   {"name", definition.name()},
                   {"version", definition.version()},
                   {"digest", definition.digest()},
                   {"uses", std::vector<std::string>(shown.uses().begin(), shown.uses().end())},
                   {"versions", std::move(versions)},
                   {"definition", canonical.is_discarded() ? Json(shown.canonical()) : canonical}})
      << "\n";
  return kExitOk;
}

}  // namespace

void AddRegistry(CLI::App& app, Cli& cli) {
  CLI::App* registry = AddGroup(app, "registry", "Look at revisions and definitions");

  auto log_options = std::make_shared<LogOptions>();
  CLI::App* log = AddCommand(*registry, cli, "log", "List the revisions, newest first",
                             "  larder registry log --limit 5", Needs::kServer);
  AddNumber(log, "--limit", log_options->limit, {1, 10'000}, "At most so many");
  SetAction(log, cli, log_options, RunLog);

  auto show_options = std::make_shared<ShowOptions>();
  CLI::App* show =
      AddCommand(*registry, cli, "show", "Show one definition and its versions",
                 "  larder registry show ranker\n  larder registry show ranker@3", Needs::kServer);
  show->add_option("NAME", show_options->name, "NAME, or NAME@VERSION")->required();
  SetAction(show, cli, show_options, RunShow);

  CLI::App* list = AddCommand(*registry, cli, "list", "List the live definitions",
                              "  larder registry list --json | jq -r .name", Needs::kServer);
  SetAction(list, cli, std::make_shared<ListOptions>(), RunList);
}

}  // namespace larder::cli
