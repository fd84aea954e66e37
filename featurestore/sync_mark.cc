// SPDX-License-Identifier: Apache-2.0
#include "featurestore/sync_mark.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "base/bytes.h"
#include "base/hash.h"

namespace larder::featurestore {
namespace {

constexpr std::string_view kMagic = "LARDMRK1";
constexpr size_t kBytes = 24;

std::string Encode(uint64_t number) {
  std::string bytes;
  ByteWriter out(bytes);
  out.Raw(kMagic);
  out.Fixed(number);
  out.Fixed(Hash64(bytes));
  return bytes;
}

uint64_t Decode(std::string_view bytes) {
  if (bytes.size() != kBytes || !bytes.starts_with(kMagic)) return 0;
  ByteReader in(bytes.substr(kMagic.size()));
  const auto number = in.Fixed<uint64_t>();
  return in.Fixed<uint64_t>() == Hash64(bytes.substr(0, kBytes - sizeof(uint64_t))) ? number : 0;
}

}  // namespace

StatusOr<std::unique_ptr<SyncMark>> SyncMark::Open(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return Unavailable(path, ": ", std::generic_category().message(errno));
  std::unique_ptr<SyncMark> mark(new SyncMark(file));
  std::array<char, kBytes + 1> bytes;
  const ssize_t got = pread(file, bytes.data(), bytes.size(), 0);
  if (got < 0) return Unavailable(path, ": ", std::generic_category().message(errno));
  mark->number_ = Decode({bytes.data(), static_cast<size_t>(got)});
  return mark;
}

SyncMark::~SyncMark() { close(file_); }

void SyncMark::Set(uint64_t number) {
  const std::string bytes = Encode(number);
  if (pwrite(file_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size())) {
    number_ = number;
  }
}

}  // namespace larder::featurestore
