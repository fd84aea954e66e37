// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/word_cache.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <new>

namespace larder::text::internal {
namespace {

// The first number of a line, from its low bit on: 1 bit "a writer is here", 31 bits counting
// writers, 1 bit "was found", 5 bits size of the word (0: the line is empty), 4 bits count of ids,
// 8 bits binary exponent of the limit, 14 bits cost in quarters.
constexpr uint64_t kWriting = 1;
constexpr uint64_t kWriters = 0xffff'ffffu;
constexpr uint64_t kFound = uint64_t{1} << 32;
constexpr int kSizeShift = 33;
constexpr int kCountShift = 38;
constexpr int kLimitShift = 42;
constexpr int kCostShift = 50;
constexpr float kMaxCost = 4'095;
// Limits as 2^(exponent - 1); 0 is no limit at all, that is, never.
constexpr int kMaxExponent = 255;

uint64_t Load(uint64_t* number, std::memory_order order = std::memory_order_acquire) {
  return std::atomic_ref<uint64_t>(*number).load(order);
}

void Store(uint64_t* number, uint64_t value) {
  std::atomic_ref<uint64_t>(*number).store(value, std::memory_order_release);
}

uint64_t SizeOf(uint64_t first) { return (first >> kSizeShift) & 31; }

uint64_t ExponentOf(float limit) {
  if (!(limit >= 1)) return 0;
  return static_cast<uint64_t>(std::min(std::isinf(limit) ? kMaxExponent : std::ilogb(limit) + 1,
                                        kMaxExponent));
}

}  // namespace

void WordCache::Free::operator()(void* memory) const { std::free(memory); }

// Zeros from the system, which come when a line is used first; a line of zeros is empty.
WordCache::WordCache() : memory_(std::calloc(kBytes + 127, 1)) {
  if (memory_ == nullptr) throw std::bad_alloc();
  const auto address = reinterpret_cast<uintptr_t>(memory_.get());
  lines_ = reinterpret_cast<uint64_t*>((address + 127) & ~uintptr_t{127});
}

// The loads acquire: what they see of a writer's work, the last load sees the beginning of.
bool WordCache::Read(uint64_t* line, const Word& word, Entry& entry) {
  const uint64_t first = Load(line);
  if (SizeOf(first) != word.size || (first & kWriting) != 0) return false;
  uint64_t difference = 0;
  for (size_t i = 0; i < word.bytes.size(); ++i) difference |= Load(line + 1 + i) ^ word.bytes[i];
  if (difference != 0) return false;
  for (size_t i = 0; i < entry.ids.size(); ++i) entry.ids[i] = Load(line + 4 + i);
  const uint64_t again = Load(line, std::memory_order_relaxed);
  if (((first ^ again) & ~kFound) != 0) return false;
  if ((again & kFound) == 0) {
    std::atomic_ref<uint64_t>(*line).fetch_or(kFound, std::memory_order_relaxed);
  }
  entry.count = static_cast<uint32_t>((first >> kCountShift) & 15);
  entry.cost = static_cast<float>(first >> kCostShift) / 4;
  const uint64_t exponent = (first >> kLimitShift) & 255;
  entry.limit = exponent == 0 ? 0
                              : std::bit_cast<float>(static_cast<uint32_t>(
                                    std::min<uint64_t>(exponent + 126, 254) << 23));
  return true;
}

bool WordCache::Find(const Word& word, uint64_t hash, Entry& entry) const {
  uint64_t* place = Place(hash);
  return Read(place, word, entry) || Read(place + kNumbers, word, entry);
}

// Another writer at the line, or a reader that marks it at this moment: then the word stays out.
void WordCache::Write(uint64_t* line, uint64_t seen, const Word& word, uint64_t content,
                      std::span<const int32_t> ids) {
  const uint64_t writers = (seen + kWriting) & kWriters;
  if ((seen & kWriting) != 0 ||
      !std::atomic_ref<uint64_t>(*line).compare_exchange_strong(
          seen, (seen & ~kWriters) | writers, std::memory_order_acq_rel)) {
    return;
  }
  for (size_t i = 0; i < word.bytes.size(); ++i) Store(line + 1 + i, word.bytes[i]);
  std::array<uint64_t, kMaxIds / 2> packed{};
  for (size_t i = 0; i < ids.size(); ++i) {
    packed[i / 2] |= uint64_t{static_cast<uint32_t>(ids[i])} << (i % 2 * 32);
  }
  for (size_t i = 0; i < packed.size(); ++i) Store(line + 4 + i, packed[i]);
  Store(line, content | ((writers + kWriting) & kWriters));
}

void WordCache::Insert(const Word& word, uint64_t hash, std::span<const int32_t> ids, float cost,
                       float limit) {
  if (ids.size() > kMaxIds || !(cost < kMaxCost)) return;
  const uint64_t content = uint64_t{word.size} << kSizeShift |
                           uint64_t{ids.size()} << kCountShift | ExponentOf(limit) << kLimitShift |
                           static_cast<uint64_t>(std::ceil(cost * 4)) << kCostShift;
  uint64_t* lines[] = {Place(hash), Place(hash) + kNumbers};
  const uint64_t first[] = {Load(lines[0]), Load(lines[1])};
  for (size_t i = 0; i < 2; ++i) {
    if (SizeOf(first[i]) == 0) return Write(lines[i], first[i], word, content, ids);
  }
  for (size_t i = 0; i < 2; ++i) {
    if ((first[i] & kFound) == 0) return Write(lines[i], first[i], word, content, ids);
  }
  // Both were found since they are here: one of them goes, the other one has to prove itself again.
  const size_t leaves = hash >> 63;
  std::atomic_ref<uint64_t>(*lines[1 - leaves]).fetch_and(~kFound, std::memory_order_relaxed);
  Write(lines[leaves], first[leaves], word, content, ids);
}

}  // namespace larder::text::internal
