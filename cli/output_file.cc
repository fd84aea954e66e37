// SPDX-License-Identifier: Apache-2.0
#include "cli/output_file.h"

#include <filesystem>
#include <system_error>

#include "cli/exit_code.h"

namespace larder::cli {
namespace {

namespace fs = std::filesystem;

// Without links, dots and a slash at the end.
fs::path PlaceOf(const std::string& path) {
  std::error_code ignored;
  const fs::path place = fs::weakly_canonical(fs::absolute(path, ignored), ignored);
  return place.has_filename() ? place : place.parent_path();
}

}  // namespace

Status CheckIsNoInput(std::string_view option, const std::string& path,
                      const std::vector<std::string>& inputs) {
  std::error_code ignored;
  for (const std::string& input : inputs) {
    // False if one of them does not exist.
    const std::string file = input == "-" ? "/dev/stdin" : input;
    if (!fs::equivalent(file, path, ignored)) continue;
    return UsageError(option, ": ", path, " is the input ", input,
                      ", which would be overwritten; name another file");
  }
  return OkStatus();
}

Status CheckIsOutside(std::string_view option, const std::string& path,
                      std::string_view other_option, const std::string& other_path) {
  if (path.empty() || other_path.empty()) return OkStatus();
  const fs::path other = PlaceOf(other_path);
  for (fs::path place = PlaceOf(path); place.has_relative_path(); place = place.parent_path()) {
    if (place != other) continue;
    return UsageError(option, ": ", path, " is or lies in ", other_path, ", which ", other_option,
                      " writes; name another file");
  }
  return OkStatus();
}

}  // namespace larder::cli
