// SPDX-License-Identifier: Apache-2.0
#include <ostream>
#include <utility>

#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/json.h"
#include "larder/v1/admin_service.grpc.pb.h"

namespace larder::cli {
namespace {

constexpr char kExamples[] =
    "  larder status                        # which epochs there are, and what the check found\n"
    "  larder activate text_of.vec          # says why it is not live\n"
    "  larder activate text_of.vec --force  # makes it live all the same";

struct Options {
  std::string feature;
  bool force = false;
};

StatusOr<int> Run(Cli& cli, const Options& options) {
  LARDER_ASSIGN_OR_RETURN(const Client client, Client::Connect(cli));
  const auto stub = v1::AdminService::NewStub(client.channel());
  v1::ActivateEpochRequest request;
  request.set_feature(options.feature);
  request.set_force(options.force);
  LARDER_ASSIGN_OR_RETURN(const v1::ActivateEpochResponse reply,
                          client.Call(*stub, &v1::AdminService::Stub::ActivateEpoch, request));
  if (cli.json) {
    cli.io.out << DumpJson({{"feature", options.feature}, {"position", reply.position().value()}})
               << "\n";
  } else {
    cli.io.out << "the newest epoch of " << options.feature << " is live\n";
  }
  return kExitOk;
}

}  // namespace

void AddActivate(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<Options>();
  CLI::App* command = AddCommand(app, cli, "activate",
                                 "Make an epoch of a vector feature live that its check refused",
                                 kExamples, Needs::kServer);
  command->add_option("FEATURE", options->feature, "\"view.feature\" of the live revision")
      ->required();
  command->add_flag("--force", options->force, "Whatever the check found, or before it");
  SetAction(command, cli, options, Run);
}

}  // namespace larder::cli
