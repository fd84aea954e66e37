// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_EXIT_CODE_H_
#define LARDER_CLI_EXIT_CODE_H_

#include "base/status.h"

namespace larder::cli {

// What the program exits with; listed in docs/reference/cli.md.
enum ExitCode : int {
  kExitOk = 0,
  kExitError = 1,     // the command failed: the message says why
  kExitUsage = 2,     // the command line is wrong
  kExitRejected = 3,  // ingest: all was read, but some records were rejected
  kExitNoServer = 4,  // no server answers, or it is not ready
};

// The same error, after which the program exits with `code`. The code of an error alone does not
// tell: a server and a local disk may both be unavailable.
Status WithExitCode(Status status, ExitCode code);
// What to exit with after an error: kExitError unless WithExitCode said otherwise.
ExitCode ExitCodeOf(const Status& status);

// The command line is wrong, which the parser could not see.
template <typename... Parts>
Status UsageError(const Parts&... parts) {
  return WithExitCode(InvalidArgument(parts...), kExitUsage);
}

}  // namespace larder::cli

#endif  // LARDER_CLI_EXIT_CODE_H_
