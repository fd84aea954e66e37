// SPDX-License-Identifier: Apache-2.0
#include "cli/confirm.h"

#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "base/bytes.h"

namespace larder::cli {

Status Confirm(Cli& cli, std::string_view act) {
  if (isatty(STDIN_FILENO) != 1) {
    return FailedPrecondition(
        act, " asks before it changes anything; without a terminal, say --yes");
  }
  cli.io.err << act << " this? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return OkStatus();
  return Cancelled("nothing was changed");
}

std::string AuthorOf(const std::string& author) {
  const char* user = std::getenv("USER");
  if (!author.empty() || user == nullptr || !IsUtf8(user)) return author;
  return user;
}

}  // namespace larder::cli
