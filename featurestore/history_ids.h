// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_HISTORY_IDS_H_
#define LARDER_FEATURESTORE_HISTORY_IDS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/status.h"
#include "base/sync.h"
#include "featurestore/position.h"
#include "featurestore/record_batch.h"
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
// Thread-safety: Add, Recall and Find by one thread; Take, Stored and Close by one other.
// Cost: Recall one read of a block with a Bloom filter before it per id; 80 B of disk per id.
class HistoryIds {
 public:
  // `db` must outlive it.
  HistoryIds(std::string source, StateDb& db) : source_(std::move(source)), db_(db) {}

  // Nothing happens once Close was called.
  void Add(const Hash128& id, const OriginalRecord& original);
  // Reads what is stored of these ids, so that Find knows it until the next call.
  // Errors: kDataLoss naming the blob; the disk's.
  Status Recall(std::span<const RecordInfo> infos);
  std::optional<OriginalRecord> Find(const Hash128& id) const;

  // The ids at or before `last`, for the checkpoint. They stay known until Stored is called, before
  // which Take must not be called again.
  struct Id {
    Hash128 id;
    OriginalRecord original;
  };
  std::vector<Id> Take(Position last);
  void Stored();
  // Forgets what is not stored, for good.
  void Close();

 private:
  const std::string source_;
  StateDb& db_;
  std::unordered_map<Hash128, OriginalRecord> recalled_;  // of the thread that calls Recall

  mutable Mutex mutex_;
  std::unordered_map<Hash128, OriginalRecord> waiting_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<Hash128, OriginalRecord> taken_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

// The body of a stored id's blob; its position is the record's.
std::string EncodeHistoryId(const Hash128& payload_hash);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_HISTORY_IDS_H_
