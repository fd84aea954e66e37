// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_SERVING_FAKE_STORE_H_
#define LARDER_TESTS_SERVING_FAKE_STORE_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/sync.h"
#include "featurestore/store.h"

namespace larder::serving {

// monostate is null.
using FakeValue =
    std::variant<std::monostate, int64_t, double, std::string, std::vector<std::string>>;

// A store in plain maps: rows and aggregates are what the test says, reads are as slow and obvious
// as can be. Vectors come from the embedder when a row is set, as apply would do it.
// Thread-safety: thread-safe, with the real store's kind of lock.
class FakeStore : public featurestore::Store {
 public:
  FakeStore(featurestore::ArtifactStore& artifacts, registry::TextEmbedder& embedder,
            featurestore::RowSink& sink)
      : artifacts_(artifacts), embedder_(embedder), sink_(sink) {}

  void SetRow(const std::string& table, const std::string& key,
              std::map<std::string, FakeValue> values, TimeUs time = 1'000);
  void DeleteRow(const std::string& table, const std::string& key);
  // By the aggregate's name, "quality.clicks"; unset reads 0 or an empty list.
  void SetAggregate(const std::string& name, const std::string& key, FakeValue value);
  // Vectors of this feature are incomplete until an activation.
  void SetInactive(const std::string& vector_feature,
                   std::vector<featurestore::VectorInput> missing);
  // Makes `min_position` beyond the current one fail, as after a deadline.
  featurestore::Position position() const { return {position_.load()}; }

  std::function<StatusOr<featurestore::IngestResult>(const featurestore::IngestRequest&)> on_ingest;
  // Called for every read of a stored feature; its error is the read's.
  std::function<Status(const registry::StoredFeature&, std::span<const registry::Ordinal>)> on_read;
  // Called by FindPendingVectors; it may throw.
  std::function<void()> on_missing;
  std::atomic<bool> broken{false};
  // Errors to give, the next first.
  std::vector<Status> activate_errors;
  std::vector<featurestore::Activation> activations;
  // Reads that wait for a position now, and the deadline of the last one.
  std::atomic<int> waiting{0};
  std::atomic<std::chrono::steady_clock::time_point> last_deadline{};

  StatusOr<featurestore::IngestResult> Ingest(const featurestore::IngestRequest& request) override;
  StatusOr<uint64_t> Propose(registry::RevisionRecord record,
                             featurestore::Position* position) override;
  StatusOr<featurestore::Position> Activate(const featurestore::Activation& activation) override;
  StatusOr<std::unique_ptr<featurestore::Snapshot>> Read(
      featurestore::Position min_position,
      std::chrono::steady_clock::time_point deadline,
      const std::function<bool()>& cancelled = {}) override;
  StatusOr<featurestore::PendingVectors> FindPendingVectors(
      const Digest& feature, registry::Ordinal from,
      const featurestore::PendingLimits& limits) override;
  StatusOr<StateHash> ComputeStateHash() override { return StateHash{{1, 2}, position()}; }
  Status Checkpoint() override { return OkStatus(); }
  Status Health() const override {
    return broken ? Unavailable("apply has stopped: test") : OkStatus();
  }
  featurestore::StoreStats Stats() const override;
  const Clock& clock() const override { return clock_; }

 private:
  friend class FakeSnapshot;
  struct Entity {
    std::vector<std::string> keys;
    std::map<std::string, registry::Ordinal, std::less<>> ordinals;
    std::vector<uint64_t> candidates;
    std::set<registry::Ordinal> deleted;
  };
  struct Row {
    std::map<std::string, FakeValue> values;
    TimeUs time = 0;
  };

  registry::Ordinal OrdinalOf(const std::string& entity, const std::string& key);
  void UpdateVectors(const std::string& table, registry::Ordinal ordinal, const Row* row);

  featurestore::ArtifactStore& artifacts_;
  registry::TextEmbedder& embedder_;
  featurestore::RowSink& sink_;
  ManualClock clock_{1'000'000};
  mutable SharedMutex lock_;  // writers are the methods above, readers the snapshots
  registry::History history_;
  std::atomic<uint64_t> position_{1};
  std::map<std::string, Entity, std::less<>> entities_;
  std::map<std::string, std::map<registry::Ordinal, Row>> tables_;
  std::map<std::string, std::map<std::string, FakeValue>> aggregates_;
  std::map<Digest, std::map<registry::Ordinal, std::vector<int8_t>>> vectors_;
  std::map<Digest, std::vector<featurestore::VectorInput>> inactive_;
  std::set<Digest> ready_;
};

}  // namespace larder::serving

#endif  // LARDER_TESTS_SERVING_FAKE_STORE_H_
