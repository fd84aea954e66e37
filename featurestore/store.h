// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_STORE_H_
#define LARDER_FEATURESTORE_STORE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/status.h"
#include "featurestore/artifact_store.h"
#include "featurestore/entry.h"
#include "featurestore/position.h"
#include "featurestore/row_sink.h"
#include "featurestore/vector_table.h"
#include "registry/history.h"
#include "registry/stored_feature.h"

namespace rocksdb {
class Env;
}

namespace larder::featurestore {

struct StoreOptions {
  // Where everything lies: log/, state/, artifacts/, LOCK. Made if missing.
  std::string dir;
  // For own files and, below, for RocksDB (null: the machine's). Injected by tests.
  FileSystem* fs = &FileSystem::Posix();
  rocksdb::Env* env = nullptr;
  const Clock* clock = &Clock::System();
  // Appends while the clock is more than a minute behind the last arrival (S2.1).
  bool accept_clock_skew = false;
  // Newest record ids remembered per source (S1.7); those of bulk history beyond it lie on disk
  // until the source's first live append. Range 1,024 … 2^25; memory 40 B each.
  size_t dedupe_ids = size_t{1} << 25;
  // Batches waiting for the sequencer; more answer kResourceExhausted. Range 1 … 65,536.
  size_t queue_batches = 256;
  // Log entries applied but not yet durable as state before a checkpoint starts, and the longest
  // time between checkpoints. Lower: faster restart, more writing.
  // While checkpoints fail, ingest is refused once kUnstoredFactor times as many entries wait.
  size_t checkpoint_entries = 4'096;
  static constexpr size_t kUnstoredFactor = 4;
  std::chrono::milliseconds checkpoint_every{5'000};
  // Keys of entities that are no candidates kept in memory (clean ones are dropped beyond it).
  size_t cached_keys = 1'000'000;
  Status Validate() const;
};

// How the bytes of a record are read.
enum class RecordFormat : uint8_t {
  kJson = 1,      // one JSON object, values typed
  kJsonText = 2,  // one JSON object whose scalars may be text (from CSV); "" is null
};

struct IngestRequest {
  std::string source;
  uint64_t revision = 0;  // 0: the live one (S1.9)
  std::string producer;   // with `sequence`: reserved for resumption (S1.7)
  uint64_t sequence = 0;
  RecordFormat format = RecordFormat::kJson;
  // Bulk history: arrival is declared, for each record its time plus the source's `delay:`, or now
  // if that is earlier. Until the source's first live append (S2.3).
  bool history = false;
  std::vector<std::string_view> records;  // live until the call returns
};

struct RecordResult {
  Status status;      // OK: durable. kInvalidArgument names field, expected, got …
  Position position;  // of the record, or of its original if `duplicate`
  bool duplicate = false;
};

struct IngestResult {
  std::vector<RecordResult> records;  // in request order
  Position last;                      // the greatest position in it; wait for it with min_position
};

// What one read sees: everything up to `position()`, at time `time()` (R1, S2.4), and nothing
// after. Holds the store's reader lock: keep it short, do not wait or take another in it.
// Thread-safety: single-thread.
class Snapshot : public registry::FeatureReader {
 public:
  virtual Position position() const = 0;
  virtual TimeUs time() const = 0;
  virtual const registry::History& history() const = 0;
  // True once a stored feature has all of its past (S7.5).
  virtual bool IsActive(const registry::StoredFeature& feature) const = 0;
  registry::History::IsActive active() const {
    return [this](const registry::StoredFeature& feature) { return IsActive(feature); };
  }
  // Bit per ordinal: set for candidates (S5.2: a live row in at least one table of the entity).
  // Lives as long as the snapshot.
  virtual std::span<const uint64_t> Candidates(std::string_view entity) const = 0;
  // S5.2: whether a key asked for by id is a candidate, and if not: kNotFound or kDeleted.
  virtual registry::Reason CandidateState(std::string_view entity,
                                          registry::Ordinal ordinal) const = 0;
};

struct SourceStats {
  std::string name;
  uint64_t records = 0;     // applied
  uint64_t duplicates = 0;
  uint64_t skipped = 0;     // inputs that an aggregate could not hold (S1.8)
  uint64_t ids = 0;         // remembered for dedupe
};

struct VectorStats {
  std::string name;
  Digest feature;
  VectorStage stage = VectorStage::kComputing;
  uint64_t vectors = 0;
  uint64_t encoded = 0;     // texts encoded since start
  uint64_t reused = 0;      // unchanged content, not encoded again
  uint64_t wanted = 0;      // from the job, of rows that changed since the feature was there
};

struct StoreStats {
  Position applied;
  Position synced;
  Position checkpoint;
  uint64_t revision = 0;
  uint64_t dirty_blobs = 0;
  uint64_t keys = 0;
  uint64_t window_states = 0;
  uint64_t queued_batches = 0;
  std::vector<SourceStats> sources;
  std::vector<VectorStats> vectors;
  double recovery_seconds = 0;
  uint64_t replayed_entries = 0;   // at start
  std::string failure;             // what Store::Health says; empty: all is well
  uint64_t artifact_errors = 0;    // artifacts of `activate` records that could not be used
  std::string last_artifact_error;
};

// The text of a row that wants its vector from a job.
struct VectorInput {
  std::string key;
  Hash128 content;   // hash of the text: the vector is dropped if it changed since (S7.3)
  std::string text;
};

// A part of the work that a vector feature's job has.
struct PendingLimits {
  size_t max_texts = 1;
  size_t max_bytes = 1;  // no further text once there are so many
};
struct PendingVectors {
  std::vector<VectorInput> inputs{};
  size_t bytes = 0;            // of their texts
  registry::Ordinal next = 0;  // where to go on
  uint64_t left = 0;           // rows after these: at most so many want a vector
  bool is_last = false;        // none does
};

// The log, its deterministic apply, and the state that reads are served from (§6).
//
// Threads of its own: sequencer (orders, stamps, syncs), apply, checkpoint. Destruction drains and
// writes a checkpoint; a store that could not be opened writes none. Thread-safety: thread-safe.
class Store {
 public:
  // Recovers: checkpoint, then replay of the whole durable log (S11). Returns when serving may
  // start. `sink` and `embedder` must outlive the store.
  // Errors: kFailedPrecondition if another process holds the directory; kDataLoss naming the file;
  //         the embedder's, naming the encoder's artifact, if an entry to replay needs it.
  static StatusOr<std::unique_ptr<Store>> Open(StoreOptions options, ArtifactStore& artifacts,
                                               registry::TextEmbedder& embedder, RowSink& sink);
  virtual ~Store() = default;

