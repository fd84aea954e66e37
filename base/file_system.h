// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BASE_FILE_SYSTEM_H_
#define LARDER_BASE_FILE_SYSTEM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace larder {

// A file being written. Bytes are durable only after Sync() returned OK.
// Thread-safety: single-thread.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  virtual Status Append(std::string_view bytes) = 0;
  virtual Status Sync() = 0;
  virtual Status Close() = 0;
};

// What Larder's own files need of a file system; an interface, so that tests can lose and scramble
// unsynced bytes. Paths are UTF-8. Only regular files are read: anything else is refused and never
// waited for. Errors name the path: kNotFound, kInvalidArgument (not a regular file),
// kResourceExhausted (disk full), kUnavailable (any other failure of the disk).
// Thread-safety: thread-safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Creates or truncates.
  virtual StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) = 0;
  // Errors: also kResourceExhausted when the file is larger than `max_bytes`.
  virtual StatusOr<std::string> Read(const std::string& path, uint64_t max_bytes) = 0;
  // Calls `piece` with the bytes of the file in order, at most kPieceBytes at a time, until it
  // returns an error, which is returned: for files too large to hold in memory.
  virtual Status Stream(const std::string& path,
                        const std::function<Status(std::string_view bytes)>& piece) = 0;
  virtual StatusOr<uint64_t> Size(const std::string& path) = 0;
  virtual bool Exists(const std::string& path) = 0;
  // Names (not paths) of the entries of a directory, sorted.
  virtual StatusOr<std::vector<std::string>> List(const std::string& dir) = 0;
  virtual bool IsDirectory(const std::string& path) = 0;
  // Makes one directory, not durable before its parent is synced; fine if it exists.
  virtual Status MakeDir(const std::string& dir) = 0;
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Status Remove(const std::string& path) = 0;
  // Removes a file or a directory with all that is in it; fine if it does not exist.
  virtual Status RemoveTree(const std::string& path) = 0;
  // Makes the entries of `dir` (creations, renames, removals) durable.
  virtual Status SyncDir(const std::string& dir) = 0;

  // Makes the directory and its parents, durably; fine if they exist.
  Status MakeDirs(const std::string& dir);

  static constexpr size_t kPieceBytes = size_t{1} << 20;
  // The machine's file system. Lives for ever.
  static FileSystem& Posix();
};

// Writes `bytes` so that after a crash `path` holds either what it held before or all of `bytes`:
// a temporary file beside it, synced, renamed, directory synced. An error leaves no temporary file.
Status WriteFileAtomically(FileSystem& fs, const std::string& path, std::string_view bytes);

// "a/b" from "a" and "b".
std::string JoinPath(std::string_view dir, std::string_view name);

// A read-only memory map of a whole file; empty files map to an empty view.
// Thread-safety: thread-safe after Open.
class MappedFile {
 public:
  // Errors: as FileSystem's.
  static StatusOr<std::unique_ptr<MappedFile>> Open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::string_view bytes() const { return {data_, size_}; }

 private:
  MappedFile(const char* data, size_t size) : data_(data), size_(size) {}
  const char* data_;
  size_t size_;
};

// An exclusive lock on `path` (created if missing), held until destruction or the process's end.
// Errors: kFailedPrecondition if another process holds it.
class FileLock {
 public:
  static StatusOr<std::unique_ptr<FileLock>> Acquire(const std::string& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace larder

#endif  // LARDER_BASE_FILE_SYSTEM_H_
