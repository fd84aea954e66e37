// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_CHECKPOINT_H_
#define LARDER_FEATURESTORE_CHECKPOINT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/sync.h"
#include "featurestore/dedupe.h"
#include "featurestore/position.h"
#include "featurestore/rocksdb_state.h"
#include "featurestore/store_state.h"

namespace larder::featurestore {

// The checkpoint record (S11): every fold at or before `position` is in a durable blob.
struct CheckpointRecord {
  Position position;
  uint64_t checksum = 0;  // of the log entry of `position`
  TimeUs last_arrival = 0;
  struct Source {
    uint64_t records = 0;
    uint64_t skipped = 0;
    uint64_t first_live = 0;  // SourceState::first_live
  };
  std::map<std::string, Source, std::less<>> sources;  // as of `position`
  // How many keys each entity had; the greatest number if they were not all in memory.
  std::map<std::string, uint64_t, std::less<>> keys;
};
std::string EncodeCheckpoint(const CheckpointRecord& record);
StatusOr<CheckpointRecord> DecodeCheckpoint(std::string_view bytes);

// Lanes of the running state hash, added without order (S10).
inline void AddShare(Hash128& sum, const Hash128& share) {
  sum.high += share.high;
  sum.low += share.low;
}
inline void SubtractShare(Hash128& sum, const Hash128& share) {
  sum.high -= share.high;
  sum.low -= share.low;
}

// Writes dirty state behind apply: collects a few hundred blobs at a time under the reader lock,
// writes them without it, then the checkpoint record, synced. Each write carries the running state
// hash of the blobs that are then stored, so any prefix of the writes is consistent.
//
// A write that failed is tried again, as it was, by the next Run: whether it was stored or not, the
// state is consistent before and after.
// Thread-safety: thread-safe; runs exclude each other.
class Checkpointer {
 public:
  Checkpointer(StoreState& state, SharedMutex& lock, StateDb& db, Dedupe& dedupe)
      : state_(state), lock_(lock), db_(db), dedupe_(dedupe) {}

  // What recovery found.
  void Restore(Position position, const Hash128& sum);

  // Writes everything that was dirty when it began. Errors: the disk's.
  Status Run();
  // What the last Run failed with, kUnavailable; OK if it succeeded.
  Status failure() const;
  // Runs `idle` while no write is under way and all that was collected is written.
  void WhileIdle(const std::function<void()>& idle);

  Position position() const;
  // The state hash as of the last Run, if nothing was applied since.
  Hash128 sum() const;

 private:
  // The dirty blobs of one table: of the one that is set, or the keys seen of the entity.
  struct Part {
    EntityState* entity = nullptr;
    RowTable* rows = nullptr;
    VectorTable* vectors = nullptr;
    WindowTable* windows = nullptr;
    std::vector<registry::Ordinal> ordinals;
    size_t collected = 0;  // of them
  };
  // Everything dirty at one position.
  struct Work {
    CheckpointRecord record;
    std::vector<Part> parts;  // in the order in which they are written
    std::vector<ControlNote> notes;
    std::vector<StoreState::NewIds> ids;
  };

  Work Take();
  // Writes what is left of `work_`.
  Status Finish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  // A few hundred blobs under each hold of the reader lock.
  Status WritePart(Part& part) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  void WriteBlob(const Part& part, registry::Ordinal ordinal)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  void WriteWindow(WindowTable& table, const EntityState& entity, registry::Ordinal ordinal)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  void WriteRow(RowTable& table, const EntityState& entity, registry::Ordinal ordinal)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  void WriteVector(VectorTable& table, const EntityState& entity, registry::Ordinal ordinal)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  void WriteSeen(EntityState& entity, registry::Ordinal ordinal)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  void WriteLayouts() ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  // By source: the first entry whose ids are still needed.
  using OldestEntries = std::map<std::string, uint64_t>;
  // Of bulk history, ids from before those entries are kept one by one.
  StatusOr<OldestEntries> WriteHistoryIds() ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  void DropIds(const OldestEntries& oldest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  // Writes the batch, which stays as it is if that fails.
  Status Flush(bool sync) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);

  StoreState& state_;
  SharedMutex& lock_;
  StateDb& db_;
  Dedupe& dedupe_;

  Mutex run_mutex_;
  std::optional<Work> work_ ABSL_GUARDED_BY(run_mutex_);  // under way, or left by a failure
  std::unique_ptr<StateDb::Batch> batch_ ABSL_GUARDED_BY(run_mutex_);
  bool batch_complete_ ABSL_GUARDED_BY(run_mutex_) = false;  // it has its sum; write it as it is
  Hash128 running_sum_ ABSL_GUARDED_BY(run_mutex_);
  std::map<std::string, uint64_t> ids_dropped_ ABSL_GUARDED_BY(run_mutex_);

  mutable Mutex mutex_;
  Status failure_ ABSL_GUARDED_BY(mutex_);
  Position position_ ABSL_GUARDED_BY(mutex_);
  Hash128 sum_ ABSL_GUARDED_BY(mutex_);
};

// The shares of the state hash (S10).
Hash128 WindowShare(const Digest& aggregate, std::string_view key, std::string_view canonical);
Hash128 RowShare(std::string_view table, std::string_view key, std::string_view canonical);
Hash128 VectorShare(const Digest& feature, std::string_view key, std::string_view canonical);
Hash128 SeenShare(std::string_view entity, std::string_view key);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_CHECKPOINT_H_
