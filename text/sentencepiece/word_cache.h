// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_WORD_CACHE_H_
#define LARDER_TEXT_SENTENCEPIECE_WORD_CACHE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "base/huge_buffer.h"
#include "text/sentencepiece/segmenter.h"

namespace larder::text::internal {

// Remembers what became of short words. Memory is fixed; what was not asked for again goes first.
//
// A place is a cache line, and holds two words or a large one. An entry is a number that describes
// it, then 24 bytes: the word from the beginning on, its ids of 3 bytes from the end on. Where the
// two would meet, the word is a large one: its ids have the 24 bytes of the second entry.
//
// An entry is a sequence lock: its first number is odd while a writer is at it, and changes with
// what it holds; writers lock both of a place. All numbers are atomic, so a reader that meets a
// writer sees nonsense at worst, notices, and has found nothing. Nobody waits: readers write only
// to mark an entry the first time it is found, a writer that meets another gives up.
//
// Thread-safety: thread-safe.
class WordCache {
 public:
  static constexpr size_t kMaxWordBytes = 24;
  static constexpr size_t kMaxIds = 8;
  static constexpr uint32_t kEndOfCosts = 1u << 14;
  static constexpr size_t kBytes = 8u << 20;

  // A word's bytes, with zeros behind them.
  struct Word {
    std::array<uint64_t, 3> bytes;
    uint32_t size;  // 1 to kMaxWordBytes
  };
  struct Entry {
    uint32_t count = 0;  // of ids
    RoundedTrust trust;
  };

  WordCache();

  // Brings where the word would be nearer to the processor.
  void Prefetch(uint64_t hash) const { __builtin_prefetch(Place(hash)); }
  // Returns false if the word is not there. `hash` is Hash(word). All kMaxIds of `ids` may be
  // written to; those that are not of the word are anything.
  bool Find(const Word& word, uint64_t hash, int32_t* ids, Entry& entry) const {
    uint64_t* const place = Place(hash);
    // Which of the two it is cannot be foreseen: choosing without a jump is cheaper. Where their
    // beginnings are the same, one is not found.
    const uint64_t* const second = place + kEntryNumbers;
    const bool is_second = Difference(word, Load(second), Load(second + 1)) == 0;
    uint64_t* const numbers = place + (is_second ? kEntryNumbers : 0);
    // The loads acquire: what they see of a writer's work, the last load sees the beginning of.
    Numbers read = Read(numbers);
    const uint64_t first = read[0];
    uint64_t difference = Difference(word, first, read[1]) | (first & kWriting);
    difference |= (read[2] ^ word.bytes[1]) & Mask(word.size)[1];
    difference |= (read[3] ^ word.bytes[2]) & Mask(word.size)[2];
    if (IsLarge(first)) [[unlikely]] read = Read(place + kEntryNumbers);
    difference |= (first ^ Load(numbers, std::memory_order_relaxed)) & ~kFound;
    if (difference != 0) return false;
    entry.count = CountOf(first);
    entry.trust = {static_cast<uint32_t>(first >> kCostShift), LimitOf(first)};
    UnpackIds(read, entry.count, ids);
    if ((first & kFound) == 0) {
      std::atomic_ref<uint64_t>(*numbers).fetch_or(kFound, std::memory_order_relaxed);
    }
    return true;
  }
  // Remembers a word that was not found, unless there are more than kMaxIds ids, one needs more
  // than 3 bytes, or the cost is kEndOfCosts or more.
  void Insert(const Word& word, uint64_t hash, std::span<const int32_t> ids, RoundedTrust trust);

  // A word of so many bytes is what is left of others with these bits.
  static const std::array<uint64_t, 3>& Mask(size_t size) { return kMasks[size]; }

  static uint64_t Hash(const Word& word) {
    using Wide = unsigned __int128;
    const Wide a = Wide{word.bytes[0] ^ 0x9e3779b97f4a7c15u} *
                   (word.bytes[1] ^ 0xe7037ed1a0b428dbu ^ word.size);
    const Wide b = Wide{static_cast<uint64_t>(a) ^ static_cast<uint64_t>(a >> 64)} *
                   (word.bytes[2] ^ 0x8ebc6af09c88c6e3u);
    return static_cast<uint64_t>(b) ^ static_cast<uint64_t>(b >> 64);
  }

