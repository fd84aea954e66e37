// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_ARTIFACT_UPLOAD_H_
#define LARDER_CLI_ARTIFACT_UPLOAD_H_

#include <string>

#include "base/file_system.h"
#include "base/hash.h"
#include "base/status.h"
#include "cli/client.h"

namespace larder::cli {

// Sends the artifact directory `dir` and returns when the server has it durably.
// Errors: kDataLoss if `dir` no longer has the content that `digest` names.
Status UploadArtifact(const Client& client, FileSystem& fs, const std::string& dir,
                      const Digest& digest);

}  // namespace larder::cli

#endif  // LARDER_CLI_ARTIFACT_UPLOAD_H_
