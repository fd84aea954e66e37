// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/definitions.h"
#include "cli/plan_view.h"

namespace larder::cli {
namespace {

constexpr char kExamples[] =
    "  larder plan ./definitions\n"
    "  larder plan ./definitions --json | jq '.changes[].name'";

struct Options {
  std::string dir;
};

StatusOr<int> Run(Cli& cli, const Options& options) {
  LARDER_ASSIGN_OR_RETURN(const Definitions definitions,
                          ReadDefinitions(FileSystem::Posix(), options.dir));
  if (const auto why = WhyUnsendable(definitions); !why.empty()) {
    return Refuse(cli, options.dir, why, {});
  }
  LARDER_ASSIGN_OR_RETURN(const Client client, Client::Connect(cli));
  LARDER_ASSIGN_OR_RETURN(const v1::PlanResponse plan, RequestPlan(client, definitions));
  const auto diagnostics = DiagnosticsOf(plan);
  if (!diagnostics.empty()) return Refuse(cli, options.dir, diagnostics, plan);
  if (cli.json) {
    Json json = PlanToJson(plan);
    json["diagnostics"] = Json::array();
    cli.io.out << DumpJson(json) << "\n";
  } else {
    PrintPlan(cli.io.out, plan);
  }
  return kExitOk;
}

}  // namespace

void AddPlan(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      AddCommand(app, cli, "plan", "Show what applying a directory of definitions would change",
                 kExamples, Needs::kServer);
  command->add_option("DIR", options->dir, "Directory of *.yaml or *.yml files")->required();
  SetAction(command, cli, options, Run);
}

}  // namespace larder::cli
