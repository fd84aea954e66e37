// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/definitions.h"
#include "cli/plan_view.h"

namespace larder::cli {
namespace {

constexpr char kExamples[] = "  larder check ./definitions";

struct Options {
  std::string dir;
};

StatusOr<int> Run(Cli& cli, const Options& options) {
  LARDER_ASSIGN_OR_RETURN(const Definitions definitions,
                          ReadDefinitions(FileSystem::Posix(), options.dir));
  const registry::CompileResult compiled =
      registry::Compile(definitions.files, definitions.encoders, definitions.unreadable);
  const std::vector<registry::Diagnostic>& diagnostics = compiled.diagnostics;
  const size_t count = compiled.registry ? compiled.registry->definitions.size() : 0;
  if (cli.json) {
    const Json json = {{"ok", diagnostics.empty()},
                       {"files", definitions.files.size()},
                       {"definitions", count},
                       {"diagnostics", DiagnosticsToJson(diagnostics)}};
    cli.io.out << DumpJson(json) << "\n";
  } else {
    PrintDiagnostics(cli.io.out, options.dir, diagnostics);
    if (diagnostics.empty()) {
      cli.io.out << count << " definitions in " << definitions.files.size()
                 << " files: no errors\n";
    }
  }
  if (diagnostics.empty()) return kExitOk;
  return InvalidArgument(options.dir, ": ", diagnostics.size(), " errors");
}

}  // namespace

void AddCheck(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<Options>();
  CLI::App* command = AddCommand(
      app, cli, "check", "Compile a directory of definitions and print all errors; needs no server",
      kExamples, Needs::kNothing);
  command->add_option("DIR", options->dir, "Directory of *.yaml or *.yml files")->required();
  SetAction(command, cli, options, Run);
}

}  // namespace larder::cli
