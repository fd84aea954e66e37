// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_SUPPORT_DISK_MODEL_H_
#define LARDER_TESTS_SUPPORT_DISK_MODEL_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/sync.h"

namespace larder {

// What a disk would hold of the tree under `root`: for each file how much of it is synced, for
// each directory its live and its synced entries. The bytes stay in real files; a second hard link
// in `<root>.power-cut` keeps those that were renamed over or removed but could come back.
//
// The faces of PowerCutFileSystem make each change through Change(), which performs it on the real
// directory and, if that worked, in the model, under one lock.
// Thread-safety: thread-safe.
class DiskModel {
 public:
  explicit DiskModel(std::string root);
  ~DiskModel();

  struct File {
    std::string link;  // always names the file's bytes
    uint64_t size = 0;
    uint64_t synced = 0;
    ~File();
  };
  using FilePtr = std::shared_ptr<File>;

  // Runs `real` unless the power is off; after its success, `note` on the model.
  Status Change(const std::function<Status()>& real, const std::function<void()>& note);

  // For `note`: call only inside Change(). Paths outside the root are ignored.
  FilePtr NoteCreated(const std::string& path);  // null outside the root; truncates
  FilePtr Find(const std::string& path);
  void NoteDir(const std::string& path);
  void NoteRenamed(const std::string& from, const std::string& to);
  void NoteRemoved(const std::string& path);
  void NoteDirSynced(const std::string& path);

  void SetFull(bool full);
  bool full() const;
  void Freeze();
  void FreezeAfter(uint64_t operations);
  void Thaw();
  bool frozen() const;
  uint64_t operations() const;
  void PowerCut(bool scramble, uint64_t seed);

 private:
  struct Node {
    FilePtr file;  // null: a directory
    std::map<std::string, std::shared_ptr<Node>> live;
    std::map<std::string, std::shared_ptr<Node>> synced;
  };
  using NodePtr = std::shared_ptr<Node>;

  // Parent directory node and last part of `path`; null outside the root or if there is none.
  std::pair<Node*, std::string> Locate(const std::string& path);
  Node* FindNode(const std::string& path);
  FilePtr MakeFile(const std::string& path, uint64_t size);
  void Scan(Node& node, const std::string& path);
  void Materialize(const Node& node, const std::string& to, bool scramble, std::mt19937_64& random);

  const std::string root_;
  const std::string links_;
  mutable Mutex mutex_;
  Node tree_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_link_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t operations_ ABSL_GUARDED_BY(mutex_) = 0;
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t freeze_at_ ABSL_GUARDED_BY(mutex_) = ~uint64_t{0};
};

}  // namespace larder

#endif  // LARDER_TESTS_SUPPORT_DISK_MODEL_H_
