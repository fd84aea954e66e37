// SPDX-License-Identifier: Apache-2.0
#include "cli/definitions.h"

#include <algorithm>

#include "base/directory_digest.h"
#include "text/encoder.h"

namespace larder::cli {
namespace {

constexpr size_t kMaxFiles = 1'000;
constexpr uint64_t kMaxFileBytes = uint64_t{4} << 20;  // the compiler itself says no at 1 MiB
constexpr int kMaxDepth = 16;

Status Collect(FileSystem& fs, const std::string& dir, const std::string& prefix, int depth,
               std::vector<registry::DefinitionFile>& files) {
  if (depth > kMaxDepth) return InvalidArgument(dir, ": folders lie more than 16 deep");
  LARDER_ASSIGN_OR_RETURN(const std::vector<std::string> names, fs.List(dir));
  for (const std::string& name : names) {
    if (name.starts_with('.')) continue;
    const std::string path = JoinPath(dir, name);
    const std::string shown = prefix.empty() ? name : JoinPath(prefix, name);
    if (fs.IsDirectory(path)) {
      LARDER_RETURN_IF_ERROR(Collect(fs, path, shown, depth + 1, files));
    } else if (name.ends_with(".yaml") || name.ends_with(".yml")) {
      LARDER_ASSIGN_OR_RETURN(std::string text, fs.Read(path, kMaxFileBytes));
      files.push_back({shown, std::move(text)});
      if (files.size() > kMaxFiles) {
        return InvalidArgument(dir, ": holds more than ", kMaxFiles, " files of definitions");
      }
    }
  }
  return OkStatus();
}

}  // namespace

StatusOr<Definitions> ReadDefinitions(FileSystem& fs, const std::string& dir) {
  if (!fs.IsDirectory(dir)) return NotFound(dir, ": no such directory of definitions");
  Definitions definitions{.dir = dir, .files = {}, .encoders = {}, .diagnostics = {}};
  LARDER_RETURN_IF_ERROR(Collect(fs, dir, "", 0, definitions.files));
  if (definitions.files.empty()) {
    return InvalidArgument(dir, ": holds no definitions, expected *.yaml files");
  }
  std::sort(definitions.files.begin(), definitions.files.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  for (const std::string& path : registry::EncoderPaths(definitions.files)) {
    if (!IsSafeRelativePath(path)) {
      definitions.diagnostics.push_back(
          {.file = path, .message = "encoder path must lie inside the directory of definitions"});
      continue;
    }
    const StatusOr<text::EncoderInfo> info = text::ReadEncoderInfo(fs, JoinPath(dir, path));
    if (!info.ok()) {
      definitions.diagnostics.push_back(
          {.file = path,
           .message = Concat("encoder cannot be read: ", Message(info.status()),
                             "; `larder encoder train --out` makes one")});
      continue;
    }
    definitions.encoders.push_back({path, info->digest, static_cast<uint32_t>(info->dimensions)});
  }
  return definitions;
}

}  // namespace larder::cli
