// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_ENTITY_STATE_H_
#define LARDER_FEATURESTORE_ENTITY_STATE_H_

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "featurestore/chunked_array.h"
#include "featurestore/key_table.h"
#include "featurestore/row_table.h"
#include "featurestore/vector_table.h"
#include "featurestore/window_table.h"
#include "registry/column.h"

namespace larder::featurestore {

// The keys of one entity, with the tables that are indexed by their ordinals and the candidates
// among them (S5.2).
//
// Entities that are candidates or have tables are resident: all their keys are in memory. Others
// may be partial: keys whose state is stored are dropped and loaded again when they are touched.
// Thread-safety: one writer, which excludes readers; Touch any reader.
class EntityState {
 public:
  explicit EntityState(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  KeyTable& keys() { return keys_; }
  const KeyTable& keys() const { return keys_; }

  bool resident() const { return candidate_ || !tables_.empty(); }
  // All keys with state are in memory: one that is not found has no state.
  bool complete() const { return complete_; }
  void set_complete(bool complete) { complete_ = complete; }
  void set_candidate() { candidate_ = true; }
  bool has_tables() const { return !tables_.empty(); }

  void AddTable(RowTable& table);
  void AddWindow(WindowTable& window) { windows_.push_back(&window); }
  std::span<RowTable* const> tables() const { return tables_; }
  std::span<WindowTable* const> windows() const { return windows_; }

  // Adds the key if it is new.
  registry::Ordinal Add(std::string_view key);
  // S5.1: a record named this key. Kept only while the entity has no tables; `stored`: it is
  // already in a blob.
  void MarkSeen(registry::Ordinal ordinal, bool stored = false);
  // That the key is in a blob now.
  void SeenStored(registry::Ordinal ordinal);
  // Call when a row of the key changed.
  void UpdateCandidate(registry::Ordinal ordinal);

  std::span<const uint64_t> candidates() const { return candidates_; }
  bool IsCandidate(registry::Ordinal ordinal) const {
    return ordinal / 64 < candidates_.size() &&
           ((candidates_[ordinal / 64] >> (ordinal % 64)) & 1) != 0;
  }
  // kValid for a candidate, else kDeleted or kNotFound.
  registry::Reason CandidateState(registry::Ordinal ordinal) const;

  std::vector<registry::Ordinal> TakeDirtySeen() { return std::exchange(dirty_seen_, {}); }
  size_t dirty_seen_count() const { return dirty_seen_.size(); }

  // That a reader used the key, so that it stays in the cache for a while.
  void Touch(registry::Ordinal ordinal) const {
    if (ordinal < touched_.capacity()) touched_[ordinal].store(1, std::memory_order_relaxed);
  }
  // Drops up to `count` keys whose state is all stored and that were not touched since the last
  // round. Only while nothing is being written; returns how many keys were looked at.
  size_t Evict(size_t count, size_t limit);

 private:
  bool Clean(registry::Ordinal ordinal) const;
  void SetCandidate(registry::Ordinal ordinal, bool candidate);

  std::string name_;
  KeyTable keys_;
  bool candidate_ = false;
  bool complete_ = true;
  std::vector<RowTable*> tables_;
  std::vector<WindowTable*> windows_;
  std::vector<uint64_t> candidates_;
  ChunkedArray<uint8_t> seen_;
  std::vector<registry::Ordinal> dirty_seen_;
  mutable ChunkedArray<std::atomic<uint8_t>> touched_;
  registry::Ordinal evict_at_ = 0;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_ENTITY_STATE_H_
