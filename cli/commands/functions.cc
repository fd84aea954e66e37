// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/format.h"
#include "cli/json.h"
#include "cli/table.h"
#include "registry/function_table.h"

namespace larder::cli {
namespace {

struct Options {
  std::string name;
};

using registry::Function;

std::string_view KindName(const Function& function) {
  return function.kind == Function::Kind::kOperator ? "operator" : "function";
}

void PrintOne(std::ostream& out, const Function& function) {
  out << function.usage << "\n  " << function.doc << "\n  nulls: " << function.nulls << "\n";
  if (!function.example.empty()) {
    out << "  example: " << function.example;
    if (!function.result.empty()) out << " is " << function.result;
    out << "\n";
  }
}

StatusOr<int> Run(Cli& cli, const Options& options) {
  Table table;
  table.AddColumn("FUNCTION", Table::Align::kLeft, 52);
  table.AddColumn("WHAT", Table::Align::kLeft, 80);
  size_t shown = 0;
  for (const Function& function : registry::Functions()) {
    if (!options.name.empty() && function.name != options.name) continue;
    const bool supported = function.kind != Function::Kind::kUnsupported;
    ++shown;
    if (cli.json) {
      cli.io.out << DumpJson({{"name", std::string(function.name)},
                              {"kind", std::string(KindName(function))},
                              {"supported", supported},
                              {"usage", std::string(function.usage)},
                              {"doc", std::string(function.doc)},
                              {"nulls", std::string(function.nulls)},
                              {"example", std::string(function.example)},
                              {"result", std::string(function.result)}})
                 << "\n";
    } else if (!options.name.empty()) {
      PrintOne(cli.io.out, function);
    } else if (supported) {
      table.AddRow({std::string(function.usage), std::string(function.doc)});
    }
  }
  if (shown == 0) return NotFound("there is no function '", options.name, "'");
  if (!cli.json && options.name.empty()) table.Print(cli.io.out);
  return kExitOk;
}

}  // namespace

void AddFunctions(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<Options>();
  CLI::App* command = AddCommand(app, cli, "functions",
                                 "List the functions of the definition language; needs no server",
                                 "  larder functions\n  larder functions cosine", Needs::kNothing);
  command->add_option("NAME", options->name, "Only this one, with its null rule and an example");
  SetAction(command, cli, options, Run);
}

}  // namespace larder::cli
