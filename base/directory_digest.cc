// SPDX-License-Identifier: Apache-2.0
#include "base/directory_digest.h"

#include <algorithm>
#include <string_view>

#include "base/bytes.h"

namespace larder {
namespace {

constexpr size_t kMaxFiles = 1'000;
constexpr uint64_t kMaxArtifactBytes = uint64_t{4} << 30;
constexpr int kMaxDepth = 8;

Status Walk(FileSystem& fs, const std::string& root, const std::string& prefix, int depth,
            std::vector<DirectoryFile>& out) {
  if (depth > kMaxDepth) return InvalidArgument("'", root, "': folders are nested too deep");
  LARDER_ASSIGN_OR_RETURN(const auto names, fs.List(JoinPath(root, prefix)));
  for (const std::string& name : names) {
    if (name.starts_with('.')) continue;
    const std::string relative = prefix.empty() ? name : JoinPath(prefix, name);
    if (!IsSafeRelativePath(relative)) {
      return InvalidArgument("'", root, "': file name '", relative, "' is not allowed");
    }
    const std::string path = JoinPath(root, relative);
    if (fs.IsDirectory(path)) {
      LARDER_RETURN_IF_ERROR(Walk(fs, root, relative, depth + 1, out));
      continue;
    }
    LARDER_ASSIGN_OR_RETURN(const uint64_t size, fs.Size(path));
    out.push_back({relative, size});
    if (out.size() > kMaxFiles) {
      return InvalidArgument("'", root, "': more than ", kMaxFiles, " files");
    }
  }
  return OkStatus();
}

}  // namespace

bool IsSafeRelativePath(std::string_view path) {
  if (path.empty() || path.size() > 255 || !IsUtf8(path)) return false;
  for (const char c : path) {
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f || c == '\\') return false;
  }
  size_t begin = 0;
  while (begin <= path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part.front() == '.') return false;
    begin = end + 1;
  }
  return true;
}

StatusOr<std::vector<DirectoryFile>> ListDirectoryFiles(FileSystem& fs, const std::string& dir) {
  std::vector<DirectoryFile> files;
  LARDER_RETURN_IF_ERROR(Walk(fs, dir, "", 0, files));
  if (files.empty()) return InvalidArgument("'", dir, "' has no files");
  std::sort(files.begin(), files.end(),
            [](const DirectoryFile& a, const DirectoryFile& b) { return a.name < b.name; });
  uint64_t total = 0;
  for (const DirectoryFile& file : files) total += file.size_bytes;
  if (total > kMaxArtifactBytes) {
    return ResourceExhausted("'", dir, "' has ", total, " bytes, the limit is ", kMaxArtifactBytes);
  }
  return files;
}

StatusOr<Digest> DirectoryDigest(FileSystem& fs, const std::string& dir) {
  LARDER_ASSIGN_OR_RETURN(const auto files, ListDirectoryFiles(fs, dir));
  std::string manifest = "larder-dir-1\n";
  ByteWriter writer(manifest);
  for (const DirectoryFile& file : files) {
    Sha256Stream content;
    uint64_t size = 0;
    LARDER_RETURN_IF_ERROR(fs.Stream(JoinPath(dir, file.name), [&](std::string_view bytes) {
      content.Update(bytes);
      size += bytes.size();
      return OkStatus();
    }));
    writer.Fixed<uint64_t>(file.name.size());
    writer.Raw(file.name);
    writer.Fixed<uint64_t>(size);
    writer.Raw(content.Finish().view());
  }
  return Sha256(manifest);
}

}  // namespace larder
