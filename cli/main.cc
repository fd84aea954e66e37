// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "cli/cli.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  const std::vector<std::string> args(argv + 1, argv + argc);
  const int code = larder::cli::RunCli(args, {std::cout, std::cerr});
  std::cout.flush();
  std::cerr.flush();
  std::fflush(nullptr);
  // Without static destructors: threads of gRPC that are just ending crash under them now and then
  // (1.51). All that is ours is closed by here.
  std::_Exit(code);
}
