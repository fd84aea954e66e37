// SPDX-License-Identifier: Apache-2.0
#include "featurestore/entity_state.h"

#include <algorithm>
#include <utility>

namespace larder::featurestore {

using registry::kNoOrdinal;
using registry::Ordinal;
using registry::Reason;

namespace {

constexpr uint8_t kUnseen = 0;
constexpr uint8_t kSeenDirty = 1;
constexpr uint8_t kSeenStored = 2;

}  // namespace

void EntityState::AddTable(RowTable& table) {
  tables_.push_back(&table);
  if (tables_.size() > 1) return;
  // Until now every key seen was a candidate; from now on it takes a live row.
  std::fill(candidates_.begin(), candidates_.end(), 0);
}

Ordinal EntityState::Add(std::string_view key) {
  const Ordinal ordinal = keys_.Add(key);
  const size_t end = size_t{keys_.end()};
  if (candidates_.size() * 64 < end) candidates_.resize((end + 63) / 64);
  if (seen_.capacity() < end) seen_.EnsureSize(end);
  if (touched_.capacity() < end) touched_.EnsureSize(end);
  return ordinal;
}

void EntityState::SetCandidate(Ordinal ordinal, bool candidate) {
  const uint64_t bit = uint64_t{1} << (ordinal % 64);
  if (candidate) {
    candidates_[ordinal / 64] |= bit;
  } else {
    candidates_[ordinal / 64] &= ~bit;
  }
}

void EntityState::MarkSeen(Ordinal ordinal, bool stored) {
  if (has_tables() || (seen_[ordinal] != kUnseen && !stored)) return;
  if (stored) {
    seen_[ordinal] = kSeenStored;
  } else {
    seen_[ordinal] = kSeenDirty;
    dirty_seen_.push_back(ordinal);
  }
  SetCandidate(ordinal, true);
}

void EntityState::SeenStored(Ordinal ordinal) { seen_[ordinal] = kSeenStored; }

void EntityState::UpdateCandidate(Ordinal ordinal) {
  SetCandidate(ordinal, std::any_of(tables_.begin(), tables_.end(), [&](const RowTable* table) {
                 return table->Live(ordinal);
               }));
}

Reason EntityState::CandidateState(Ordinal ordinal) const {
  if (ordinal == kNoOrdinal) return Reason::kNotFound;
  if (IsCandidate(ordinal)) return Reason::kValid;
  const bool deleted = std::any_of(tables_.begin(), tables_.end(), [&](const RowTable* table) {
    return table->Find(ordinal) != nullptr;
  });
  return deleted ? Reason::kDeleted : Reason::kNotFound;
}

bool EntityState::Clean(Ordinal ordinal) const {
  if (seen_[ordinal] == kSeenDirty) return false;
  return std::none_of(windows_.begin(), windows_.end(), [&](const WindowTable* window) {
    const AggregateState* state = std::as_const(*window).Find(ordinal);
    return state != nullptr && state->dirty;
  });
}

size_t EntityState::Evict(size_t count, size_t limit) {
  size_t looked = 0;
  for (; looked < limit && count > 0; ++looked) {
    if (evict_at_ >= keys_.end()) evict_at_ = 0;
    const Ordinal ordinal = evict_at_++;
    if (!keys_.Contains(ordinal)) continue;
    if (touched_[ordinal].exchange(0, std::memory_order_relaxed) != 0 || !Clean(ordinal)) continue;
    for (WindowTable* window : windows_) window->Drop(ordinal);
    seen_[ordinal] = kUnseen;
    SetCandidate(ordinal, false);
    keys_.Remove(ordinal);
    complete_ = false;
    --count;
  }
  return looked;
}

}  // namespace larder::featurestore
