// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "cli/artifact_upload.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/confirm.h"
#include "cli/definitions.h"
#include "cli/plan_view.h"

namespace larder::cli {
namespace {

constexpr char kExamples[] =
    "  larder apply ./definitions\n"
    "  larder apply ./definitions --yes --author \"nightly job\"";

struct Options {
  std::string dir;
  std::string author;
  bool yes = false;
};

Status UploadMissing(Cli& cli, const Client& client, const Definitions& definitions,
                     const v1::PlanResponse& plan) {
  const auto& missing = plan.missing_artifacts();
  for (const registry::EncoderFacts& facts : definitions.encoders) {
    if (std::find(missing.begin(), missing.end(), facts.digest.Hex()) == missing.end()) continue;
    const std::string dir = definitions.EncoderDir(facts);
    cli.io.err << "uploading " << dir << " (" << facts.digest.Short() << ")" << std::endl;
    LARDER_RETURN_IF_ERROR(UploadArtifact(client, FileSystem::Posix(), dir, facts.digest));
  }
  return OkStatus();
}

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

  Json json = PlanToJson(plan);
  json["diagnostics"] = Json::array();
  if (!cli.json) PrintPlan(cli.io.out, plan);
  cli.io.out.flush();
  uint64_t revision = plan.base_revision();
  const bool changes = !plan.changes().empty();
  if (changes && !options.yes) {
    LARDER_RETURN_IF_ERROR(Confirm(cli, "apply"));
  }
  // Also without a change: the server's copy of a live encoder may be damaged.
  LARDER_RETURN_IF_ERROR(UploadMissing(cli, client, definitions, plan));
  if (changes) {
    LARDER_ASSIGN_OR_RETURN(
        const v1::ApplyResponse applied,
        RequestApply(client, definitions, plan.base_revision(), AuthorOf(options.author)));
    revision = applied.revision();
    json["position"] = applied.position().value();
    if (!cli.json) cli.io.out << "applied as revision " << revision << "\n";
  }
  json["revision"] = revision;
  if (cli.json) cli.io.out << DumpJson(json) << "\n";
  return kExitOk;
}

}  // namespace

void AddApply(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      AddCommand(app, cli, "apply",
                 "Make a directory of definitions the live revision; uploads the encoders it names",
                 kExamples, Needs::kServer);
  command->add_option("DIR", options->dir, "Directory of *.yaml or *.yml files")->required();
  command->add_flag("--yes,-y", options->yes, "Do not ask");
  command->add_option("--author", options->author, "Who applies it, for the record [$USER]")
      ->type_name("NAME");
  SetAction(command, cli, options, Run);
}

}  // namespace larder::cli
