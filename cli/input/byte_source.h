// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_INPUT_BYTE_SOURCE_H_
#define LARDER_CLI_INPUT_BYTE_SOURCE_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace larder::cli {

// A stream of bytes, read front to back. Thread-safety: single-thread.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills the front of `buffer` (not empty) and returns how much; 0 at the end.
  // Errors: kFailedPrecondition if reading fails; kDataLoss for damaged compressed data.
  virtual StatusOr<size_t> Read(std::span<char> buffer) = 0;
};

// What to do while a pipe or terminal has had nothing to read for a second, and then every second;
// called inside Read, whose error its error becomes.
using OnIdle = std::function<Status()>;

// Opens `path`, or standard input for "-". Content that begins like a zstd or gzip file is
// decompressed as it is read, whatever its name; several frames or members in a row are one file.
// Errors: kNotFound; kFailedPrecondition if it cannot be opened or read; kDataLoss if the name ends
// in .zst or .gz and the content is neither.
StatusOr<std::unique_ptr<ByteSource>> OpenInput(const std::string& path, OnIdle on_idle = {});

// Bytes in memory, for tests. `bytes` must outlive the source.
std::unique_ptr<ByteSource> MemorySource(std::string_view bytes);
// Decompresses `source`, which `name` stands for in messages. Memory: bounded (zstd windows up to
// 128 MiB).
std::unique_ptr<ByteSource> ZstdSource(std::unique_ptr<ByteSource> source, std::string name);
std::unique_ptr<ByteSource> GzipSource(std::unique_ptr<ByteSource> source, std::string name);

// Reads single bytes and runs of bytes of a source through one buffer.
// Thread-safety: single-thread.
class BufferedBytes {
 public:
  // `source` must outlive this.
  explicit BufferedBytes(ByteSource& source) : source_(source) {}
  // What is buffered; reads more only if that is nothing. Empty at the end. Lives until the next
  // call.
  StatusOr<std::string_view> Peek();
  // Drops the first `size` bytes of what Peek returned.
  void Skip(size_t size) { begin_ += size; }

 private:
  ByteSource& source_;
  std::string buffer_ = std::string(size_t{1} << 18, '\0');
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace larder::cli

#endif  // LARDER_CLI_INPUT_BYTE_SOURCE_H_