  // Validates, orders and appends one batch; returns when it is durable (not: applied).
  // A batch-level error (unknown source, too large, queue full, wrong revision) is the status;
  // a bad record is its own status and the others go in.
  // Errors: also kFailedPrecondition for bulk history of a source that has a live append (S2.3);
  //         kUnavailable naming why, once Health() says that nothing more is taken.
  virtual StatusOr<IngestResult> Ingest(const IngestRequest& request) = 0;

  // Appends a revision and returns what apply decided (S7.1): the new revision's number.
  // Artifacts that it names must be in the artifact store: kFailedPrecondition otherwise.
  virtual StatusOr<uint64_t> Propose(registry::RevisionRecord record, Position* position) = 0;

  // Appends an `activate` record; returns when it is applied.
  virtual StatusOr<Position> Activate(const Activation& activation) = 0;

  // Waits until `min_position` is applied, then takes P and T. The wait looks at `cancelled`, if
  // there is one, every 50 ms.
  // Errors: kUnavailable if that does not happen before the deadline (S2.4); kCancelled.
  virtual StatusOr<std::unique_ptr<Snapshot>> Read(
      Position min_position, std::chrono::steady_clock::time_point deadline,
      const std::function<bool()>& cancelled = {}) = 0;

  // Rows of a vector feature that want a vector from a job, as many as `limits` allow, at least one
  // if there is one. First those whose text changed since the feature was there, then, from
  // ordinal `from`, those that have none.
  // Errors: kNotFound for an unknown feature.
  virtual StatusOr<PendingVectors> FindPendingVectors(const Digest& feature,
                                                      registry::Ordinal from,
                                                      const PendingLimits& limits) = 0;

  // Order-free hash of the state (S10) and its position; flushes first.
  struct StateHash {
    Hash128 hash;
    Position position;
  };
  virtual StatusOr<StateHash> ComputeStateHash() = 0;
  // Writes all dirty state and a checkpoint now.
  virtual Status Checkpoint() = 0;

  // OK, or kUnavailable: the log or apply has failed, so that nothing more is taken until the store
  // is opened again, or the last checkpoint failed, which is tried again. Cheap.
  virtual Status Health() const = 0;
  virtual StoreStats Stats() const = 0;
  virtual const Clock& clock() const = 0;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_STORE_H_
