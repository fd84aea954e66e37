// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BASE_DIRECTORY_DIGEST_H_
#define LARDER_BASE_DIRECTORY_DIGEST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/hash.h"
#include "base/status.h"

namespace larder {

// One regular file of an artifact directory.
struct DirectoryFile {
  std::string name;  // relative path with '/', no '..', not absolute
  uint64_t size_bytes = 0;
};

// The regular files under `dir`, sorted by name. Hidden files (leading '.') are not part of it.
// Errors: kNotFound; kInvalidArgument for an empty directory, a name that is not UTF-8, more than
// 1,000 files; kResourceExhausted beyond 4 GiB (S11).
StatusOr<std::vector<DirectoryFile>> ListDirectoryFiles(FileSystem& fs, const std::string& dir);

// The name of an artifact: SHA-256 over "larder-dir-1\n" and, per file in order of name, the
// name's length, the name, the size and the content's SHA-256 (lengths as u64 little-endian).
// Cost: reads every file once, in pieces: about 2 s per GiB, little memory.
StatusOr<Digest> DirectoryDigest(FileSystem& fs, const std::string& dir);

// True for a relative path that stays inside its directory: no empty, '.', '..' or hidden parts,
// no backslash or control character, at most 255 bytes.
bool IsSafeRelativePath(std::string_view path);

}  // namespace larder

#endif  // LARDER_BASE_DIRECTORY_DIGEST_H_
