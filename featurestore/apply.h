// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_APPLY_H_
#define LARDER_FEATURESTORE_APPLY_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <thread>

#include "base/status.h"
#include "base/sync.h"
#include "featurestore/applier.h"
#include "featurestore/checkpoint.h"
#include "featurestore/entry.h"
#include "featurestore/position.h"
#include "featurestore/sequencer.h"

namespace larder::featurestore {

// Keeps apply between two entries. Fair: apply cannot take it twice while somebody waits.
class ABSL_LOCKABLE ApplyGate {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    next_.Lock();
    current_.Lock();
    next_.Unlock();
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS { current_.Unlock(); }

 private:
  Mutex next_;
  Mutex current_;
};

class ABSL_SCOPED_LOCKABLE GateLock {
 public:
  explicit GateLock(ApplyGate& gate) ABSL_EXCLUSIVE_LOCK_FUNCTION(gate) : gate_(gate) {
    gate_.Lock();
  }
  ~GateLock() ABSL_UNLOCK_FUNCTION() { gate_.Unlock(); }
  GateLock(const GateLock&) = delete;
  GateLock& operator=(const GateLock&) = delete;

 private:
  ApplyGate& gate_;
};

// The thread that applies synced entries in order, from a bounded queue.
//
// A revision is followed by a checkpoint before the next entry, so that no blob of a definition is
// ever stored before a checkpoint that has the definition.
// Thread-safety: thread-safe.
class ApplyThread : public EntryConsumer {
 public:
  // `on_control` is called after each applied control entry, on this thread.
  ApplyThread(Applier& applier, Checkpointer& checkpointer, ApplyGate& gate, Position applied,
              std::function<void()> on_control);
  ~ApplyThread() override;

  // Blocks while the queue is full. After a failure the entry is dropped: the log has it.
  void OnSynced(std::shared_ptr<const Entry> entry, uint64_t checksum) override;
  Status WaitApplied(uint64_t number) override;
  // What a control entry that is applied decided; remembered for the newest few hundred.
  StatusOr<uint64_t> Decision(uint64_t number) const;

  // Errors: kUnavailable if `position` is not applied at the deadline (S2.4), or never will be;
  // kCancelled soon after `cancelled`, if there is one, is true.
  Status WaitPosition(Position position, std::chrono::steady_clock::time_point deadline,
                      const std::function<bool()>& cancelled);

  // Applies what waits, then ends the thread. Idempotent.
  void Stop();
  // Why nothing is applied any more, kUnavailable: the disk failed, or an encoder.
  Status failure() const override;
  // Entries applied since the start.
  uint64_t applied_entries() const;

 private:
  struct Waiting {
    std::shared_ptr<const Entry> entry;
    uint64_t checksum = 0;
  };

  void Run();
  Status FailureLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Published(Position applied);

  Applier& applier_;
  Checkpointer& checkpointer_;
  ApplyGate& gate_;
  const std::function<void()> on_control_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Waiting> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queued_records_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t applied_entry_ ABSL_GUARDED_BY(mutex_);
  Position applied_ ABSL_GUARDED_BY(mutex_);
  uint64_t applied_entries_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, StatusOr<uint64_t>> decisions_ ABSL_GUARDED_BY(mutex_);
  Status failure_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_APPLY_H_
