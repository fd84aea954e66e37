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
#include <system_error>

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
  ScopedFd(const ScopedFd&) = delete;
  ScopedFd& operator=(const ScopedFd&) = delete;
  int fd;
};

class PosixFileSystem : public FileSystem {
 public:
  StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0) return ErrnoStatus("create", path, errno);
    return std::unique_ptr<WritableFile>(new PosixWritableFile(fd, path));
  }

  StatusOr<std::string> Read(const std::string& path, uint64_t max_bytes) override {
    LARDER_ASSIGN_OR_RETURN(const uint64_t size, Size(path));
    if (size > max_bytes) {
      return ResourceExhausted("'", path, "' has ", size, " bytes, the limit is ", max_bytes);
    }
    const ScopedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.fd < 0) return ErrnoStatus("open", path, errno);
    std::string out(static_cast<size_t>(size), '\0');
    size_t filled = 0;
    while (filled < out.size()) {
      const ssize_t got = ::read(file.fd, out.data() + filled, out.size() - filled);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return ErrnoStatus("read", path, errno);
      if (got == 0) break;
      filled += static_cast<size_t>(got);
    }
    out.resize(filled);
    return out;
  }

  StatusOr<uint64_t> Size(const std::string& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return ErrnoStatus("open", path, errno);
    if (S_ISDIR(info.st_mode)) return InvalidArgument("'", path, "' is a directory, not a file");
    return static_cast<uint64_t>(info.st_size);
  }

  bool Exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }

  bool IsDirectory(const std::string& path) override {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  }

  StatusOr<std::vector<std::string>> List(const std::string& dir) override {
    std::error_code error;
    std::vector<std::string> names;
    std::filesystem::directory_iterator it(dir, error);
    if (error) return ErrnoStatus("list", dir, error.value());
    for (const std::filesystem::directory_iterator end; it != end; it.increment(error)) {
      if (error) return ErrnoStatus("list", dir, error.value());
      names.push_back(it->path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  Status MakeDirs(const std::string& dir) override {
    std::error_code error;
    std::filesystem::create_directories(dir, error);
    if (error) return ErrnoStatus("make directory", dir, error.value());
    return OkStatus();
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

std::string ParentOf(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace

FileSystem& FileSystem::Posix() {
  static PosixFileSystem fs;
  return fs;
}

Status WriteFileAtomically(FileSystem& fs, const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".tmp";
  {
    LARDER_ASSIGN_OR_RETURN(const auto file, fs.Create(temporary));
    LARDER_RETURN_IF_ERROR(file->Append(bytes));
    LARDER_RETURN_IF_ERROR(file->Sync());
    LARDER_RETURN_IF_ERROR(file->Close());
  }
  LARDER_RETURN_IF_ERROR(fs.Rename(temporary, path));
  return fs.SyncDir(ParentOf(path));
}

std::string JoinPath(std::string_view dir, std::string_view name) {
  if (dir.empty()) return std::string(name);
  return dir.back() == '/' ? Concat(dir, name) : Concat(dir, "/", name);
}

StatusOr<std::unique_ptr<MappedFile>> MappedFile::Open(const std::string& path) {
  const ScopedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) return ErrnoStatus("open", path, errno);
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) return ErrnoStatus("open", path, errno);
  if (!S_ISREG(info.st_mode)) return InvalidArgument("'", path, "' is not a regular file");
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) return std::unique_ptr<MappedFile>(new MappedFile(nullptr, 0));
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd, 0);
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
