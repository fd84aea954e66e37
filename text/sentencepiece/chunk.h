// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_CHUNK_H_
#define LARDER_TEXT_SENTENCEPIECE_CHUNK_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "text/sentencepiece/normalizer.h"
#include "text/sentencepiece/word_cache.h"

namespace larder::text::internal {

// The bytes text[at, at + 8), the first one lowest, with zeros for those behind the end.
inline uint64_t EightBytes(std::string_view text, size_t at) {
  static_assert(std::endian::native == std::endian::little);
  uint64_t bytes = 0;
  if (at + sizeof bytes <= text.size()) {
    std::memcpy(&bytes, text.data() + at, sizeof bytes);
  } else if (at < text.size() && text.size() >= sizeof bytes) {
    std::memcpy(&bytes, text.data() + text.size() - sizeof bytes, sizeof bytes);
    bytes >>= 8 * (at + sizeof bytes - text.size());
  } else if (at < text.size()) {
    std::memcpy(&bytes, text.data() + at, text.size() - at);
  }
  return bytes;
}

// The high bit of every byte that is at most a space, and maybe of bytes after the first such.
inline uint64_t LowBytes(uint64_t bytes) {
  constexpr uint64_t kOnes = 0x0101'0101'0101'0101u;
  return (bytes - kOnes * (' ' + 1)) & ~bytes & (kOnes * 0x80);
}

// Reads the part of a text from `begin` to the next separator or the end of the text.
// Returns its end; `word` is its bytes, or has the size 0 if it is longer than a cached word.
inline size_t ReadChunk(std::string_view text, size_t begin, const Normalizer& normalizer,
                        WordCache::Word& word) {
  size_t at = begin;
  word = {};
  for (uint64_t& part : word.bytes) {
    const uint64_t bytes = EightBytes(text, at);
    for (uint64_t low = LowBytes(bytes); low != 0; low &= low - 1) {
      const auto bit = static_cast<uint32_t>(std::countr_zero(low)) & ~7u;
      const size_t end = at + bit / 8;
      if (end < text.size() && !normalizer.IsSeparator(static_cast<unsigned char>(text[end]))) {
        continue;
      }
      part = bytes & ((uint64_t{1} << bit) - 1);
      word.size = static_cast<uint32_t>(end - begin);
      return end;
    }
    part = bytes;
    at += sizeof bytes;
  }
  while (at < text.size() && !normalizer.IsSeparator(static_cast<unsigned char>(text[at]))) ++at;
  if (at == begin + WordCache::kMaxWordBytes) word.size = WordCache::kMaxWordBytes;
  return at;
}

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_CHUNK_H_
