// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_APPLIER_H_
#define LARDER_FEATURESTORE_APPLIER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/sync.h"
#include "featurestore/artifact_store.h"
#include "featurestore/entry.h"
#include "featurestore/index_bases.h"
#include "featurestore/prepared_batch.h"
#include "featurestore/rocksdb_state.h"
#include "featurestore/row_sink.h"
#include "featurestore/store_state.h"
#include "registry/compile.h"
#include "registry/history.h"
#include "registry/stored_feature.h"

namespace larder::featurestore {

// Folds log entries into the state, one after the other: deterministic, and it never fails on what
// a logged record says (errors are those of the disk, and of an encoder that cannot be used).
// Prepares without the lock and publishes at most 256 records at a time under the writer lock; the
// sink has a record before P passes it.
//
// Thread-safety: single-thread; readers of the state hold the reader lock.
class Applier {
 public:
  struct Parts {
    StoreState& state;
    SharedMutex& lock;  // of `state`
    StateDb& db;
    ArtifactStore& artifacts;
    FileSystem& fs;
    registry::TextEmbedder& embedder;
    RowSink& sink;
  };
  explicit Applier(const Parts& parts) : p_(parts) {}

  // Applies what is after the applied position. Returns what a control entry decided: the number
  // of the new revision, or why there is none; 0 for other entries.
  struct Outcome {
    Status failure;  // not OK: nothing can be applied any more
    StatusOr<uint64_t> decision = 0;
    bool new_definitions = false;  // a revision was made: write a checkpoint before the next entry
  };
  // `checksum` is the entry's, of its stored bytes.
  Outcome Apply(const Entry& entry, uint64_t checksum);
  // Called with the new applied position after each publication, outside the lock.
  void set_on_publish(std::function<void(Position)> on_publish) {
    on_publish_ = std::move(on_publish);
  }

  // Recovery: what a stored control record said is said again, to state and sink.
  Status Restore(const ControlNote& note);
  // Recovery: all is applied; loads the newest index base of each feature that can be loaded.
  void EndRecovery();

  // Artifacts that an activate names and that could not be used, and why the last one could not.
  struct ArtifactErrors {
    uint64_t count = 0;
    std::string last;
  };
  ArtifactErrors artifact_errors() const;

 private:
  void PublishSlice(PreparedBatch& batch, size_t begin, size_t end);
  void ResolveOrdinals(PreparedBatch& batch, size_t begin, size_t end);
  void FoldAggregates(PreparedBatch& batch, size_t begin, size_t end);
  void PublishRows(PreparedBatch& batch, size_t begin, size_t end);
  Status ApplyData(const Entry& entry, uint64_t checksum);
  Outcome ApplyRevision(const Entry& entry, uint64_t checksum);
  Outcome ApplyActivation(const Entry& entry, uint64_t checksum);

  // A revision that was accepted, with all that is slow about it done.
  struct NewRevision {
    registry::RevisionRecord record;
    registry::CompileResult compiled;
    // Keys of entities that it makes resident.
    std::vector<std::pair<EntityState*, std::vector<LoadedKey>>> keys;
    struct Vector {
      Digest feature;
      registry::Ordinal ordinal = registry::kNoOrdinal;
      Hash128 content;
      std::vector<int8_t> codes;
    };
    std::vector<Vector> vectors;  // that the rows so far carry, of its new external features
  };
  StatusOr<NewRevision> Decide(const ControlNote& note) const;
  Status LoadNewlyResident(NewRevision& revision) const;
  void TakeExternalVectors(NewRevision& revision) const;
  // Under the writer lock. Returns its number.
  uint64_t Publish(NewRevision revision, const ControlNote& note);

  Status InstallVectors(const Activation& activation);
  void RaiseStage(const Activation& activation);
  void NoteBase(const Activation& activation);
  Status ChangeBase(const Activation& activation);
  void RemoveOldBases();
  void RemoveLostBases();
  void Finish(const Entry& entry, uint64_t checksum);
  void NoteArtifactError(const Status& status);
  void Published() {
    if (on_publish_) on_publish_(p_.state.applied);
  }

  Parts p_;
  std::function<void(Position)> on_publish_;
  bool recovering_ = true;
  IndexBases bases_;
  mutable Mutex errors_mutex_;
  ArtifactErrors errors_ ABSL_GUARDED_BY(errors_mutex_);
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_APPLIER_H_
