// SPDX-License-Identifier: Apache-2.0
#include "featurestore/key_table.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/hash.h"
#include "base/status.h"

namespace larder::featurestore {

using registry::kNoOrdinal;
using registry::Ordinal;

namespace {

constexpr size_t kFirstSlots = 64;
constexpr size_t kBatch = 32;  // look-ups in flight at once

uint32_t Tag(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }

}  // namespace

KeyTable::KeyTable() : slots_(kFirstSlots) {}

std::unique_ptr<char[]> KeyTable::Store(std::string_view key) {
  const auto length = static_cast<uint16_t>(key.size());
  LARDER_CHECK(length == key.size());
  auto stored = std::make_unique_for_overwrite<char[]>(sizeof length + key.size());
  std::memcpy(stored.get(), &length, sizeof length);
  std::memcpy(stored.get() + sizeof length, key.data(), key.size());
  return stored;
}

std::string_view KeyTable::KeyOf(Ordinal ordinal) const {
  if (!Contains(ordinal)) return {};
  const char* stored = keys_[ordinal].get();
  uint16_t length = 0;
  std::memcpy(&length, stored, sizeof length);
  return {stored + sizeof length, length};
}

// The slot of the key, or the empty slot where the search for it ends.
size_t KeyTable::Probe(uint64_t hash, std::string_view key) const {
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.ordinal == kNoOrdinal) return i;
    if (slot.ordinal != kDeleted && slot.tag == Tag(hash) && KeyOf(slot.ordinal) == key) return i;
  }
}

Ordinal KeyTable::Find(std::string_view key) const {
  return slots_[Probe(Hash64(key), key)].ordinal;
}

void KeyTable::FindAll(std::span<const std::string_view> keys, std::span<Ordinal> out) const {
  LARDER_CHECK(keys.size() == out.size());
  const size_t mask = slots_.size() - 1;
  std::array<uint64_t, kBatch> hashes;
  for (size_t begin = 0; begin < keys.size(); begin += kBatch) {
    const size_t count = std::min(kBatch, keys.size() - begin);
    for (size_t i = 0; i < count; ++i) {
      hashes[i] = Hash64(keys[begin + i]);
      __builtin_prefetch(&slots_[hashes[i] & mask]);
    }
    for (size_t i = 0; i < count; ++i) {
      const Slot& slot = slots_[hashes[i] & mask];
      if (slot.ordinal < kDeleted) __builtin_prefetch(&keys_[slot.ordinal]);
    }
    for (size_t i = 0; i < count; ++i) {
      const Slot& slot = slots_[hashes[i] & mask];
      if (slot.ordinal < kDeleted) __builtin_prefetch(keys_[slot.ordinal].get());
    }
    for (size_t i = 0; i < count; ++i) {
      out[begin + i] = slots_[Probe(hashes[i], keys[begin + i])].ordinal;
    }
  }
}

Ordinal KeyTable::Add(std::string_view key) {
  const uint64_t hash = Hash64(key);
  size_t at = Probe(hash, key);
  if (slots_[at].ordinal != kNoOrdinal) return slots_[at].ordinal;
  if ((used_ + 1) * 4 > slots_.size() * 3) {
    Grow();
    at = Probe(hash, key);
  }
  Ordinal ordinal = end_;
  if (free_.empty()) {
    keys_.EnsureSize(size_t{++end_});
  } else {
    ordinal = free_.back();
    free_.pop_back();
  }
  keys_[ordinal] = Store(key);
  slots_[at] = {Tag(hash), ordinal};
  ++used_;
  ++size_;
  return ordinal;
}

void KeyTable::Remove(Ordinal ordinal) {
  LARDER_CHECK(Contains(ordinal));
  const std::string_view key = KeyOf(ordinal);
  slots_[Probe(Hash64(key), key)].ordinal = kDeleted;
  keys_[ordinal] = nullptr;
  free_.push_back(ordinal);
  --size_;
}

void KeyTable::Grow() {
  std::vector<Slot> old(std::max(kFirstSlots, slots_.size() * (size_ * 2 > used_ ? 2 : 1)));
  old.swap(slots_);
  used_ = 0;
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.ordinal >= kDeleted) continue;
    size_t i = Hash64(KeyOf(slot.ordinal)) & mask;
    while (slots_[i].ordinal != kNoOrdinal) i = (i + 1) & mask;
    slots_[i] = slot;
    ++used_;
  }
}

}  // namespace larder::featurestore
