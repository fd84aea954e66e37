// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_DEDUPE_H_
#define LARDER_FEATURESTORE_DEDUPE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/status.h"
#include "base/sync.h"
#include "featurestore/entry.h"
#include "featurestore/history_ids.h"
#include "featurestore/position.h"
#include "featurestore/rocksdb_state.h"

namespace larder::featurestore {

// The newest record ids of one source, by count (S1.7): id → payload hash and position. A ring of
// records in log order and, over it, an open hash table of 4-byte slots.
//
// Thread-safety: one thread calls Find and Add; size(), oldest() and duplicates() any thread.
// Cost: 40 B per id in the ring, 4.6–9.2 B in the table; Find and Add O(1).
class DedupeIndex {
 public:
  // Is told what is forgotten, before oldest() says so.
  using OnForget = std::function<void(const Hash128& id, const OriginalRecord& original)>;

  // `capacity` in 1 … 2^25.
  explicit DedupeIndex(size_t capacity, OnForget on_forget = {});

  std::optional<OriginalRecord> Find(const Hash128& id) const;
  // Remembers a record that is not remembered yet (else nothing happens: replay may overlap what
  // was restored); beyond the capacity the oldest is forgotten. Positions must not decrease.
  void Add(const Hash128& id, const Hash128& payload_hash, Position position);
  void CountDuplicate() { duplicates_.fetch_add(1, std::memory_order_relaxed); }

  size_t size() const { return size_.load(std::memory_order_relaxed); }
  // Of the oldest remembered id; Position{} if there is none. Stored EntryIds of earlier entries
  // are no longer needed.
  Position oldest() const { return Position{oldest_.load(std::memory_order_acquire)}; }
  uint64_t duplicates() const { return duplicates_.load(std::memory_order_relaxed); }

 private:
  struct Record {
    Hash128 id;
    OriginalRecord original;
  };
  static constexpr size_t kChunkRecords = size_t{1} << 14;
  static constexpr size_t kTables = 256;  // each grows alone, so that no growth stalls an append
  static constexpr uint32_t kIndexMask = (uint32_t{1} << 26) - 1;
  // A slot is ring index + 1 in the low 26 bits and 6 bits of the hash above; 0 is empty.
  struct Table {
    std::vector<uint32_t> slots;  // a power of two
    size_t used = 0;
  };

  Record& At(size_t index) const {
    return chunks_[index / kChunkRecords][index % kChunkRecords];
  }
  static size_t TableOf(const Hash128& id) { return id.high & (kTables - 1); }
  static uint32_t Tag(const Hash128& id) {
    return static_cast<uint32_t>(id.high >> 58) << 26;
  }
  size_t Home(const Table& table, const Hash128& id) const {
    return id.low & (table.slots.size() - 1);
  }
  void Insert(Table& table, const Hash128& id, size_t ring_index);
  void Grow(Table& table);
  void Erase(const Hash128& id, size_t ring_index);

  const size_t capacity_;
  const OnForget on_forget_;
  std::vector<std::unique_ptr<Record[]>> chunks_;
  std::array<Table, kTables> tables_;
  size_t head_ = 0;  // ring index of the oldest once the ring is full
  std::atomic<size_t> size_{0};
  std::atomic<uint64_t> oldest_{0};
  std::atomic<uint64_t> duplicates_{0};
};

// The ids of one data entry, as written behind with a checkpoint (S1.7) and read back at start.
// On disk: docs/formats/log.md.
struct EntryIds {
  uint64_t entry = 0;
  std::string source;
  struct Id {
    Hash128 id;
    Hash128 payload_hash;
  };
  std::vector<Id> ids;  // by index in the entry's batch
};
// `entry` must be a data entry.
std::string EncodeIds(const Entry& entry);
// Errors: kDataLoss; kUnimplemented for a newer format.
StatusOr<EntryIds> DecodeIds(std::string_view bytes);

// The record ids of one source: the newest, and all of its bulk history until its first live append
// (S1.7, S2.3).
// Thread-safety: newest() and history() as their types say; the rest one thread.
class SourceIds {
 public:
  // `db` must outlive it.
  SourceIds(const std::string& source, size_t capacity, StateDb& db)
      : history_(source, db),
        newest_(capacity, [this](const Hash128& id, const OriginalRecord& original) {
          history_.Add(id, original);
        }) {}
  SourceIds(const SourceIds&) = delete;
  SourceIds& operator=(const SourceIds&) = delete;

  // Once for a batch of bulk history, before any of it is added: looks everywhere, so that FindAny
  // knows these ids. Errors: as HistoryIds::Find.
  Status Recall(std::span<const RecordInfo> infos);
  // Of bulk history; of what was added since Recall, also what is not among the newest any more.
  std::optional<OriginalRecord> FindAny(const Hash128& id) const;

  // The entry of the first live append; 0: there is none yet, so bulk history may come.
  uint64_t first_live() const { return first_live_; }
  void NoteLive(uint64_t entry) {
    if (first_live_ == 0) first_live_ = entry;
  }

  DedupeIndex& newest() { return newest_; }
  const DedupeIndex& newest() const { return newest_; }
  HistoryIds& history() { return history_; }

 private:
  HistoryIds history_;
  DedupeIndex newest_;
  std::unordered_map<Hash128, OriginalRecord> recalled_;
  uint64_t first_live_ = 0;
};

// The ids of all sources. They are state derived from the log: at start the stored EntryIds in
// order of entry, then the entries after the checkpoint, before the first append.
// Thread-safety: For() any thread, and what it returns as SourceIds says; Stats() any thread; Add()
// one.
class Dedupe {
 public:
  // `db` must outlive it.
  Dedupe(size_t ids_per_source, StateDb& db) : ids_per_source_(ids_per_source), db_(db) {}

  // Made when first asked for; lives as long as this object.
  SourceIds& For(std::string_view source);
  void Add(const EntryIds& ids);
  // Data entries only; others are ignored.
  void Add(const Entry& entry);

  struct SourceStats {
    uint64_t ids = 0;
    uint64_t duplicates = 0;
  };
  std::map<std::string, SourceStats> Stats() const;

 private:
  const size_t ids_per_source_;
  StateDb& db_;
  mutable Mutex mutex_;
  std::map<std::string, std::unique_ptr<SourceIds>, std::less<>> sources_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_DEDUPE_H_
