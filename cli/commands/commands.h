// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_COMMANDS_COMMANDS_H_
#define LARDER_CLI_COMMANDS_COMMANDS_H_

#include "cli/cli.h"

namespace larder::cli {

// One function per command, each in its own file: adds the command to `app`.
void AddServe(CLI::App& app, Cli& cli);
void AddCheck(CLI::App& app, Cli& cli);
void AddPlan(CLI::App& app, Cli& cli);
void AddApply(CLI::App& app, Cli& cli);
void AddRollback(CLI::App& app, Cli& cli);
void AddActivate(CLI::App& app, Cli& cli);
void AddRegistry(CLI::App& app, Cli& cli);
void AddFunctions(CLI::App& app, Cli& cli);
void AddIngest(CLI::App& app, Cli& cli);
void AddGet(CLI::App& app, Cli& cli);
void AddSimilar(CLI::App& app, Cli& cli);
void AddRetrieve(CLI::App& app, Cli& cli);
void AddSearch(CLI::App& app, Cli& cli);
void AddEmbed(CLI::App& app, Cli& cli);
void AddTokenize(CLI::App& app, Cli& cli);
void AddTokenizer(CLI::App& app, Cli& cli);
void AddEncoder(CLI::App& app, Cli& cli);
void AddStatus(CLI::App& app, Cli& cli);

}  // namespace larder::cli

#endif  // LARDER_CLI_COMMANDS_COMMANDS_H_
