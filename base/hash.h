// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BASE_HASH_H_
#define LARDER_BASE_HASH_H_

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace larder {

// 64-bit XXH3 of `bytes`: checksums and hash tables, not against an adversary.
uint64_t Hash64(std::string_view bytes, uint64_t seed = 0);

// 128-bit XXH3: record ids and payload hashes (S1.4). Ordered by (high, low).
struct Hash128 {
  uint64_t high = 0;
  uint64_t low = 0;
  auto operator<=>(const Hash128&) const = default;
};
Hash128 HashTo128(std::string_view bytes);

// A SHA-256: the name of an artifact or of a definition.
struct Digest {
  std::array<uint8_t, 32> bytes{};
  auto operator<=>(const Digest&) const = default;
  bool empty() const { return *this == Digest{}; }
  std::string Hex() const;
  // The first 12 hex digits, for people.
  std::string Short() const { return Hex().substr(0, 12); }
  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  // Errors: kInvalidArgument unless `hex` is 64 hexadecimal digits.
  static StatusOr<Digest> FromHex(std::string_view hex);
  // Errors: kInvalidArgument unless `raw` is 32 bytes.
  static StatusOr<Digest> FromBytes(std::string_view raw);
};

Digest Sha256(std::string_view bytes);

// SHA-256 of a stream. Thread-safety: single-thread.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  void Update(std::string_view bytes);
  // May be called once.
  Digest Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace larder

template <>
struct std::hash<larder::Digest> {
  size_t operator()(const larder::Digest& d) const noexcept {
    size_t value;
    static_assert(sizeof value <= sizeof d.bytes);
    __builtin_memcpy(&value, d.bytes.data(), sizeof value);
    return value;
  }
};
template <>
struct std::hash<larder::Hash128> {
  size_t operator()(const larder::Hash128& h) const noexcept { return h.low; }
};

#endif  // LARDER_BASE_HASH_H_
