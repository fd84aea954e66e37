// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_SEQUENCER_H_
#define LARDER_FEATURESTORE_SEQUENCER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/sync.h"
#include "featurestore/dedupe.h"
#include "featurestore/entry.h"
#include "featurestore/log.h"
#include "featurestore/record_parser.h"
#include "featurestore/store.h"

namespace larder::featurestore {

// A batch that was checked against one revision.
struct ValidatedBatch {
  uint64_t revision = 0;
  std::string time_field;  // name of the source's time column, for messages
  std::string id_field;    // and of its id column; empty if it has none
  ParsedBatch parsed;
};

// Checks requests against revisions; implemented by the store.
// Thread-safety: thread-safe.
class BatchValidator {
 public:
  virtual ~BatchValidator() = default;
  // The revision in force after the newest applied control entry.
  virtual uint64_t LiveRevision() const = 0;
  // Against request.revision, or the live one if that is 0. The status is that of the whole batch.
  virtual StatusOr<ValidatedBatch> Validate(const IngestRequest& request) = 0;
};

// Takes synced entries in log order.
// Thread-safety: called from the sequencer's thread only; failure() from any.
class EntryConsumer {
 public:
  virtual ~EntryConsumer() = default;
  // `checksum` is that of the entry's stored bytes. May block: the log then does not run further
  // ahead of apply.
  virtual void OnSynced(std::shared_ptr<const Entry> entry, uint64_t checksum) = 0;
  // Returns when entry `number`, a revision handed over before, is applied. After an error the
  // sequencer takes nothing more.
  virtual Status WaitApplied(uint64_t number) = 0;
  // Why nothing more can be applied, or OK. For good: nothing more is admitted then.
  virtual Status failure() const = 0;
};

struct SequencerOptions {
  // Appends while the clock is more than a minute behind the last arrival (S2.1).
  bool accept_clock_skew = false;
  // Waiting batches; more are refused with kResourceExhausted. Range 1 … 65,536.
  size_t queue_batches = 256;
  // One group of entries is synced at once: at most so many, and no more once it has so many bytes.
  size_t group_batches = 64;
  size_t group_bytes = size_t{8} << 20;
};

// Where the log ends, from recovery.
struct LogEnd {
  uint64_t number = 0;
  uint64_t checksum = 0;  // of that entry
  TimeUs arrival = 0;
};

// The one thread that orders: it decides duplicates, stamps arrivals, numbers and chains entries,
// syncs a group of them at once and hands them to the consumer, in that order (S1.7, S2.1, S2.2).
//
// A revision is a barrier: nothing is sequenced between handing it over and its being applied, so
// "the live revision" is never ambiguous. Callers of everything else are answered once it is
// synced, before it is handed over. Once an append failed, what is durable is
// unknown; everything after is refused with kUnavailable until the store is opened again.
//
// All references must outlive it. Destruction refuses what is new, finishes what waits and joins.
// Thread-safety: thread-safe.
class Sequencer {
 public:
  Sequencer(SequencerOptions options, const LogEnd& end, Log& log, const Clock& clock,
            Dedupe& dedupe, BatchValidator& validator, EntryConsumer& consumer);
  ~Sequencer();
  Sequencer(const Sequencer&) = delete;
  Sequencer& operator=(const Sequencer&) = delete;

  // Validates on the caller's thread, waits for its turn and for the sync.
  // Errors: of the whole batch: the validator's; kResourceExhausted when the queue is full;
  //         kFailedPrecondition when the clock is behind (S2.1) or bulk history is too late (S2.3);
  //         kUnavailable when the log or the consumer has failed or the sequencer is stopping;
  //         kDataLoss for a damaged stored id. Per record: kInvalidArgument,
  //         kAlreadyExists.
  StatusOr<IngestResult> Ingest(const IngestRequest& request);

  // Appends a control entry; returns its position when it is durable and, for a revision, applied.
  StatusOr<Position> Control(EntryKind kind, std::string control);

  // Refuses everything new, finishes what waits. Idempotent.
  void Stop();

  size_t queued() const;
  // The newest entry that is synced.
  uint64_t synced() const;
  // Why nothing more is taken, or OK: kUnavailable naming the log's or the consumer's failure.
  Status failure() const;

 private:
  struct Item;
  struct Group;

  Status FailureLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Status AdmitLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Waits until the item is finished; returns its status.
  Status Enqueue(Item& item);
  void Finish(std::span<Item* const> items, const Status& status);
  void FinishOne(Item& item, const Status& status);

  // Below: on the sequencer's thread. A status returned is the failure after which nothing more is
  // sequenced; what concerns one item alone goes to the item.
  void Run();
  void SequenceBatch(Item& item, Group& group);
  // Errors: kFailedPrecondition if the source has live records (S2.3); SourceIds::Recall's.
  static Status RecallHistory(const Item& item, SourceIds& ids);
  // Decides each row: goes in, duplicate or refused; fills the item's result and `entry.batch`.
  void SelectRows(Item& item, SourceIds& ids, Entry& entry) const;
  Status SequenceRevision(Item& item);
  // False if the item is refused, and so finished.
  bool AddControl(Item& item, Group& group);
  StatusOr<TimeUs> StampArrival() const;
  void Add(std::shared_ptr<const Entry> entry, Group& group);
  // Syncs the group, finishes its items and hands it over.
  Status Commit(Group& group);
  Status Fail(const Status& status);

  const SequencerOptions options_;
  Log& log_;
  const Clock& clock_;
  Dedupe& dedupe_;
  BatchValidator& validator_;
  EntryConsumer& consumer_;

  // Of the newest entry that was encoded; of the sequencer's thread.
  LogEnd end_;

  mutable Mutex mutex_;
  CondVar work_;      // for the sequencer
  CondVar finished_;  // for callers
  std::deque<Item*> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  size_t callers_ ABSL_GUARDED_BY(mutex_) = 0;  // that wait in Enqueue
  Status failure_ ABSL_GUARDED_BY(mutex_);
  uint64_t synced_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_SEQUENCER_H_
