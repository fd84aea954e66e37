// SPDX-License-Identifier: Apache-2.0
#include "cli/output_file.h"

#include <filesystem>
#include <system_error>

#include "cli/exit_code.h"

namespace larder::cli {

Status CheckIsNoInput(std::string_view option, const std::string& path,
                      const std::vector<std::string>& inputs) {
  std::error_code ignored;
  for (const std::string& input : inputs) {
    // False if one of them does not exist.
    const std::string file = input == "-" ? "/dev/stdin" : input;
    if (!std::filesystem::equivalent(file, path, ignored)) continue;
    return UsageError(option, ": ", path, " is the input ", input,
                      ", which would be overwritten; name another file");
  }
  return OkStatus();
}

}  // namespace larder::cli
