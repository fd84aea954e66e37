// SPDX-License-Identifier: Apache-2.0
#include "cli/input/byte_source.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace larder::cli {
namespace {

constexpr std::string_view kZstdMagic = "\x28\xB5\x2F\xFD";
constexpr std::string_view kGzipMagic = "\x1F\x8B";
constexpr int kIdleMs = 1'000;

class FileSource : public ByteSource {
 public:
  FileSource(int fd, std::string path, bool owned, OnIdle on_idle)
      : fd_(fd), path_(std::move(path)), owned_(owned), on_idle_(std::move(on_idle)) {}
  ~FileSource() override {
    if (owned_) close(fd_);
  }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  StatusOr<size_t> Read(std::span<char> buffer) override {
    if (on_idle_) {
      pollfd wanted{fd_, POLLIN, 0};
      for (int ready; (ready = poll(&wanted, 1, kIdleMs)) <= 0;) {
        if (ready < 0 && errno != EINTR) break;  // reading says what is wrong
        if (ready == 0) LARDER_RETURN_IF_ERROR(on_idle_());
      }
    }
    ssize_t size;
    do {
      size = read(fd_, buffer.data(), buffer.size());
    } while (size < 0 && errno == EINTR);
    if (size < 0) return FailedPrecondition(path_, ": cannot be read: ", strerror(errno));
    return static_cast<size_t>(size);
  }

 private:
  const int fd_;
  const std::string path_;
  const bool owned_;
  const OnIdle on_idle_;
};

class StringSource : public ByteSource {
 public:
  explicit StringSource(std::string_view bytes) : bytes_(bytes) {}
  StatusOr<size_t> Read(std::span<char> buffer) override {
    const size_t size = std::min(buffer.size(), bytes_.size());
    std::copy_n(bytes_.begin(), size, buffer.begin());
    bytes_.remove_prefix(size);
    return size;
  }

 private:
  std::string_view bytes_;
};

// Some bytes that were read already, then the rest of their source.
class PrefixedSource : public ByteSource {
 public:
  PrefixedSource(std::string prefix, std::unique_ptr<ByteSource> rest)
      : prefix_(std::move(prefix)), first_(prefix_), rest_(std::move(rest)) {}
  StatusOr<size_t> Read(std::span<char> buffer) override {
    if (!prefix_done_) {
      LARDER_ASSIGN_OR_RETURN(const size_t size, first_.Read(buffer));
      if (size > 0) return size;
      prefix_done_ = true;
    }
    return rest_->Read(buffer);
  }

 private:
  const std::string prefix_;
  StringSource first_;
  std::unique_ptr<ByteSource> rest_;
  bool prefix_done_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> MemorySource(std::string_view bytes) {
  return std::make_unique<StringSource>(bytes);
}

StatusOr<std::unique_ptr<ByteSource>> OpenInput(const std::string& path, OnIdle on_idle) {
  const bool standard_input = path == "-";
  const int fd = standard_input ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) return NotFound(path, ": no such file");
    return FailedPrecondition(path, ": cannot be opened: ", strerror(errno));
  }
  const std::string name = standard_input ? "standard input" : path;
  auto file = std::make_unique<FileSource>(fd, name, !standard_input, std::move(on_idle));

  std::string head;
  while (head.size() < kZstdMagic.size()) {
    char buffer[4];
    LARDER_ASSIGN_OR_RETURN(const size_t size,
                            file->Read({buffer, kZstdMagic.size() - head.size()}));
    if (size == 0) break;
    head.append(buffer, size);
  }
  const bool zstd = head.starts_with(kZstdMagic);
  const bool gzip = head.starts_with(kGzipMagic);
  if (path.ends_with(".zst") && !zstd) return DataLoss(path, ": is not zstd data");
  if (path.ends_with(".gz") && !gzip) return DataLoss(path, ": is not gzip data");

  auto source = std::make_unique<PrefixedSource>(std::move(head), std::move(file));
  if (zstd) return ZstdSource(std::move(source), name);
  if (gzip) return GzipSource(std::move(source), name);
  return source;
}

StatusOr<std::string_view> BufferedBytes::Peek() {
  if (begin_ == end_) {
    LARDER_ASSIGN_OR_RETURN(end_, source_.Read(buffer_));
    begin_ = 0;
  }
  return std::string_view(buffer_).substr(begin_, end_ - begin_);
}

}  // namespace larder::cli
