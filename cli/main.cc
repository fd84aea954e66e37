// SPDX-License-Identifier: Apache-2.0
#include <grpc/support/log.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "cli/cli.h"

namespace {

// Says nothing: what goes wrong is in the status of a call, which we print.
void IgnoreLog(gpr_log_func_args*) {}

}  // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  // Whoever looks into gRPC itself says how much it is to say.
  if (std::getenv("GRPC_VERBOSITY") == nullptr) gpr_set_log_function(IgnoreLog);
  const std::vector<std::string> args(argv + 1, argv + argc);
  const int code = larder::cli::RunCli(args, {std::cout, std::cerr});
  std::cout.flush();
  std::cerr.flush();
  std::fflush(nullptr);
  // Without static destructors: threads of gRPC that are just ending crash under them now and then
  // (1.51). All that is ours is closed by here.
  std::_Exit(code);
}
