// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_OUTPUT_FILE_H_
#define LARDER_CLI_OUTPUT_FILE_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace larder::cli {

// Whether what `option` says may be written while `inputs` are read; "-" there is standard input.
// Errors: UsageError if it is the same file as one of them, by whatever name.
Status CheckIsNoInput(std::string_view option, const std::string& path,
                      const std::vector<std::string>& inputs);

// Whether what `option` says may be written beside `other_path`, a file or folder that
// `other_option` says and that is written too; both may be empty: none.
// Errors: UsageError if it is the same or lies in that folder.
Status CheckIsOutside(std::string_view option, const std::string& path,
                      std::string_view other_option, const std::string& other_path);

}  // namespace larder::cli

#endif  // LARDER_CLI_OUTPUT_FILE_H_
