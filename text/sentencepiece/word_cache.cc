// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/word_cache.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <new>

namespace larder::text::internal {
namespace {

// The first number of an entry, from its low bit on: 1 bit "a writer is here", 31 bits counting
// writers, 1 bit "was found", 5 bits size of the word (0: there is none), 4 bits count of ids,
// 8 bits binary exponent of the limit, 14 bits cost in quarters.
constexpr uint64_t kWriting = 1;
constexpr uint64_t kWriters = 0xffff'ffffu;
constexpr uint64_t kFound = uint64_t{1} << 32;
constexpr int kSizeShift = 33;
constexpr int kCountShift = 38;
constexpr int kLimitShift = 42;
constexpr int kCostShift = 50;
constexpr float kMaxCost = 4'095;

uint64_t Load(uint64_t* number, std::memory_order order = std::memory_order_acquire) {
  return std::atomic_ref<uint64_t>(*number).load(order);
}

void Store(uint64_t* number, uint64_t value) {
  std::atomic_ref<uint64_t>(*number).store(value, std::memory_order_release);
}

uint64_t SizeOf(uint64_t first) { return (first >> kSizeShift) & 31; }

// A limit is kept as the exponent e of the power of two 2^(e - 1) that is not above it; as 0 if it
// is below 1, and then it is 0.
uint64_t ExponentOf(float limit) {
  constexpr int kMost = 128;
  if (!(limit >= 1)) return 0;
  return static_cast<uint64_t>(std::isinf(limit) ? kMost : std::ilogb(limit) + 1);
}

float LimitOf(uint64_t first) {
  const auto exponent = static_cast<uint32_t>((first >> kLimitShift) & 255);
  return exponent == 0 ? 0 : std::bit_cast<float>((exponent + 126) << 23);
}

// Reads an entry of 1 + kRest numbers: kWordBytes bytes of the word, then the ids. The loads
// acquire: what they see of a writer's work, the last load sees the beginning of.
template <size_t kRest, size_t kWordBytes>
bool Read(uint64_t* numbers, const WordCache::Word& word, WordCache::Entry& entry) {
  const uint64_t first = Load(numbers);
  if (SizeOf(first) != word.size || (first & kWriting) != 0) return false;
  std::array<uint64_t, kRest> rest;
  for (size_t i = 0; i < kRest; ++i) rest[i] = Load(numbers + 1 + i);
  if (((first ^ Load(numbers, std::memory_order_relaxed)) & ~kFound) != 0) return false;
  uint64_t difference = 0;
  for (size_t i = 0; i < kWordBytes / 8; ++i) difference |= rest[i] ^ word.bytes[i];
  if constexpr (kWordBytes % 8 != 0) {
    difference |= static_cast<uint32_t>(rest[kWordBytes / 8] ^ word.bytes[kWordBytes / 8]);
  }
  if (difference != 0) return false;
  std::memcpy(entry.ids.data(), reinterpret_cast<const char*>(rest.data()) + kWordBytes,
              sizeof rest - kWordBytes);
  entry.count = static_cast<uint32_t>((first >> kCountShift) & 15);
  entry.cost = static_cast<float>(first >> kCostShift) / 4;
  entry.limit = LimitOf(first);
  if ((first & kFound) == 0) {
    std::atomic_ref<uint64_t>(*numbers).fetch_or(kFound, std::memory_order_relaxed);
  }
  return true;
}

// Writes the entry that began with `seen`. If another writer is at it, or a reader marks it at this
// moment, the word stays out.
template <size_t kRest, size_t kWordBytes>
void Write(uint64_t* numbers, uint64_t seen, const WordCache::Word& word, uint64_t content,
           std::span<const int32_t> ids) {
  const uint64_t writers = (seen + kWriting) & kWriters;
  if ((seen & kWriting) != 0 ||
      !std::atomic_ref<uint64_t>(*numbers).compare_exchange_strong(
          seen, (seen & ~kWriters) | writers, std::memory_order_acq_rel)) {
    return;
  }
  std::array<uint64_t, kRest> rest{};
  std::memcpy(rest.data(), word.bytes.data(), kWordBytes);
  if (!ids.empty()) {
    std::memcpy(reinterpret_cast<char*>(rest.data()) + kWordBytes, ids.data(), ids.size_bytes());
  }
  for (size_t i = 0; i < kRest; ++i) Store(numbers + 1 + i, rest[i]);
  Store(numbers, content | ((writers + kWriting) & kWriters));
}

// Of two entries, the one that a new word takes the place of: an empty one, one that was not found
// since it is here, or else any; then the other one has to prove itself again.
uint64_t* Leaving(uint64_t* one, uint64_t* other, uint64_t hash) {
  uint64_t* const entries[] = {one, other};
  for (uint64_t* entry : entries) {
    if (SizeOf(Load(entry)) == 0) return entry;
  }
  for (uint64_t* entry : entries) {
    if ((Load(entry) & kFound) == 0) return entry;
  }
  const size_t leaves = hash & 1;
  std::atomic_ref<uint64_t>(*entries[1 - leaves]).fetch_and(~kFound, std::memory_order_relaxed);
  return entries[leaves];
}

}  // namespace

// Zeros: all entries are empty.
WordCache::WordCache()
    : memory_(HugeBuffer::Allocate(kBytes)),
      numbers_(memory_ == nullptr ? throw std::bad_alloc()
                                  : reinterpret_cast<uint64_t*>(memory_->bytes().data())) {}

bool WordCache::Find(const Word& word, uint64_t hash, Entry& entry) const {
  if (word.size <= kSmallWordBytes) {
    uint64_t* place = SmallPlace(hash);
    if (Read<kSmallNumbers - 1, kSmallWordBytes>(place, word, entry)) return true;
    if (Read<kSmallNumbers - 1, kSmallWordBytes>(place + kSmallNumbers, word, entry)) return true;
  }
  return Read<kNumbers - 1, kMaxWordBytes>(LargePlace(hash), word, entry);
}

void WordCache::Insert(const Word& word, uint64_t hash, std::span<const int32_t> ids, float cost,
                       float limit) {
  if (ids.size() > kMaxIds || !(cost < kMaxCost)) return;
  const uint64_t content = uint64_t{word.size} << kSizeShift |
                           uint64_t{ids.size()} << kCountShift | ExponentOf(limit) << kLimitShift |
                           static_cast<uint64_t>(std::ceil(cost * 4)) << kCostShift;
  if (word.size <= kSmallWordBytes && ids.size() <= kSmallIds) {
    uint64_t* place = SmallPlace(hash);
    uint64_t* entry = Leaving(place, place + kSmallNumbers, hash);
    Write<kSmallNumbers - 1, kSmallWordBytes>(entry, Load(entry), word, content, ids);
    return;
  }
  // A word that was found since it is here gets a second chance.
  uint64_t* entry = LargePlace(hash);
  const uint64_t seen = Load(entry);
  if ((seen & kFound) != 0) {
    std::atomic_ref<uint64_t>(*entry).fetch_and(~kFound, std::memory_order_relaxed);
    return;
  }
  Write<kNumbers - 1, kMaxWordBytes>(entry, seen, word, content, ids);
}

}  // namespace larder::text::internal
