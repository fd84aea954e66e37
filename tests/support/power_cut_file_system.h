// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_SUPPORT_POWER_CUT_FILE_SYSTEM_H_
#define LARDER_TESTS_SUPPORT_POWER_CUT_FILE_SYSTEM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "base/status.h"

namespace rocksdb {
class Env;
}

namespace larder {

class DiskModel;

// A file system over a real directory that knows which bytes and which directory entries a disk
// would have kept if the power had failed: the bytes of a file up to its last Sync/Fsync, the
// entries of a directory (creations, renames, removals) as of its last SyncDir/Fsync.
//
// `*this` serves Larder's own files and `env()` RocksDB's, over one model. Simplifications:
// RangeSync promises nothing; RocksDB's LOG files are not modelled and vanish. No real fsync is
// made, so tests are fast. Only files under `root` are modelled.
//
// Use: run a store over it; Freeze() (the machine is dead: every change fails from here on);
// destroy the store; PowerCut(); open a store again.
// Thread-safety: thread-safe; PowerCut only while no file under `root` is open.
class PowerCutFileSystem : public FileSystem {
 public:
  enum class Mode : uint8_t {
    kDrop = 1,      // exactly what was synced
    kScramble = 2,  // that, plus some, torn or garbage unsynced bytes; unsynced directory entries
                    // of a directory all or none
  };

  // `root` must exist; what is in it counts as synced. `<root>.power-cut` is used beside it and
  // removed by the destructor.
  explicit PowerCutFileSystem(std::string root);
  ~PowerCutFileSystem() override;

  // For rocksdb::Options::env. Lives as long as this object.
  rocksdb::Env* env();

  // Every change (write, sync, create, rename, remove) fails with kUnavailable from now on.
  void Freeze();
  // Lets `operations` more changes through, then Freeze().
  void FreezeAfter(uint64_t operations);
  // The disk answers again, as after a fault of its connection.
  void Thaw();
  // While full, every change fails with kResourceExhausted.
  void SetFull(bool full);
  bool frozen() const;
  // Changes that were let through since construction: to choose FreezeAfter's argument.
  uint64_t operations() const;
  // Makes the directory what a disk would hold after the power failed, and thaws.
  void PowerCut(Mode mode, uint64_t seed);

  StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) override;
  StatusOr<std::string> Read(const std::string& path, uint64_t max_bytes) override;
  Status Stream(const std::string& path,
                const std::function<Status(std::string_view bytes)>& piece) override;
  StatusOr<uint64_t> Size(const std::string& path) override;
  bool Exists(const std::string& path) override;
  StatusOr<std::vector<std::string>> List(const std::string& dir) override;
  bool IsDirectory(const std::string& path) override;
  Status MakeDir(const std::string& dir) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Status RemoveTree(const std::string& path) override;
  Status SyncDir(const std::string& dir) override;

 private:
  std::shared_ptr<DiskModel> model_;
  std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace larder

#endif  // LARDER_TESTS_SUPPORT_POWER_CUT_FILE_SYSTEM_H_
