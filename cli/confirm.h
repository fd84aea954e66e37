// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_CONFIRM_H_
#define LARDER_CLI_CONFIRM_H_

#include <string>
#include <string_view>

#include "base/status.h"
#include "cli/cli.h"

namespace larder::cli {

// Asks on the terminal whether to `act` ("apply") on what was shown.
// Errors: kCancelled if not; kFailedPrecondition without a terminal, naming --yes.
Status Confirm(Cli& cli, std::string_view act);

// Who does it: `author`, or $USER if that is empty.
std::string AuthorOf(const std::string& author);

}  // namespace larder::cli

#endif  // LARDER_CLI_CONFIRM_H_
