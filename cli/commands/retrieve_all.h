// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_COMMANDS_RETRIEVE_ALL_H_
#define LARDER_CLI_COMMANDS_RETRIEVE_ALL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "cli/cli.h"

namespace larder::cli {

// `larder retrieve --all`.
struct RetrieveAllOptions {
  std::string recipe;
  std::vector<std::string> request;  // COLUMN=VALUE
  uint32_t limit = 0;                // 0: the recipe's
  uint32_t effort = 0;               // 0: the server's
  std::string out;
  bool restart = false;
};

// Writes the candidates of every key of a recipe to a file, going on where an earlier run stood.
// Returns an ExitCode.
StatusOr<int> RetrieveAll(Cli& cli, const RetrieveAllOptions& options);

}  // namespace larder::cli

#endif  // LARDER_CLI_COMMANDS_RETRIEVE_ALL_H_
