// SPDX-License-Identifier: Apache-2.0
#include "cli/definitions.h"

#include <algorithm>

#include "base/directory_digest.h"
#include "cli/exit_code.h"
#include "text/encoder.h"

namespace larder::cli {
namespace {

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
      LARDER_ASSIGN_OR_RETURN(std::string text, fs.Read(path, registry::kMaxDefinitionBytes));
      files.push_back({shown, std::move(text)});
      if (files.size() > registry::kMaxDefinitionFiles) {
        return InvalidArgument(dir, ": holds more than ", registry::kMaxDefinitionFiles,
                               " files of definitions");
      }
    }
  }
  return OkStatus();
}

}  // namespace

StatusOr<Definitions> ReadDefinitions(FileSystem& fs, const std::string& dir) {
  if (dir.empty()) return UsageError("expected a directory of definitions, got ''");
  if (!fs.IsDirectory(dir)) {
    if (fs.Exists(dir)) return InvalidArgument(dir, ": expected a directory of definitions");
    return NotFound(dir, ": no such directory of definitions");
  }
  Definitions definitions{.dir = dir, .files = {}, .encoders = {}, .unreadable = {}};
  LARDER_RETURN_IF_ERROR(Collect(fs, dir, "", 0, definitions.files));
  if (definitions.files.empty()) {
    return InvalidArgument(dir, ": holds no definitions, expected *.yaml or *.yml files");
  }
  std::sort(definitions.files.begin(), definitions.files.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  for (const std::string& path : registry::EncoderPaths(definitions.files)) {
    // What is missing or lies outside, the compiler sees itself.
    const std::string artifact = JoinPath(dir, path);
    if (!IsSafeRelativePath(path) || !fs.IsDirectory(artifact)) continue;
    const StatusOr<text::EncoderInfo> info = text::ReadEncoderInfo(fs, artifact);
    if (!info.ok()) {
      definitions.unreadable[path] = Message(info.status());
      continue;
    }
    definitions.encoders.push_back({path, info->digest, static_cast<uint32_t>(info->dimensions),
                                    info->element() == text::VectorElement::kFloat});
  }
  return definitions;
}

}  // namespace larder::cli
