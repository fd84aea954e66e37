// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_WORD_CACHE_H_
#define LARDER_TEXT_SENTENCEPIECE_WORD_CACHE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/huge_buffer.h"

namespace larder::text::internal {

// Remembers what became of short words. Memory is fixed; what was not asked for again goes first.
//
// A place is a cache line: most of them hold two entries of up to 12 bytes that became up to 3 ids,
// the others one of up to 24 bytes and 8 ids. An entry is a sequence lock: its first number is odd
// while a writer is at it, and changes with what it holds. All numbers are atomic, so a reader that
// meets a writer sees nonsense at worst, notices, and has found nothing. Nobody waits: readers
// write only to mark an entry the first time it is found, a writer that meets another gives up.
//
// Thread-safety: thread-safe.
class WordCache {
 public:
  static constexpr size_t kMaxWordBytes = 24;
  static constexpr size_t kMaxIds = 8;
  static constexpr size_t kBytes = 8u << 20;

  // A word's bytes, with zeros behind them.
  struct Word {
    std::array<uint64_t, 3> bytes{};
    uint32_t size = 0;  // 1 to kMaxWordBytes
  };
  struct Entry {
    std::array<uint32_t, kMaxIds> ids;  // those behind `count` are anything
    uint32_t count = 0;
    float cost = 0;   // rounded up
    float limit = 0;  // rounded down
  };

  WordCache();

  // Brings where the word would be nearer to the processor.
  void Prefetch(const Word& word, uint64_t hash) const {
    __builtin_prefetch(word.size <= kSmallWordBytes ? SmallPlace(hash) : LargePlace(hash));
  }
  // Returns false if the word is not there. `hash` is Hash(word).
  bool Find(const Word& word, uint64_t hash, Entry& entry) const;
  // Remembers a word that was not found, unless there are more than kMaxIds ids or the cost is
  // 4,096 or more.
  void Insert(const Word& word, uint64_t hash, std::span<const int32_t> ids, float cost,
              float limit);

  static uint64_t Hash(const Word& word) {
    using Wide = unsigned __int128;
    const Wide a = Wide{word.bytes[0] ^ 0x9e3779b97f4a7c15u} *
                   (word.bytes[1] ^ 0xe7037ed1a0b428dbu ^ word.size);
    const Wide b = Wide{static_cast<uint64_t>(a) ^ static_cast<uint64_t>(a >> 64)} *
                   (word.bytes[2] ^ 0x8ebc6af09c88c6e3u);
    return static_cast<uint64_t>(b) ^ static_cast<uint64_t>(b >> 64);
  }

 private:
  static constexpr size_t kSmallWordBytes = 12;
  static constexpr size_t kSmallIds = 3;
  static constexpr size_t kSmallNumbers = 4;  // of an entry
  static constexpr size_t kNumbers = 8;       // of a place, and of a large entry
  static constexpr size_t kPlaces = kBytes / (kNumbers * sizeof(uint64_t));
  static constexpr size_t kSmallPlaces = kPlaces / 4 * 3;

  static size_t Below(uint64_t hash, size_t n) {
    return static_cast<size_t>((static_cast<unsigned __int128>(hash) * n) >> 64);
  }
  uint64_t* SmallPlace(uint64_t hash) const {
    return numbers_ + Below(hash, kSmallPlaces) * kNumbers;
  }
  uint64_t* LargePlace(uint64_t hash) const {
    return numbers_ + (kSmallPlaces + Below(hash, kPlaces - kSmallPlaces)) * kNumbers;
  }

  const std::unique_ptr<HugeBuffer> memory_;
  uint64_t* const numbers_;
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_WORD_CACHE_H_
