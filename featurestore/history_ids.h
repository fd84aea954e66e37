// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_HISTORY_IDS_H_
#define LARDER_FEATURESTORE_HISTORY_IDS_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/status.h"
#include "base/sync.h"
#include "featurestore/position.h"
#include "featurestore/rocksdb_state.h"

namespace larder::featurestore {

// The record that had an id first.
struct OriginalRecord {
  Hash128 payload_hash;
  Position position;
};

// The ids of one source's bulk history that its DedupeIndex has no room for, so that history is
// deduplicated exactly, however long it is (S1.7): in memory until a checkpoint stores them, then
// on disk. They are needed until the source's first live append (S2.3).
//
// Thread-safety: Add, FindInMemory and Find by one thread; Take, Stored and Close by one other.
// Cost: about 100 B of memory per id until the next checkpoint, then 80 B of disk.
class HistoryIds {
 public:
  // `db` must outlive it.
  HistoryIds(std::string source, StateDb& db) : source_(std::move(source)), db_(db) {}

  // Nothing happens once Close was called. Positions must not decrease.
  void Add(const Hash128& id, const OriginalRecord& original);
  std::optional<OriginalRecord> FindInMemory(const Hash128& id) const;
  // In memory, then on disk: an id leaves memory only once it is on disk.
  // Errors: kDataLoss naming the blob; the disk's. Cost: a disk read, if a Bloom filter passes it.
  StatusOr<std::optional<OriginalRecord>> Find(const Hash128& id);

  // Up to `limit` ids at or before `last`, for the checkpoint. They stay in memory until Stored is
  // called.
  struct Id {
    Hash128 id;
    OriginalRecord original;
  };
  std::vector<Id> Take(Position last, size_t limit);
  // What was taken is on disk.
  void Stored();
  // Forgets what is not stored, for good.
  void Close();

 private:
  // Whether there may be ids on disk, from this run or an earlier one.
  StatusOr<bool> AnyOnDisk();

  const std::string source_;
  StateDb& db_;
  std::optional<bool> found_on_disk_;  // of the thread that calls Find

  mutable Mutex mutex_;
  std::unordered_map<Hash128, OriginalRecord> in_memory_ ABSL_GUARDED_BY(mutex_);
  // Of those, not taken yet and taken, in order of position.
  std::deque<Hash128> waiting_ ABSL_GUARDED_BY(mutex_);
  std::vector<Hash128> taken_ ABSL_GUARDED_BY(mutex_);
  bool took_any_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

// The body of a stored id's blob; its position is the record's.
std::string EncodeHistoryId(const Hash128& payload_hash);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_HISTORY_IDS_H_