 private:
  // The first number of an entry, from its low bit on: 1 bit "a writer is here", 31 bits counting
  // writers, 1 bit "was found", 5 bits size of the word (0: there is none), 4 bits count of ids,
  // 8 bits limit, 14 bits cost.
  static constexpr uint64_t kWriting = 1;
  static constexpr uint64_t kWriters = 0xffff'ffffu;
  static constexpr uint64_t kFound = uint64_t{1} << 32;
  static constexpr int kSizeShift = 33;
  static constexpr int kCountShift = 38;
  static constexpr int kLimitShift = 42;
  static constexpr int kCostShift = 50;

  static constexpr size_t kIdBytes = 3;
  static constexpr size_t kEntryNumbers = 4;
  static constexpr size_t kPlaceNumbers = 8;
  static constexpr size_t kPlaces = kBytes / (kPlaceNumbers * sizeof(uint64_t));
  static constexpr auto kMasks = [] {
    std::array<std::array<uint64_t, 3>, kMaxWordBytes + 1> masks{};
    for (size_t size = 0; size < masks.size(); ++size) {
      for (size_t i = 0; i < size; ++i) masks[size][i / 8] |= uint64_t{255} << i % 8 * 8;
    }
    return masks;
  }();

  using Numbers = std::array<uint64_t, kEntryNumbers>;

  uint64_t* Place(uint64_t hash) const {
    const auto place = static_cast<size_t>((static_cast<unsigned __int128>(hash) * kPlaces) >> 64);
    return numbers_ + place * kPlaceNumbers;
  }

  static uint64_t Load(const uint64_t* number,
                       std::memory_order order = std::memory_order_acquire) {
    return std::atomic_ref<uint64_t>(*const_cast<uint64_t*>(number)).load(order);
  }
  static Numbers Read(const uint64_t* numbers) {
    return {Load(numbers), Load(numbers + 1), Load(numbers + 2), Load(numbers + 3)};
  }
  static uint32_t SizeOf(uint64_t first) { return (first >> kSizeShift) & 31; }
  static uint32_t CountOf(uint64_t first) { return (first >> kCountShift) & 15; }
  static bool IsLarge(uint64_t first) {
    return SizeOf(first) + kIdBytes * CountOf(first) > kMaxWordBytes;
  }
  static uint32_t LimitOf(uint64_t first) { return (first >> kLimitShift) & 255; }

  // 0 if an entry's first numbers may be of the word.
  static uint64_t Difference(const Word& word, uint64_t first, uint64_t begin) {
    return (SizeOf(first) ^ word.size) | ((begin ^ word.bytes[0]) & Mask(word.size)[0]);
  }

  // The first id is in the last bytes. Most words have few.
  static void UnpackIds(const Numbers& read, uint32_t count, int32_t* ids) {
    constexpr uint64_t kId = 0xff'ffffu;
    const auto id = [](uint64_t bits) { return static_cast<int32_t>(bits & kId); };
    ids[0] = id(read[3] >> 40);
    ids[1] = id(read[3] >> 16);
    ids[2] = id(read[3] << 8 | read[2] >> 56);
    ids[3] = id(read[2] >> 32);
    if (count <= 4) [[likely]] return;
    ids[4] = id(read[2] >> 8);
    ids[5] = id(read[2] << 16 | read[1] >> 48);
    ids[6] = id(read[1] >> 24);
    ids[7] = id(read[1]);
  }

  static bool Lock(uint64_t* number, uint64_t seen);
  static void Unlock(uint64_t* number, uint64_t seen, uint64_t content);
  static void Forget(uint64_t* number);
  static std::array<uint64_t, 3> PackIds(std::span<const int32_t> ids);

  const std::unique_ptr<HugeBuffer> memory_;
  uint64_t* const numbers_;
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_WORD_CACHE_H_
