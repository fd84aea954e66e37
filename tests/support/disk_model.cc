// SPDX-License-Identifier: Apache-2.0
#include "tests/support/disk_model.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace larder {
namespace {

namespace stdfs = std::filesystem;

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// What of `bytes` a disk might hold if only the first `synced` were promised: any shorter length,
// and each unsynced sector as written, as zeros or as garbage.
std::string Scrambled(std::string bytes, size_t synced, std::mt19937_64& random) {
  constexpr size_t kSector = 512;
  bytes.resize(synced + random() % (bytes.size() - synced + 1));
  for (size_t at = synced; at < bytes.size();) {
    const size_t end = std::min(bytes.size(), (at / kSector + 1) * kSector);
    const uint64_t fate = random() % 4;
    for (; at < end; ++at) {
      if (fate == 0) bytes[at] = '\0';
      if (fate == 1) bytes[at] = static_cast<char>(random());
    }
  }
  return bytes;
}

}  // namespace

DiskModel::File::~File() {
  std::error_code ignored;
  stdfs::remove(link, ignored);
}

DiskModel::DiskModel(std::string root) : root_(std::move(root)), links_(root_ + ".power-cut") {
  stdfs::remove_all(links_);
  stdfs::create_directories(links_);
  const MutexLock lock(mutex_);
  Scan(tree_, root_);
}

DiskModel::~DiskModel() {
  std::error_code ignored;
  stdfs::remove_all(links_, ignored);
}

DiskModel::FilePtr DiskModel::MakeFile(const std::string& path, uint64_t size) {
  mutex_.AssertHeld();
  auto file = std::make_shared<File>();
  file->link = Concat(links_, "/", next_link_++);
  file->size = size;
  stdfs::create_hard_link(path, file->link);
  return file;
}

void DiskModel::Scan(Node& node, const std::string& path) {
  for (const auto& entry : stdfs::directory_iterator(path)) {
    auto child = std::make_shared<Node>();
    if (entry.is_directory()) {
      Scan(*child, entry.path().string());
    } else {
      child->file = MakeFile(entry.path().string(), entry.file_size());
      child->file->synced = child->file->size;
    }
    const std::string name = entry.path().filename().string();
    node.live[name] = child;
    node.synced[name] = child;
  }
}

Status DiskModel::Change(const std::function<Status()>& real, const std::function<void()>& note) {
  const MutexLock lock(mutex_);
  if (operations_ >= freeze_at_) return Unavailable("the power is off");
  if (full_) return ResourceExhausted("no space left on the disk");
  ++operations_;
  LARDER_RETURN_IF_ERROR(real());
  note();
  return OkStatus();
}

std::pair<DiskModel::Node*, std::string> DiskModel::Locate(const std::string& path) {
  mutex_.AssertHeld();
  const stdfs::path relative = stdfs::path(path).lexically_normal().lexically_relative(root_);
  if (relative.empty() || *relative.begin() == ".." || *relative.begin() == ".") return {};
  Node* node = &tree_;
  for (const auto& part : relative.parent_path()) {
    const auto it = node->live.find(part.string());
    if (it == node->live.end() || it->second->file != nullptr) return {};
    node = it->second.get();
  }
  return {node, relative.filename().string()};
}

DiskModel::Node* DiskModel::FindNode(const std::string& path) {
  mutex_.AssertHeld();
  if (stdfs::path(path).lexically_normal().lexically_relative(root_) == ".") return &tree_;
  const auto [parent, name] = Locate(path);
  if (parent == nullptr) return nullptr;
  const auto it = parent->live.find(name);
  return it == parent->live.end() ? nullptr : it->second.get();
}

DiskModel::FilePtr DiskModel::NoteCreated(const std::string& path) {
  mutex_.AssertHeld();
  const auto [parent, name] = Locate(path);
  if (parent == nullptr) return nullptr;
  NodePtr& node = parent->live[name];
  if (node != nullptr && node->file != nullptr) {
    // The same file, truncated: the disk may already have lost what was in it.
    node->file->size = node->file->synced = 0;
    return node->file;
  }
  node = std::make_shared<Node>();
  node->file = MakeFile(path, 0);
  return node->file;
}

DiskModel::FilePtr DiskModel::Find(const std::string& path) {
  const Node* node = FindNode(path);
  return node == nullptr ? nullptr : node->file;
}

void DiskModel::NoteDir(const std::string& path) {
  const auto [parent, name] = Locate(path);
  if (parent == nullptr) return;
  NodePtr& node = parent->live[name];
  if (node == nullptr) node = std::make_shared<Node>();
}

void DiskModel::NoteRenamed(const std::string& from, const std::string& to) {
  const auto [from_dir, from_name] = Locate(from);
  const auto [to_dir, to_name] = Locate(to);
  if (from_dir == nullptr || to_dir == nullptr) return;
  const auto it = from_dir->live.find(from_name);
  if (it == from_dir->live.end()) return;  // not modelled: RocksDB's LOG
  NodePtr node = std::move(it->second);
  from_dir->live.erase(it);
  to_dir->live[to_name] = std::move(node);
}

void DiskModel::NoteRemoved(const std::string& path) {
  const auto [parent, name] = Locate(path);
  if (parent != nullptr) parent->live.erase(name);
}

void DiskModel::NoteDirSynced(const std::string& path) {
  Node* node = FindNode(path);
  if (node != nullptr) node->synced = node->live;
}

void DiskModel::SetFull(bool full) {
  const MutexLock lock(mutex_);
  full_ = full;
}

bool DiskModel::full() const {
  const MutexLock lock(mutex_);
  return full_;
}

void DiskModel::Freeze() { FreezeAfter(0); }

void DiskModel::Thaw() {
  const MutexLock lock(mutex_);
  freeze_at_ = ~uint64_t{0};
}

void DiskModel::FreezeAfter(uint64_t operations) {
  const MutexLock lock(mutex_);
  freeze_at_ = operations_ + operations;
}

bool DiskModel::frozen() const {
  const MutexLock lock(mutex_);
  return operations_ >= freeze_at_;
}

uint64_t DiskModel::operations() const {
  const MutexLock lock(mutex_);
  return operations_;
}

void DiskModel::Materialize(const Node& node, const std::string& to, bool scramble,
                            std::mt19937_64& random) {
  stdfs::create_directories(to);
  const bool keep_unsynced_entries = scramble && random() % 2 == 0;
  for (const auto& [name, child] : keep_unsynced_entries ? node.live : node.synced) {
    const std::string path = Concat(to, "/", name);
    if (child->file == nullptr) {
      Materialize(*child, path, scramble, random);
      continue;
    }
    std::string bytes = ReadAll(child->file->link);
    const size_t synced = std::min<size_t>(bytes.size(), child->file->synced);
    if (scramble) {
      bytes = Scrambled(std::move(bytes), synced, random);
    } else {
      bytes.resize(synced);
    }
    std::ofstream(path, std::ios::binary) << bytes;
  }
}

void DiskModel::PowerCut(bool scramble, uint64_t seed) {
  const MutexLock lock(mutex_);
  std::mt19937_64 random(seed);
  const std::string after = links_ + "/after";
  Materialize(tree_, after, scramble, random);
  for (const auto& entry : stdfs::directory_iterator(root_)) stdfs::remove_all(entry.path());
  for (const auto& entry : stdfs::directory_iterator(after)) {
    stdfs::rename(entry.path(), stdfs::path(root_) / entry.path().filename());
  }
  stdfs::remove_all(after);
  tree_ = Node{};
  Scan(tree_, root_);
  freeze_at_ = ~uint64_t{0};
}

}  // namespace larder
