// SPDX-License-Identifier: Apache-2.0
#include "base/file_system.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

namespace larder {
namespace {

Status ErrnoStatus(std::string_view action, std::string_view path, int error) {
  const std::string message = Concat("cannot ", action, " '", path, "': ", std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return NotFound(message);
    case ENOSPC:
    case EDQUOT:
      return ResourceExhausted(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return PermissionDenied(message);
    default:
      return Unavailable(message);
  }
}

class PosixWritableFile : public WritableFile {
 public:
  PosixWritableFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixWritableFile() override {
    if (fd_ >= 0) ::close(fd_);
  }

  Status Append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0) {
        if (errno == EINTR) continue;
        return ErrnoStatus("write", path_, errno);
      }
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return OkStatus();
  }

  Status Sync() override {
    if (::fsync(fd_) != 0) return ErrnoStatus("sync", path_, errno);
    return OkStatus();
  }

  Status Close() override {
    const int fd = fd_;
    fd_ = -1;
    if (fd >= 0 && ::close(fd) != 0) return ErrnoStatus("close", path_, errno);
    return OkStatus();
  }

 private:
  int fd_;
  std::string path_;
};

// A file descriptor that closes itself.
struct ScopedFd {
  explicit ScopedFd(int f) : fd(f) {}
  ~ScopedFd() {
    if (fd >= 0) ::close(fd);
  }
  ScopedFd(ScopedFd&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
  ScopedFd& operator=(ScopedFd&&) = delete;
  int fd;
};

Status CheckRegular(const std::string& path, mode_t mode) {
  if (S_ISREG(mode)) return OkStatus();
  const std::string_view what = S_ISDIR(mode)    ? "a directory"
                                : S_ISFIFO(mode) ? "a FIFO"
                                : S_ISSOCK(mode) ? "a socket"
                                                 : "a device";
  return InvalidArgument("'", path, "' is ", what, ", not a regular file");
}

StatusOr<uint64_t> RegularSize(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return ErrnoStatus("open", path, errno);
  LARDER_RETURN_IF_ERROR(CheckRegular(path, info.st_mode));
  return static_cast<uint64_t>(info.st_size);
}

struct OpenFile {
  ScopedFd file;
  uint64_t size;
};

// A regular file opened for reading.
StatusOr<OpenFile> OpenRegular(const std::string& path) {
  // Before opening, since that can have effects on a device, and after it, on what was opened.
  LARDER_RETURN_IF_ERROR(RegularSize(path).status());
  // O_NONBLOCK: opening a FIFO would wait for a writer.
  ScopedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.fd < 0) return ErrnoStatus("open", path, errno);
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) return ErrnoStatus("open", path, errno);
  LARDER_RETURN_IF_ERROR(CheckRegular(path, info.st_mode));
  return OpenFile{std::move(file), static_cast<uint64_t>(info.st_size)};
}

