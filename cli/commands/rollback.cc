// SPDX-License-Identifier: Apache-2.0
#include <ostream>
#include <utility>

#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/confirm.h"
#include "cli/json.h"
#include "cli/number_option.h"
#include "cli/plan_view.h"
#include "larder/v1/registry_service.grpc.pb.h"

namespace larder::cli {
namespace {

constexpr char kExamples[] =
    "  larder registry log            # the revisions\n"
    "  larder rollback 3\n"
    "  larder rollback 3 --yes --author \"on call\"\n"
    "What the older definitions need is kept up to date, so they are live at once.";

struct Options {
  uint64_t revision = 0;
  std::string author;
  bool yes = false;
};

v1::PlanResponse PlanOf(const v1::RollbackResponse& reply) {
  v1::PlanResponse plan;
  *plan.mutable_changes() = reply.changes();
  plan.set_base_revision(reply.base_revision());
  return plan;
}

StatusOr<int> Run(Cli& cli, const Options& options) {
  LARDER_ASSIGN_OR_RETURN(const Client client, Client::Connect(cli));
  const auto stub = v1::RegistryService::NewStub(client.channel());
  v1::RollbackRequest request;
  request.set_revision(options.revision);
  request.set_author(AuthorOf(options.author));
  request.set_dry_run(!options.yes);
  LARDER_ASSIGN_OR_RETURN(v1::RollbackResponse reply,
                          client.Call(*stub, &v1::RegistryService::Stub::Rollback, request));
  if (!cli.json) PrintPlan(cli.io.out, PlanOf(reply));
  cli.io.out.flush();
  for (const std::string& feature : reply.waiting()) {
    cli.io.err << "warning: '" << feature << "' of that revision is not live yet, or was refused: "
               << "until it is, the name means what is live now (`larder status`)\n";
  }
  if (!options.yes && !reply.changes().empty()) {
    LARDER_RETURN_IF_ERROR(Confirm(cli, "rollback"));
    request.set_dry_run(false);
    request.set_base_revision(reply.base_revision());
    LARDER_ASSIGN_OR_RETURN(reply,
                            client.Call(*stub, &v1::RegistryService::Stub::Rollback, request));
  }
  if (cli.json) {
    Json json = PlanToJson(PlanOf(reply));
    json["waiting"] = Json(reply.waiting());
    json["revision"] = reply.revision() == 0 ? reply.base_revision() : reply.revision();
    if (reply.revision() != 0) json["position"] = reply.position().value();
    cli.io.out << DumpJson(json) << "\n";
  } else if (reply.revision() != 0) {
    cli.io.out << "revision " << options.revision << " is live again, as revision "
               << reply.revision() << "\n";
  }
  return kExitOk;
}

}  // namespace

void AddRollback(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      AddCommand(app, cli, "rollback", "Make the definitions of an earlier revision live again",
                 kExamples, Needs::kServer);
  AddNumber(command, "REVISION", options->revision, {.low = 1}, "As `registry log` shows it", "")
      ->required();
  command->add_flag("--yes,-y", options->yes, "Do not ask");
  command->add_option("--author", options->author, "Who does it, for the record [$USER]")
      ->type_name("NAME");
  SetAction(command, cli, options, Run);
}

}  // namespace larder::cli
