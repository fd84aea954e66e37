// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/word_cache.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>

namespace larder::text::internal {
namespace {

void Store(uint64_t* number, uint64_t value) {
  std::atomic_ref<uint64_t>(*number).store(value, std::memory_order_release);
}

}  // namespace

// Zeros: all entries are empty.
WordCache::WordCache()
    : memory_(HugeBuffer::Allocate(kBytes)),
      numbers_(memory_ == nullptr ? throw std::bad_alloc()
                                  : reinterpret_cast<uint64_t*>(memory_->bytes().data())) {}

// Makes the first number odd. If it is that, or not what was seen, because there is another writer
// or a reader marks the entry at this moment, the word stays out.
bool WordCache::Lock(uint64_t* number, uint64_t seen) {
  return (seen & kWriting) == 0 &&
         std::atomic_ref<uint64_t>(*number).compare_exchange_strong(
             seen, (seen & ~kWriters) | ((seen + 1) & kWriters), std::memory_order_acq_rel);
}

void WordCache::Unlock(uint64_t* number, uint64_t seen, uint64_t content) {
  Store(number, (content & ~kWriters) | ((seen + 2) & kWriters));
}

void WordCache::Forget(uint64_t* number) {
  std::atomic_ref<uint64_t>(*number).fetch_and(~kFound, std::memory_order_relaxed);
}

// The ids as they are in an entry's numbers behind the first.
std::array<uint64_t, 3> WordCache::PackIds(std::span<const int32_t> ids) {
  std::array<uint64_t, 3> packed{};
  char* end = reinterpret_cast<char*>(packed.data()) + sizeof packed;
  for (const int32_t id : ids) {
    end -= kIdBytes;
    std::memcpy(end, &id, kIdBytes);
  }
  return packed;
}

void WordCache::Insert(const Word& word, uint64_t hash, std::span<const int32_t> ids,
                       RoundedTrust trust) {
  constexpr int32_t kEndOfIds = 1 << (8 * kIdBytes);
  const auto fits = [](int32_t id) { return id >= 0 && id < kEndOfIds; };
  if (ids.size() > kMaxIds || trust.cost >= kEndOfCosts ||
      !std::all_of(ids.begin(), ids.end(), fits)) {
    return;
  }
  const uint64_t content = uint64_t{word.size} << kSizeShift |
                           uint64_t{ids.size()} << kCountShift |
                           uint64_t{trust.limit} << kLimitShift |
                           uint64_t{trust.cost} << kCostShift;
  uint64_t* const place = Place(hash);
  uint64_t* const other = place + kEntryNumbers;
  const std::array<uint64_t, 2> seen = {Load(place), Load(other)};
  std::array<uint64_t, 2> become = seen;
  size_t leaves = 0;
  if (IsLarge(content) || IsLarge(seen[0])) {
    // All of the place leaves, unless it was found since it is here: then that has to prove itself
    // again.
    if (((seen[0] | seen[1]) & kFound) != 0) {
      Forget(place);
      Forget(other);
      return;
    }
    become = {};
  } else {
    // One leaves: an empty one, one that was not found, or else any.
    const auto is_empty = [](uint64_t first) { return SizeOf(first) == 0; };
    const auto is_lost = [](uint64_t first) { return (first & kFound) == 0; };
    if (std::any_of(seen.begin(), seen.end(), is_empty)) {
      leaves = is_empty(seen[0]) ? 0 : 1;
    } else if (std::any_of(seen.begin(), seen.end(), is_lost)) {
      leaves = is_lost(seen[0]) ? 0 : 1;
    } else {
      leaves = hash & 1;
      become[1 - leaves] &= ~kFound;
    }
  }
  become[leaves] = content;

  if (!Lock(place, seen[0])) return;
  if (!Lock(other, seen[1])) {
    Unlock(place, seen[0], seen[0]);
    return;
  }
  const std::array<uint64_t, 3> packed = PackIds(ids);
  for (size_t i = 0; i < packed.size(); ++i) {
    if (IsLarge(content)) {
      Store(place + 1 + i, word.bytes[i]);
      Store(other + 1 + i, packed[i]);
    } else {
      Store(place + leaves * kEntryNumbers + 1 + i, word.bytes[i] | packed[i]);
    }
  }
  Unlock(other, seen[1], become[1]);
  Unlock(place, seen[0], become[0]);
}

}  // namespace larder::text::internal
