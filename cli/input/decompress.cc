// SPDX-License-Identifier: Apache-2.0
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <utility>

#include "cli/input/byte_source.h"

namespace larder::cli {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 17;
constexpr int kMaxWindowLog = 27;  // 128 MiB, what the zstd program itself accepts

// The part that zstd and gzip share: a buffer of compressed bytes.
class CompressedInput {
 public:
  CompressedInput(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}
  // Reads more if nothing is left; false at the end.
  StatusOr<bool> Fill() {
    if (begin_ < end_) return true;
    LARDER_ASSIGN_OR_RETURN(end_, source_->Read(buffer_));
    begin_ = 0;
    return end_ > 0;
  }
  char* data() { return buffer_.data() + begin_; }
  size_t size() const { return end_ - begin_; }
  void Skip(size_t size) { begin_ += size; }

 private:
  std::unique_ptr<ByteSource> source_;
  std::string buffer_ = std::string(kChunkBytes, '\0');
  size_t begin_ = 0;
  size_t end_ = 0;
};

class Zstd : public ByteSource {
 public:
  Zstd(std::unique_ptr<ByteSource> source, std::string name)
      : input_(std::move(source)), name_(std::move(name)), stream_(ZSTD_createDStream()) {
    LARDER_CHECK(stream_ != nullptr);
    ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, kMaxWindowLog);
  }
  ~Zstd() override { ZSTD_freeDStream(stream_); }
  Zstd(const Zstd&) = delete;
  Zstd& operator=(const Zstd&) = delete;

  StatusOr<size_t> Read(std::span<char> buffer) override {
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    while (out.pos == 0) {
      LARDER_ASSIGN_OR_RETURN(const bool more, input_.Fill());
      // Output may still wait inside the stream when the input is at its end.
      if (!more && !pending_) {
        if (in_frame_) return DataLoss(name_, ": zstd data is cut short");
        return size_t{0};
      }
      ZSTD_inBuffer in{input_.data(), input_.size(), 0};
      const size_t result = ZSTD_decompressStream(stream_, &out, &in);
      if (ZSTD_isError(result)) {
        return DataLoss(name_, ": zstd data is damaged: ", ZSTD_getErrorName(result));
      }
      input_.Skip(in.pos);
      in_frame_ = result != 0;
      pending_ = in_frame_ && out.pos == out.size;
      if (!more && out.pos == 0) pending_ = false;
    }
    return out.pos;
  }

 private:
  CompressedInput input_;
  const std::string name_;
  ZSTD_DStream* const stream_;
  bool in_frame_ = false;
  bool pending_ = false;
};

class Gzip : public ByteSource {
 public:
  Gzip(std::unique_ptr<ByteSource> source, std::string name)
      : input_(std::move(source)), name_(std::move(name)) {
    // 16: gzip members only; 15: the largest window.
    LARDER_CHECK(inflateInit2(&stream_, 16 + 15) == Z_OK);
  }
  ~Gzip() override { inflateEnd(&stream_); }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  StatusOr<size_t> Read(std::span<char> buffer) override {
    const size_t room = std::min(buffer.size(), kChunkBytes * 16);
    size_t made = 0;
    while (made == 0) {
      LARDER_ASSIGN_OR_RETURN(const bool more, input_.Fill());
      if (!more) {
        if (in_member_) return DataLoss(name_, ": gzip data is cut short");
        return size_t{0};
      }
      if (!in_member_) {
        inflateReset(&stream_);
        in_member_ = true;
      }
      stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
      stream_.avail_in = static_cast<uInt>(input_.size());
      stream_.next_out = reinterpret_cast<Bytef*>(buffer.data());
      stream_.avail_out = static_cast<uInt>(room);
      const int result = inflate(&stream_, Z_NO_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        return DataLoss(name_, ": gzip data is damaged: ",
                        stream_.msg == nullptr ? "unknown cause" : stream_.msg);
      }
      input_.Skip(input_.size() - stream_.avail_in);
      made = room - stream_.avail_out;
      if (result == Z_STREAM_END) in_member_ = false;
    }
    return made;
  }

 private:
  CompressedInput input_;
  const std::string name_;
  z_stream stream_{};
  bool in_member_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> ZstdSource(std::unique_ptr<ByteSource> source, std::string name) {
  return std::make_unique<Zstd>(std::move(source), std::move(name));
}

std::unique_ptr<ByteSource> GzipSource(std::unique_ptr<ByteSource> source, std::string name) {
  return std::make_unique<Gzip>(std::move(source), std::move(name));
}

}  // namespace larder::cli
