// SPDX-License-Identifier: Apache-2.0
#include "cli/output/resumable_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/file_system.h"

namespace larder::cli {
namespace {

constexpr size_t kBlockBytes = size_t{1} << 20;
// A frame of ours is a block and one more line.
constexpr size_t kMaxFrameBytes = size_t{64} << 20;
constexpr uint64_t kMaxWhatBytes = uint64_t{16} << 20;
constexpr int kLevel = 3;

Status CannotWrite(const std::string& path, int error) {
  if (error == ENOSPC || error == EDQUOT) {
    return ResourceExhausted(path, ": cannot be written: ", std::strerror(error));
  }
  return FailedPrecondition(path, ": cannot be written: ", std::strerror(error));
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

class Compressor {
 public:
  Compressor() : context_(ZSTD_createCCtx()) {
    LARDER_CHECK(context_ != nullptr);
    ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, kLevel);
    ZSTD_CCtx_setParameter(context_, ZSTD_c_checksumFlag, 1);
  }
  ~Compressor() { ZSTD_freeCCtx(context_); }
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  std::string Frame(std::string_view text) {
    std::string frame(ZSTD_compressBound(text.size()), '\0');
    const size_t size =
        ZSTD_compress2(context_, frame.data(), frame.size(), text.data(), text.size());
    LARDER_CHECK(!ZSTD_isError(size));
    frame.resize(size);
    return frame;
  }

 private:
  ZSTD_CCtx* const context_;
};

// The text of the frame at the front of `bytes`, which lose it. False if there is no whole one.
bool TakeFrame(std::string_view& bytes, std::string& text) {
  const size_t size = ZSTD_findFrameCompressedSize(bytes.data(), bytes.size());
  if (ZSTD_isError(size)) return false;
  const unsigned long long length = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (length > kMaxFrameBytes) return false;  // unknown ones are huge
  text.resize(length);
  if (ZSTD_decompress(text.data(), text.size(), bytes.data(), size) != length) return false;
  bytes.remove_prefix(size);
  return true;
}

class ResumableFileImpl : public ResumableFile {
 public:
  ResumableFileImpl(const std::string& path, int fd)
      : path_(path), partial_(PartialOf(path)), what_path_(partial_ + ".json"), fd_(fd) {}
  ~ResumableFileImpl() override {
    // Without a line, what a failed write left is torn.
    if (locked_ && !finished_ && lines_ == 0 && (written_ || size_ == 0)) RemovePartial();
  }

  static std::string PartialOf(const std::string& path) { return path + ".partial"; }

  // Only one process may come past this.
  Status Lock() {
    struct stat opened {};
    struct stat named {};
    if (fstat(fd_.get(), &opened) != 0) return CannotWrite(partial_, errno);
    if (!S_ISREG(opened.st_mode)) return FailedPrecondition(partial_, ": is not a regular file");
    // Who had it until now may have finished, and so renamed, it.
    if (flock(fd_.get(), LOCK_EX | LOCK_NB) != 0 || stat(partial_.c_str(), &named) != 0 ||
        named.st_ino != opened.st_ino || named.st_dev != opened.st_dev) {
      return FailedPrecondition(partial_, ": another process writes it");
    }
    locked_ = true;
    return OkStatus();
  }

  Status Look(const Accepts& accepts) {
    LARDER_ASSIGN_OR_RETURN(const auto map, MappedFile::Open(partial_));
    size_ = map->bytes().size();
    if (compressed_) {
      LookAtFrames(map->bytes(), accepts);
    } else {
      end_ = LookAtLines(map->bytes(), accepts);
    }
    if (FileSystem::Posix().Exists(what_path_)) {
      LARDER_ASSIGN_OR_RETURN(what_, FileSystem::Posix().Read(what_path_, kMaxWhatBytes));
    }
    return OkStatus();
  }

  uint64_t lines() const override { return lines_; }
  const std::string& last_line() const override { return last_line_; }
  uint64_t damaged_bytes() const override { return size_ - end_; }
  const std::string& what() const override { return what_; }
  const std::string& partial_path() const override { return partial_; }

