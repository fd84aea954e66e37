// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BASE_BYTES_H_
#define LARDER_BASE_BYTES_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/status.h"

namespace larder {

static_assert(std::endian::native == std::endian::little, "formats are little-endian in memory");

// Appends little-endian numbers, varints and length-prefixed strings to a string.
// Thread-safety: single-thread.
class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  template <typename T>
    requires std::is_trivially_copyable_v<T> && std::is_arithmetic_v<T>
  void Fixed(T value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void Varint(uint64_t value);
  // Zigzag, so that small negative numbers are short.
  void SignedVarint(int64_t value);
  void Raw(std::string_view bytes) { out_.append(bytes); }
  // Varint length, then the bytes.
  void String(std::string_view bytes);
  size_t size() const { return out_.size(); }

 private:
  std::string& out_;
};

// Reads what ByteWriter wrote, from untrusted bytes: every read is bounds-checked and a read past
// the end makes the reader fail for good and returns zero or empty.
//
// Use: read all fields, then check `ok()` (or `Finish()` where nothing may follow).
// Thread-safety: single-thread. Returned views live as long as the bytes.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
    requires std::is_trivially_copyable_v<T> && std::is_arithmetic_v<T>
  T Fixed() {
    T value{};
    const std::string_view bytes = Raw(sizeof value);
    if (bytes.size() == sizeof value) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  uint64_t Varint();
  int64_t SignedVarint();
  std::string_view Raw(size_t size);
  std::string_view String();
  // A varint count of things that take at least `min_bytes_each`: fails when they cannot fit in
  // what is left, so that a forged count never causes a large allocation.
  size_t Count(size_t min_bytes_each = 1);

  bool ok() const { return ok_; }
  size_t remaining() const { return rest_.size(); }
  void Fail() { ok_ = false; rest_ = {}; }
  // Errors: kDataLoss naming `what` if a read failed or bytes are left over.
  Status Finish(std::string_view what) const;

 private:
  std::string_view rest_;
  bool ok_ = true;
};

// The 8 bytes of a number, most significant first: byte order is the order of the numbers.
std::string BigEndian(uint64_t number);
// The number back; nothing unless there are 8 bytes.
std::optional<uint64_t> FromBigEndian(std::string_view bytes);

// The bytes of a span of numbers, and back; the span must outlive the view.
template <typename T>
std::string_view AsBytes(std::span<const T> values) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

std::string ToHex(std::string_view bytes);
// Errors: kInvalidArgument on an odd length or a character that is not hexadecimal.
StatusOr<std::string> FromHex(std::string_view hex);

// True if `text` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool IsUtf8(std::string_view text);

// The beginning of `text`, at most `max_bytes` long, cut between characters and not inside one.
// Of text that is not UTF-8, some beginning.
std::string_view Utf8Prefix(std::string_view text, size_t max_bytes);

}  // namespace larder

#endif  // LARDER_BASE_BYTES_H_
