// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_CLI_H_
#define LARDER_CLI_CLI_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "cli/exit_code.h"

namespace larder::cli {

// Where a command writes: results to `out`, progress and errors to `err`.
struct Io {
  std::ostream& out;
  std::ostream& err;
};

// What the parsed command line leaves: shared options, and the action of the chosen command.
// Thread-safety: single-thread.
struct Cli {
  Io io;
  bool json = false;
  std::string server{};  // empty: not given
  std::string timeout = "30s";
  std::function<StatusOr<int>()> action;  // returns an ExitCode
};

// Whether a command talks to a server: then it has --server and --timeout.
enum class Needs { kServer, kNothing };

// Adds a command with the options that all share, and examples at the end of its help.
CLI::App* AddCommand(CLI::App& parent, Cli& cli, const std::string& name,
                     const std::string& description, const std::string& examples, Needs needs);

// Adds a command that only holds others.
CLI::App* AddGroup(CLI::App& parent, const std::string& name, const std::string& description);

// Makes `run(cli, *options)` the action when `command` is chosen.
template <typename Options>
void SetAction(CLI::App* command, Cli& cli, std::shared_ptr<Options> options,
               StatusOr<int> (*run)(Cli&, const Options&)) {
  command->callback(
      [&cli, options, run] { cli.action = [&cli, options, run] { return run(cli, *options); }; });
}

// All commands.
void BuildApp(CLI::App& app, Cli& cli);

// Parses `args` (without the program's name), runs the command, returns the exit code. Errors go
// to io.err as "larder: CODE: message". Never throws.
int RunCli(const std::vector<std::string>& args, Io io);

}  // namespace larder::cli

#endif  // LARDER_CLI_CLI_H_