  Status Begin(std::string_view what, bool keep) override {
    written_ = true;
    if (!keep) {
      end_ = 0;
      lines_ = 0;
      last_line_.clear();
    }
    if (ftruncate(fd_.get(), static_cast<off_t>(end_)) != 0 ||
        lseek(fd_.get(), static_cast<off_t>(end_), SEEK_SET) < 0) {
      return CannotWrite(partial_, errno);
    }
    size_ = end_;
    what_ = what;
    return WriteFileAtomically(FileSystem::Posix(), what_path_, what);
  }

  Status Append(std::string_view line) override {
    block_.append(line);
    block_ += '\n';
    ++block_lines_;
    return block_.size() < kBlockBytes ? OkStatus() : Flush();
  }

  Status Flush() override {
    if (block_.empty()) return OkStatus();
    LARDER_RETURN_IF_ERROR(Write(compressed_ ? compressor_.Frame(block_) : block_));
    lines_ += std::exchange(block_lines_, 0);
    block_.clear();
    return OkStatus();
  }

  Status Finish() override {
    LARDER_RETURN_IF_ERROR(Flush());
    // No bytes at all would be no zstd data.
    if (compressed_ && end_ == 0) LARDER_RETURN_IF_ERROR(Write(compressor_.Frame("")));
    if (fsync(fd_.get()) != 0) return CannotWrite(partial_, errno);
    FileSystem& fs = FileSystem::Posix();
    LARDER_RETURN_IF_ERROR(fs.Rename(partial_, path_));
    finished_ = true;
    LARDER_RETURN_IF_ERROR(fs.Remove(what_path_));
    const std::string dir = std::filesystem::path(path_).parent_path();
    return fs.SyncDir(dir.empty() ? "." : dir);
  }

 private:
  // Where the lines end that can be kept.
  size_t LookAtLines(std::string_view text, const Accepts& accepts) {
    size_t begin = 0;
    for (size_t end; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
      const std::string_view line = text.substr(begin, end - begin);
      if (!accepts(line)) break;
      ++lines_;
      last_line_ = line;
    }
    return begin;
  }

  void LookAtFrames(std::string_view bytes, const Accepts& accepts) {
    std::string text;
    for (std::string_view left = bytes; TakeFrame(left, text);) {
      const uint64_t lines = lines_;
      const std::string last_line = last_line_;
      if (text.empty() || LookAtLines(text, accepts) != text.size()) {
        lines_ = lines;
        last_line_ = last_line;
        return;
      }
      end_ = bytes.size() - left.size();
    }
  }

  Status Write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t size = write(fd_.get(), bytes.data(), bytes.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return CannotWrite(partial_, errno);
      bytes.remove_prefix(static_cast<size_t>(size));
      end_ += static_cast<uint64_t>(size);
    }
    size_ = end_;
    return OkStatus();
  }

  void RemovePartial() const {
    unlink(what_path_.c_str());
    unlink(partial_.c_str());
  }

  const std::string path_;
  const std::string partial_;
  const std::string what_path_;
  const FileDescriptor fd_;
  const bool compressed_ = path_.ends_with(".zst");
  Compressor compressor_;
  uint64_t size_ = 0;  // of the file
  uint64_t end_ = 0;   // of what is kept in it
  uint64_t lines_ = 0;
  std::string last_line_;
  std::string what_;
  std::string block_;  // not written yet
  uint64_t block_lines_ = 0;
  bool locked_ = false;
  bool written_ = false;  // Begin was called
  bool finished_ = false;
};

}  // namespace

StatusOr<std::unique_ptr<ResumableFile>> ResumableFile::Open(const std::string& path,
                                                             const Accepts& accepts) {
  std::error_code ignored;
  // A device would be replaced by the file, a directory not even that.
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored)) {
    return FailedPrecondition(path, ": is there and not a regular file");
  }
  const std::string partial = ResumableFileImpl::PartialOf(path);
  const int fd = open(partial.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return CannotWrite(partial, errno);
  auto file = std::make_unique<ResumableFileImpl>(path, fd);
  LARDER_RETURN_IF_ERROR(file->Lock());
  LARDER_RETURN_IF_ERROR(file->Look(accepts));
  return file;
}

}  // namespace larder::cli