// Reads until `out` is full or the file ends. Returns the bytes read.
StatusOr<size_t> ReadFully(const ScopedFd& file, const std::string& path, std::span<char> out) {
  size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t got = ::read(file.fd, out.data() + filled, out.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus("read", path, errno);
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  return filled;
}

std::string ParentOf(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

class PosixFileSystem : public FileSystem {
 public:
  StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0) return ErrnoStatus("create", path, errno);
    return std::unique_ptr<WritableFile>(new PosixWritableFile(fd, path));
  }

  StatusOr<std::string> Read(const std::string& path, uint64_t max_bytes) override {
    LARDER_ASSIGN_OR_RETURN(const OpenFile in, OpenRegular(path));
    if (in.size > max_bytes) {
      return ResourceExhausted("'", path, "' has ", in.size, " bytes, the limit is ", max_bytes);
    }
    std::string out(static_cast<size_t>(in.size), '\0');
    LARDER_ASSIGN_OR_RETURN(const size_t size, ReadFully(in.file, path, out));
    out.resize(size);
    return out;
  }

  Status Stream(const std::string& path,
                const std::function<Status(std::string_view bytes)>& piece) override {
    LARDER_ASSIGN_OR_RETURN(const OpenFile in, OpenRegular(path));
    std::vector<char> buffer(static_cast<size_t>(std::min<uint64_t>(in.size + 1, kPieceBytes)));
    for (;;) {
      LARDER_ASSIGN_OR_RETURN(const size_t size, ReadFully(in.file, path, buffer));
      if (size > 0) LARDER_RETURN_IF_ERROR(piece({buffer.data(), size}));
      if (size < buffer.size()) return OkStatus();
    }
  }

  StatusOr<uint64_t> Size(const std::string& path) override { return RegularSize(path); }

  bool Exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }

  bool IsDirectory(const std::string& path) override {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  }

  StatusOr<std::vector<std::string>> List(const std::string& dir) override {
    std::error_code error;
    std::vector<std::string> names;
    std::filesystem::directory_iterator it(dir, error);
    // A failure makes the iterator the end.
    for (const std::filesystem::directory_iterator end; it != end; it.increment(error)) {
      names.push_back(it->path().filename().string());
    }
    if (error) return ErrnoStatus("list", dir, error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

  Status MakeDir(const std::string& dir) override {
    if (::mkdir(dir.c_str(), 0777) == 0) return OkStatus();
    const int error = errno;
    if (error == EEXIST && IsDirectory(dir)) return OkStatus();
    return ErrnoStatus("make directory", dir, error == EEXIST ? ENOTDIR : error);
  }

  Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return ErrnoStatus("rename to", to, errno);
    return OkStatus();
  }

  Status Remove(const std::string& path) override {
    if (::remove(path.c_str()) != 0) return ErrnoStatus("remove", path, errno);
    return OkStatus();
  }

  Status RemoveTree(const std::string& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (error) return ErrnoStatus("remove", path, error.value());
    return OkStatus();
  }

  Status SyncDir(const std::string& dir) override {
    const ScopedFd file(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (file.fd < 0) return ErrnoStatus("open", dir, errno);
    if (::fsync(file.fd) != 0) return ErrnoStatus("sync", dir, errno);
    return OkStatus();
  }
};

}  // namespace

FileSystem& FileSystem::Posix() {
  static PosixFileSystem fs;
  return fs;
}

Status FileSystem::MakeDirs(const std::string& dir) {
  const std::string parent = ParentOf(dir);
  if (IsDirectory(dir)) {
    // Whoever made it may not have synced its name; a parent that is closed to us is their concern.
    SyncDir(parent).IgnoreError();
    return OkStatus();
  }
  if (parent != dir) LARDER_RETURN_IF_ERROR(MakeDirs(parent));
  LARDER_RETURN_IF_ERROR(MakeDir(dir));
  return SyncDir(parent);
}

Status WriteFileAtomically(FileSystem& fs, const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".tmp";
  LARDER_ASSIGN_OR_RETURN(const auto file, fs.Create(temporary));
  const auto replace = [&]() -> Status {
    LARDER_RETURN_IF_ERROR(file->Append(bytes));
    LARDER_RETURN_IF_ERROR(file->Sync());
    LARDER_RETURN_IF_ERROR(file->Close());
    return fs.Rename(temporary, path);
  };
  if (const Status status = replace(); !status.ok()) {
    fs.Remove(temporary).IgnoreError();
    return status;
  }
  return fs.SyncDir(ParentOf(path));
}

std::string JoinPath(std::string_view dir, std::string_view name) {
  if (dir.empty()) return std::string(name);
  return dir.back() == '/' ? Concat(dir, name) : Concat(dir, "/", name);
}

StatusOr<std::unique_ptr<MappedFile>> MappedFile::Open(const std::string& path) {
  LARDER_ASSIGN_OR_RETURN(const OpenFile in, OpenRegular(path));
  const auto size = static_cast<size_t>(in.size);
  if (size == 0) return std::unique_ptr<MappedFile>(new MappedFile(nullptr, 0));
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, in.file.fd, 0);
  if (data == MAP_FAILED) return ErrnoStatus("map", path, errno);
  return std::unique_ptr<MappedFile>(new MappedFile(static_cast<const char*>(data), size));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

StatusOr<std::unique_ptr<FileLock>> FileLock::Acquire(const std::string& path) {
  const int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoStatus("open", path, errno);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd);
    return FailedPrecondition("'", path, "' is locked by another process");
  }
  return std::unique_ptr<FileLock>(new FileLock(fd));
}

FileLock::~FileLock() { ::close(fd_); }

}  // namespace larder
