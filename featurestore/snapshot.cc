// SPDX-License-Identifier: Apache-2.0
#include "featurestore/snapshot.h"

#include <algorithm>
#include <optional>

#include "featurestore/state_reader.h"

namespace larder::featurestore {
namespace {

class SnapshotImpl : public Snapshot {
 public:
  SnapshotImpl(const StoreState& state, SharedMutex& lock, StateDb& db, const Clock& clock,
               std::function<void(LoadedKeys)> on_loaded) ABSL_NO_THREAD_SAFETY_ANALYSIS
      : state_(state), lock_(lock), on_loaded_(std::move(on_loaded)) {
    lock_.ReaderLock();
    position_ = state_.applied;
    time_ = std::max(clock.Now(), state_.last_arrival + 1);
    reader_.emplace(state_, db, time_);
  }

  ~SnapshotImpl() override ABSL_NO_THREAD_SAFETY_ANALYSIS {
    LoadedKeys loaded = reader_->TakeLoaded();
    lock_.ReaderUnlock();
    if (!loaded.empty() && on_loaded_) on_loaded_(std::move(loaded));
  }

  Position position() const override { return position_; }
  TimeUs time() const override { return time_; }
  const registry::History& history() const override { return state_.history(); }
  bool IsActive(const registry::StoredFeature& feature) const override {
    return state_.IsActive(feature);
  }

  std::span<const uint64_t> Candidates(std::string_view entity) const override {
    const EntityState* found = state_.FindEntity(entity);
    return found == nullptr ? std::span<const uint64_t>() : found->candidates();
  }
  registry::Reason CandidateState(std::string_view entity,
                                  registry::Ordinal ordinal) const override {
    return reader_->CandidateState(entity, ordinal);
  }

  void FindKeys(std::string_view entity, std::span<const std::string_view> keys,
                std::span<registry::Ordinal> ordinals) override {
    reader_->FindKeys(entity, keys, ordinals);
  }
  std::string_view KeyOf(std::string_view entity, registry::Ordinal ordinal) override {
    return reader_->KeyOf(entity, ordinal);
  }
  Status Read(const registry::StoredFeature& feature, std::span<const registry::Ordinal> ordinals,
              bool want_times, registry::Column& out) override {
    return reader_->Read(feature, ordinals, want_times, out);
  }

 private:
  const StoreState& state_;
  SharedMutex& lock_;
  std::function<void(LoadedKeys)> on_loaded_;
  Position position_;
  TimeUs time_ = 0;
  std::optional<StateReader> reader_;
};

}  // namespace

std::unique_ptr<Snapshot> MakeSnapshot(const StoreState& state, SharedMutex& lock, StateDb& db,
                                       const Clock& clock,
                                       std::function<void(LoadedKeys)> on_loaded) {
  return std::make_unique<SnapshotImpl>(state, lock, db, clock, std::move(on_loaded));
}

}  // namespace larder::featurestore
