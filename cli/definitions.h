// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_DEFINITIONS_H_
#define LARDER_CLI_DEFINITIONS_H_

#include <map>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/status.h"
#include "registry/compile.h"

namespace larder::cli {

// A directory of definitions as it is compiled and sent.
struct Definitions {
  std::string dir;
  std::vector<registry::DefinitionFile> files;   // *.yaml and *.yml below `dir`, by path
  std::vector<registry::EncoderFacts> encoders;  // of the artifacts that the files name
  std::map<std::string, std::string> unreadable;  // by path: why an artifact that lies there is no
                                                  // good; the compiler says so at its place

  // Where an encoder's artifact lies.
  std::string EncoderDir(const registry::EncoderFacts& facts) const {
    return JoinPath(dir, facts.path);
  }
};

// Reads `dir` and, for every encoder that it names, the artifact's digest and dimensions. Hidden
// files and folders are left out.
// Errors: kNotFound; kInvalidArgument without any definitions, or with more than
// registry::kMaxDefinitionFiles.
StatusOr<Definitions> ReadDefinitions(FileSystem& fs, const std::string& dir);

}  // namespace larder::cli

#endif  // LARDER_CLI_DEFINITIONS_H_
