// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_HOUSEKEEPER_H_
#define LARDER_FEATURESTORE_HOUSEKEEPER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <thread>
#include <utility>

#include "base/status.h"
#include "base/sync.h"
#include "featurestore/apply.h"
#include "featurestore/checkpoint.h"
#include "featurestore/snapshot.h"

namespace larder::featurestore {

struct HousekeeperOptions {
  size_t checkpoint_entries = 4'096;
  std::chrono::milliseconds checkpoint_every{5'000};
  size_t cached_keys = 1'000'000;
};

// The thread of everything that apply must not wait for: checkpoints behind it, keys that readers
// had to load taken into memory, and clean keys of entities that are not resident dropped beyond
// the cache's size.
// Thread-safety: thread-safe.
class Housekeeper {
 public:
  Housekeeper(const HousekeeperOptions& options, StoreState& state, SharedMutex& lock, StateDb& db,
              ApplyGate& gate, const ApplyThread& apply, Checkpointer& checkpointer);
  ~Housekeeper();

  // Asks for keys to be taken into memory; beyond a bound they are forgotten.
  void Warm(LoadedKeys keys);
  void Stop();

 private:
  void Run();
  bool CheckpointIsDue();
  void TakeIn(const LoadedKeys& keys);

  const HousekeeperOptions options_;
  StoreState& state_;
  SharedMutex& lock_;
  StateDb& db_;
  ApplyGate& gate_;
  const ApplyThread& apply_;
  Checkpointer& checkpointer_;

  // Of the thread.
  uint64_t checkpoint_at_ = 0;  // applied entries at the last checkpoint
  std::chrono::steady_clock::time_point last_;

  Mutex mutex_;
  CondVar changed_;
  LoadedKeys warm_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_HOUSEKEEPER_H_
