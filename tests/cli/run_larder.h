// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_CLI_RUN_LARDER_H_
#define LARDER_TESTS_CLI_RUN_LARDER_H_

#include <sstream>
#include <string>
#include <vector>

#include "cli/cli.h"

namespace larder::cli {

struct Result {
  int code = 0;
  std::string out;
  std::string err;
};

// Runs `larder ARGS` in this process.
inline Result RunLarder(const std::vector<std::string>& args) {
  std::ostringstream out;
  std::ostringstream err;
  Result result;
  result.code = RunCli(args, {out, err});
  result.out = out.str();
  result.err = err.str();
  return result;
}

}  // namespace larder::cli

#endif  // LARDER_TESTS_CLI_RUN_LARDER_H_
