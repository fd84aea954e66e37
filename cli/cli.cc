// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <algorithm>
#include <optional>
#include <ostream>

#include "base/bytes.h"
#include "cli/commands/commands.h"
#include "cli/format.h"
#include "registry/nearest_name.h"

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

// What is wrong with `args` that the parser says badly or not at all: a word that is no command, an
// option before it, bytes that no message to a server can carry.
Status CheckWords(const CLI::App& app, const std::vector<std::string>& args) {
  for (size_t i = 0; i < args.size(); ++i) {
    if (!IsUtf8(args[i])) return UsageError("argument ", i + 1, " is not UTF-8");
  }
  const CLI::App* at = &app;
  for (const std::string& word : args) {
    const auto children = at->get_subcommands([](const CLI::App*) { return true; });
    if (children.empty()) return OkStatus();
    if (word.starts_with('-')) {
      const std::string name = word.substr(0, word.find('='));
      if (at->get_option_no_throw(name) != nullptr) return OkStatus();
      return UsageError("option '", name, "' stands before the command; options go after it, as in "
                        "`larder status --json`");
    }
    std::vector<std::string> names;
    for (const CLI::App* child : children) names.push_back(child->get_name());
    const auto found = std::find(names.begin(), names.end(), word);
    if (found == names.end()) {
      const std::vector<std::string_view> known(names.begin(), names.end());
      const std::string hint = registry::DidYouMean(word, known);
      return UsageError("there is no command '", word, "'",
                        hint.empty() ? "; `larder --help` lists them" : hint);
    }
    at = children[static_cast<size_t>(found - names.begin())];
  }
  return OkStatus();
}

int Fail(Io io, const Status& status) {
  io.err << "larder: " << StatusCodeName(status.code()) << ": " << Message(status) << "\n";
  return ExitCodeOf(status);
}

// Parses and runs.
int Run(CLI::App& app, Cli& cli, const std::vector<std::string>& args) {
  if (const Status words = CheckWords(app, args); !words.ok()) return Fail(cli.io, words);
  // CLI11 takes the arguments in reverse.
  std::vector<std::string> reversed(args.rbegin(), args.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    // Prints help and version as well; those are no errors.
    return app.exit(error, cli.io.out, cli.io.err) == 0 ? kExitOk : kExitUsage;
  }
  const StatusOr<int> code = cli.action ? cli.action() : StatusOr<int>(kExitUsage);
  return code.ok() ? *code : Fail(cli.io, code.status());
}

}  // namespace

CLI::App* AddCommand(CLI::App& parent, Cli& cli, const std::string& name,
                     const std::string& description, const std::string& examples, Needs needs) {
  CLI::App* command = parent.add_subcommand(name, description);
  command->footer("Examples:\n" + examples);
  command->add_flag("--json", cli.json, "Print JSON, for programs");
  if (needs == Needs::kServer) {
    // The environment is for Client::Connect to read: CLI11 would fill the one field from it once
    // for every command that was not named.
    const auto set_server = [&cli](const std::string& address) {
      if (address.empty()) throw CLI::ValidationError("--server", "expected HOST:PORT, got ''");
      cli.server = address;
    };
    command
        ->add_option_function<std::string>(
            "--server", set_server,
            "Address of the server, HOST:PORT [LARDER_SERVER or localhost:7070]")
        ->type_name("ADDR");
    command->add_option("--timeout", cli.timeout, "Give up on one call after this long [30s]")
        ->type_name("DURATION");
  }
  return command;
}

CLI::App* AddGroup(CLI::App& parent, const std::string& name, const std::string& description) {
  CLI::App* group = parent.add_subcommand(name, description);
  group->require_subcommand(1);
  group->footer("");  // else the parent's
  return group;
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
  AddRollback(app, cli);
  AddActivate(app, cli);
  AddRegistry(app, cli);
  AddFunctions(app, cli);
  AddIngest(app, cli);
  AddGet(app, cli);
  AddSimilar(app, cli);
  AddRetrieve(app, cli);
  AddSearch(app, cli);
  AddEmbed(app, cli);
  AddTokenize(app, cli);
  AddTokenizer(app, cli);
  AddEncoder(app, cli);
  AddStatus(app, cli);
}

int RunCli(const std::vector<std::string>& args, Io io) {
  Cli cli{.io = io, .action = {}};
  CLI::App app;
  BuildApp(app, cli);
  const int code = Run(app, cli, args);
  io.out.flush();
  if (io.out) return code;
  const int lost = Fail(io, DataLoss("standard output cannot be written"));
  return code == kExitOk ? lost : code;
}

}  // namespace larder::cli
