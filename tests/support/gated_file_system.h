// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_SUPPORT_GATED_FILE_SYSTEM_H_
#define LARDER_TESTS_SUPPORT_GATED_FILE_SYSTEM_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/sync.h"

namespace larder {

// The real file system, in which reading files of one name waits until Open(). Thread-safety:
// thread-safe.
class GatedFileSystem : public FileSystem {
 public:
  // `name`: the end of a path.
  explicit GatedFileSystem(std::string name) : name_(std::move(name)) {}

  void Open() {
    MutexLock lock(mu_);
    open_ = true;
    changed_.SignalAll();
  }

  StatusOr<std::string> Read(const std::string& path, uint64_t max_bytes) override {
    if (path.ends_with(name_)) {
      MutexLock lock(mu_);
      while (!open_) changed_.Wait(mu_);
    }
    return fs_.Read(path, max_bytes);
  }
  StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) override {
    return fs_.Create(path);
  }
  Status Stream(const std::string& path,
                const std::function<Status(std::string_view bytes)>& piece) override {
    return fs_.Stream(path, piece);
  }
  StatusOr<uint64_t> Size(const std::string& path) override { return fs_.Size(path); }
  bool Exists(const std::string& path) override { return fs_.Exists(path); }
  StatusOr<std::vector<std::string>> List(const std::string& dir) override {
    return fs_.List(dir);
  }
  bool IsDirectory(const std::string& path) override { return fs_.IsDirectory(path); }
  Status MakeDir(const std::string& dir) override { return fs_.MakeDir(dir); }
  Status Rename(const std::string& from, const std::string& to) override {
    return fs_.Rename(from, to);
  }
  Status Remove(const std::string& path) override { return fs_.Remove(path); }
  Status RemoveTree(const std::string& path) override { return fs_.RemoveTree(path); }
  Status SyncDir(const std::string& dir) override { return fs_.SyncDir(dir); }

 private:
  FileSystem& fs_ = FileSystem::Posix();
  const std::string name_;
  Mutex mu_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace larder

#endif  // LARDER_TESTS_SUPPORT_GATED_FILE_SYSTEM_H_
