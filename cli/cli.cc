// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <algorithm>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/format.h"

namespace larder::cli {
namespace {

constexpr char kDescription[] =
    "Larder keeps what a ranking model needs, ready to serve: features, text vectors and candidate "
    "sets.";
constexpr char kFooter[] =
    "Examples:\n"
    "  larder serve --data ./data\n"
    "  larder apply ./definitions\n"
    "  larder ingest catalog catalog.jsonl.zst\n"
    "  larder similar similar_items --key seed=i42\n"
    "\n"
    "`larder COMMAND --help` explains a command. Exit codes: 0 done, 1 failed, 2 wrong usage,\n"
    "3 some records were rejected (ingest), 4 no server answers.";

int CodeOf(const Status& status) {
  return status.code() == StatusCode::kUnavailable ? kExitNoServer : kExitError;
}

}  // namespace

CLI::App* AddCommand(CLI::App& parent, Cli& cli, const std::string& name,
                     const std::string& description, const std::string& examples, Needs needs) {
  CLI::App* command = parent.add_subcommand(name, description);
  command->footer("Examples:\n" + examples);
  command->add_flag("--json", cli.json, "Print JSON, for programs");
  if (needs == Needs::kServer) {
    command->add_option("--server", cli.server, "Address of the server, HOST:PORT [localhost:7070]")
        ->envname("LARDER_SERVER")
        ->type_name("ADDR");
    command->add_option("--timeout", cli.timeout, "Give up on one call after this long [30s]")
        ->type_name("DURATION");
  }
  return command;
}

void BuildApp(CLI::App& app, Cli& cli) {
  app.description(kDescription);
  app.footer(kFooter);
  app.name("larder");
  app.set_version_flag("--version", std::string("larder " LARDER_VERSION), "Print the version");
  app.require_subcommand(1);
  app.get_formatter()->column_width(28);
  AddServe(app, cli);
  AddCheck(app, cli);
  AddPlan(app, cli);
  AddApply(app, cli);
  AddRegistry(app, cli);
  AddFunctions(app, cli);
  AddIngest(app, cli);
  AddGet(app, cli);
  AddSimilar(app, cli);
  AddRetrieve(app, cli);
  AddSearch(app, cli);
  AddEmbed(app, cli);
  AddTokenizer(app, cli);
  AddEncoder(app, cli);
  AddStatus(app, cli);
}

int RunCli(const std::vector<std::string>& args, Io io) {
  Cli cli{.io = io, .action = {}};
  CLI::App app;
  BuildApp(app, cli);
  // CLI11 takes the arguments in reverse.
  std::vector<std::string> reversed(args.rbegin(), args.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    // Prints help and version as well; those are no errors.
    return app.exit(error, io.out, io.err) == 0 ? kExitOk : kExitUsage;
  }
  const StatusOr<int> code = cli.action ? cli.action() : StatusOr<int>(kExitUsage);
  io.out.flush();
  if (code.ok()) return *code;
  io.err << "larder: " << StatusCodeName(code.status().code()) << ": " << Message(code.status())
         << "\n";
  return CodeOf(code.status());
}

}  // namespace larder::cli
