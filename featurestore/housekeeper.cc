// SPDX-License-Identifier: Apache-2.0
#include "featurestore/housekeeper.h"

#include <optional>

#include "featurestore/evict.h"
#include "featurestore/key_loader.h"

namespace larder::featurestore {

using std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds kTick{100};
constexpr size_t kMaxWarm = 10'000;

}  // namespace

Housekeeper::Housekeeper(const HousekeeperOptions& options, StoreState& state, SharedMutex& lock,
                         StateDb& db, ApplyGate& gate, const ApplyThread& apply,
                         Checkpointer& checkpointer)
    : options_(options),
      state_(state),
      lock_(lock),
      db_(db),
      gate_(gate),
      apply_(apply),
      checkpointer_(checkpointer),
      last_(steady_clock::now()) {
  thread_ = std::thread([this] { Run(); });
}

Housekeeper::~Housekeeper() { Stop(); }

void Housekeeper::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Housekeeper::Warm(LoadedKeys keys) {
  MutexLock lock(mutex_);
  if (warm_.size() + keys.size() > kMaxWarm) return;
  warm_.insert(warm_.end(), std::make_move_iterator(keys.begin()),
               std::make_move_iterator(keys.end()));
  changed_.SignalAll();
}

bool Housekeeper::CheckpointIsDue() {
  const uint64_t entries = apply_.applied_entries() - checkpoint_at_;
  if (entries == 0 && checkpointer_.failure().ok()) {
    last_ = steady_clock::now();
    return false;
  }
  return entries >= options_.checkpoint_entries ||
         steady_clock::now() - last_ >= options_.checkpoint_every;
}

void Housekeeper::Run() {
  while (true) {
    LoadedKeys warm;
    {
      MutexLock lock(mutex_);
      if (!stopping_ && warm_.empty()) {
        changed_.WaitUntil(mutex_, steady_clock::now() + kTick);
      }
      if (stopping_) return;
      warm = std::exchange(warm_, {});
    }
    if (!warm.empty()) TakeIn(warm);
    if (!CheckpointIsDue()) continue;
    checkpoint_at_ = apply_.applied_entries();
    last_ = steady_clock::now();
    // A failure is tried again when the next one is due, and shows meanwhile (Store::Health).
    if (!checkpointer_.Run().ok()) continue;
    const GateLock gate(gate_);
    EvictCleanKeys(state_, lock_, checkpointer_, options_.cached_keys);
  }
}

void Housekeeper::TakeIn(const LoadedKeys& keys) {
  // Apply stands still: a key must not be loaded while apply makes it anew.
  const GateLock gate(gate_);
  for (const auto& [name, key] : keys) {
    EntityState* entity = state_.FindEntity(name);
    if (entity == nullptr || entity->complete()) continue;
    if (std::as_const(*entity).keys().Find(key) != registry::kNoOrdinal) continue;
    StatusOr<std::optional<LoadedKey>> loaded = LoadKey(db_, state_, *entity, key);
    if (!loaded.ok() || !loaded->has_value()) continue;
    WriterLock lock(lock_);
    (*loaded)->Install();
  }
}

}  // namespace larder::featurestore
