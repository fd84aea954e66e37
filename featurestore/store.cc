// SPDX-License-Identifier: Apache-2.0
#include "featurestore/store.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/sync.h"
#include "featurestore/applier.h"
#include "featurestore/apply.h"
#include "featurestore/checkpoint.h"
#include "featurestore/dedupe.h"
#include "featurestore/housekeeper.h"
#include "featurestore/pending_vectors.h"
#include "featurestore/record_parser.h"
#include "featurestore/recovery.h"
#include "featurestore/rocksdb_log.h"
#include "featurestore/rocksdb_state.h"
#include "featurestore/sequencer.h"
#include "featurestore/snapshot.h"
#include "featurestore/store_state.h"
#include "registry/nearest_name.h"

namespace larder::featurestore {

using std::chrono::steady_clock;

namespace {

// Entities that are not resident are loaded at start up to so many keys; larger ones key by key.
constexpr size_t kEagerKeys = 100'000;

// The revisions that batches are checked against, without the state's lock.
class Validator : public BatchValidator {
 public:
  void Update(const registry::History& history) {
    MutexLock lock(mutex_);
    for (const auto& revision : history.revisions()) {
      if (revision->number <= live_) continue;
      registries_[revision->number] = revision->registry;
      live_ = revision->number;
    }
  }

  uint64_t LiveRevision() const override {
    MutexLock lock(mutex_);
    return live_;
  }

  StatusOr<ValidatedBatch> Validate(const IngestRequest& request) override {
    ValidatedBatch batch;
    std::shared_ptr<const registry::CompiledRegistry> registry;
    {
      MutexLock lock(mutex_);
      batch.revision = request.revision == 0 ? live_ : request.revision;
      const auto found = registries_.find(batch.revision);
      if (found == registries_.end()) {
        if (request.revision == 0) {
          return NotFound("source '", request.source, "': nothing is defined yet");
        }
        return FailedPrecondition("revision ", request.revision, " does not exist, the newest is ",
                                  live_);
      }
      registry = found->second;
    }
    const registry::Source* source = registry->FindSource(request.source);
    if (source == nullptr) {
      return NotFound("source '", request.source, "' is not defined in revision ", batch.revision,
                      registry::DidYouMeanOneOf(request.source, registry->sources));
    }
    LARDER_RETURN_IF_ERROR(CheckBatchLimits(*source, request.records));
    batch.time_field = source->columns[source->time_column].name;
    if (source->id_column) batch.id_field = source->columns[*source->id_column].name;
    batch.parsed = ParseRecords(*source, request.format, request.records);
    return batch;
  }

 private:
  mutable Mutex mutex_;
  uint64_t live_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, std::shared_ptr<const registry::CompiledRegistry>> registries_
      ABSL_GUARDED_BY(mutex_);
};

class StoreImpl : public Store {
 public:
  StoreImpl(StoreOptions options, ArtifactStore& artifacts, registry::TextEmbedder& embedder,
            RowSink& sink)
      : options_(std::move(options)),
        artifacts_(artifacts),
        embedder_(embedder),
        sink_(sink) {}

  ~StoreImpl() override {
    if (sequencer_ == nullptr) return;  // it could not be opened
    sequencer_.reset();                 // hands everything that it took to apply
    apply_->Stop();
    housekeeper_->Stop();
    // Only spares the next start a replay: the log has everything.
    (void)checkpointer_->Run();
  }

  Status Start() {
    const auto begin = steady_clock::now();
    LARDER_RETURN_IF_ERROR(options_.fs->MakeDirs(options_.dir));
    LARDER_ASSIGN_OR_RETURN(lock_file_, FileLock::Acquire(JoinPath(options_.dir, "LOCK")));
    const std::string log_dir = JoinPath(options_.dir, "log");
    const std::string state_dir = JoinPath(options_.dir, "state");
    LARDER_RETURN_IF_ERROR(options_.fs->MakeDirs(log_dir));
    LARDER_RETURN_IF_ERROR(options_.fs->MakeDirs(state_dir));
    LARDER_RETURN_IF_ERROR(options_.fs->SyncDir(options_.dir));
    LARDER_ASSIGN_OR_RETURN(log_, OpenRocksDbLog(log_dir, options_.env));
    LARDER_ASSIGN_OR_RETURN(db_, StateDb::Open(state_dir, options_.env));
    applier_ = std::make_unique<Applier>(
        Applier::Parts{state_, lock_, *db_, artifacts_, *options_.fs, embedder_, sink_});
    dedupe_ = std::make_unique<Dedupe>(options_.dedupe_ids, *db_);
    checkpointer_ = std::make_unique<Checkpointer>(state_, lock_, *db_, *dedupe_);
    StatusOr<Recovered> found =
        Recover({state_, lock_, *db_, *log_, log_dir, *dedupe_, *applier_, *checkpointer_, sink_,
                 std::min(kEagerKeys, options_.cached_keys), options_.cached_keys});
    if (!found.ok()) return Annotate(found.status(), Concat("data directory ", options_.dir));
    const Recovered& recovered = *found;
    replayed_entries_ = recovered.replayed_entries;
    validator_.Update(state_.history());
    apply_ = std::make_unique<ApplyThread>(*applier_, *checkpointer_, gate_, state_.applied,
                                           [this] { validator_.Update(state_.history()); });
    housekeeper_ = std::make_unique<Housekeeper>(
        HousekeeperOptions{options_.checkpoint_entries, options_.checkpoint_every,
                           options_.cached_keys},
        state_, lock_, *db_, gate_, *apply_, *checkpointer_);
    sequencer_ = std::make_unique<Sequencer>(
        SequencerOptions{.accept_clock_skew = options_.accept_clock_skew,
                         .queue_batches = options_.queue_batches},
        recovered.end, *log_, *options_.clock, *dedupe_, validator_, *apply_);
    recovery_seconds_ = std::chrono::duration<double>(steady_clock::now() - begin).count();
    return OkStatus();
  }

  StatusOr<IngestResult> Ingest(const IngestRequest& request) override {
    LARDER_RETURN_IF_ERROR(CheckUnstored());
    return sequencer_->Ingest(request);
  }

  StatusOr<uint64_t> Propose(registry::RevisionRecord record, Position* position) override {
    for (const registry::EncoderFacts& encoder : record.encoders) {
      if (artifacts_.Contains(encoder.digest)) continue;
      return FailedPrecondition("encoder '", encoder.path, "': artifact ", encoder.digest.Short(),
                                " is not in the artifact store");
    }
    std::string control = registry::EncodeRevision(record);
    if (control.size() > kMaxBatchBytes) {
      return InvalidArgument("the definitions have ", control.size(), " bytes, at most ",
                             kMaxBatchBytes, " are allowed");
    }
    // What cannot become a revision need not be logged; whether it does is decided by apply.
    const registry::CompileResult compiled = registry::Compile(record.files, record.encoders);
    LARDER_RETURN_IF_ERROR(CopyHistory().Check(record, compiled));
    LARDER_ASSIGN_OR_RETURN(const Position at,
                            sequencer_->Control(EntryKind::kRevision, std::move(control)));
    if (position != nullptr) *position = at;
    return apply_->Decision(at.entry());
  }

  StatusOr<Position> Activate(const Activation& activation) override {
    if (activation.HasArtifact() && !artifacts_.Contains(activation.artifact)) {
      return FailedPrecondition("artifact ", activation.artifact.Short(),
                                " is not in the artifact store");
    }
    if (activation.vectors.size() > kMaxBatchBytes) {
      return InvalidArgument("a list of vectors of ", activation.vectors.size(), " bytes, at most ",
                             kMaxBatchBytes);
    }
    {
      ReaderLock lock(lock_);
      if (state_.FindVectors(activation.feature) == nullptr) {
        return NotFound("vector feature ", activation.feature.Short(), " does not exist");
      }
    }
    LARDER_ASSIGN_OR_RETURN(
        const Position at,
        sequencer_->Control(EntryKind::kActivate, EncodeActivation(activation)));
    LARDER_RETURN_IF_ERROR(apply_->WaitApplied(at.entry()));
    LARDER_RETURN_IF_ERROR(apply_->Decision(at.entry()).status());
    return at;
  }

  StatusOr<std::unique_ptr<Snapshot>> Read(Position min_position,
                                           steady_clock::time_point deadline,
                                           const std::function<bool()>& cancelled) override {
    LARDER_RETURN_IF_ERROR(apply_->WaitPosition(min_position, deadline, cancelled));
    return MakeSnapshot(state_, lock_, *db_, *options_.clock,
                        [this](LoadedKeys keys) { housekeeper_->Warm(std::move(keys)); });
  }

  StatusOr<PendingVectors> FindPendingVectors(const Digest& feature, registry::Ordinal from,
                                              const PendingLimits& limits) override {
    return featurestore::FindPendingVectors(state_, lock_, feature, from, limits, embedder_);
  }

  StatusOr<StateHash> ComputeStateHash() override {
    const GateLock gate(gate_);
    LARDER_RETURN_IF_ERROR(checkpointer_->Run());
    return StateHash{checkpointer_->sum(), checkpointer_->position()};
  }

  Status Checkpoint() override { return checkpointer_->Run(); }

  Status Health() const override {
    LARDER_RETURN_IF_ERROR(sequencer_->failure());
    return checkpointer_->failure();
  }
  StoreStats Stats() const override;
  const Clock& clock() const override { return *options_.clock; }

 private:
  // Comparing with all of it takes too long to hold a lock.
  registry::History CopyHistory() const {
    ReaderLock lock(lock_);
    return state_.history();
  }
  // Invariant 10: what is not stored waits in memory.
  Status CheckUnstored() const {
    const Status failure = checkpointer_->failure();
    if (failure.ok()) return failure;
    // In this order: the log does not end before a checkpoint.
    const uint64_t stored = checkpointer_->position().entry();
    const uint64_t waiting = sequencer_->synced() - stored;
    if (waiting < StoreOptions::kUnstoredFactor * options_.checkpoint_entries) return OkStatus();
    return Annotate(failure, Concat(waiting, " entries of the log wait for a checkpoint"));
  }

  const StoreOptions options_;
  ArtifactStore& artifacts_;
  registry::TextEmbedder& embedder_;
  RowSink& sink_;

  // In order of dependence; destroyed from the last.
  std::unique_ptr<FileLock> lock_file_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<StateDb> db_;
  std::unique_ptr<Dedupe> dedupe_;
  mutable SharedMutex lock_;
  StoreState state_;
  ApplyGate gate_;
  Validator validator_;
  std::unique_ptr<Applier> applier_;
  std::unique_ptr<Checkpointer> checkpointer_;
  std::unique_ptr<ApplyThread> apply_;
  std::unique_ptr<Housekeeper> housekeeper_;
  std::unique_ptr<Sequencer> sequencer_;
  double recovery_seconds_ = 0;
  uint64_t replayed_entries_ = 0;
};

StoreStats StoreImpl::Stats() const {
  StoreStats stats;
  const std::map<std::string, Dedupe::SourceStats> ids = dedupe_->Stats();
  {
    ReaderLock lock(lock_);
    stats.applied = state_.applied;
    const registry::Revision* current = state_.history().current();
    stats.revision = current == nullptr ? 0 : current->number;
    stats.dirty_blobs = state_.DirtyCount();
    for (const auto& entity : state_.entities()) stats.keys += entity->keys().size();
    for (const auto& window : state_.windows()) stats.window_states += window->state_count();
    for (const auto& source : state_.sources()) {
      SourceStats& out = stats.sources.emplace_back();
      out.name = source->name;
      out.records = source->records;
      out.skipped = source->skipped;
      const auto found = ids.find(source->name);
      if (found == ids.end()) continue;
      out.duplicates = found->second.duplicates;
      out.ids = found->second.ids;
    }
    for (const auto& vectors : state_.vectors()) {
      stats.vectors.push_back({vectors->feature().name, vectors->feature().digest,
                               vectors->stage(), vectors->size(), vectors->encoded,
                               vectors->reused, vectors->wanted_count()});
    }
  }
  stats.synced = Position::Of(sequencer_->synced() + 1, 0);
  stats.synced.value -= 1;  // the greatest position of the newest synced entry
  stats.checkpoint = checkpointer_->position();
  stats.queued_batches = sequencer_->queued();
  stats.recovery_seconds = recovery_seconds_;
  stats.replayed_entries = replayed_entries_;
  stats.failure = Message(Health());
  const Applier::ArtifactErrors errors = applier_->artifact_errors();
  stats.artifact_errors = errors.count;
  stats.last_artifact_error = errors.last;
  return stats;
}

}  // namespace

Status StoreOptions::Validate() const {
  if (dir.empty()) return InvalidArgument("dir is empty");
  if (fs == nullptr || clock == nullptr) return InvalidArgument("fs and clock must be set");
  if (dedupe_ids < 1024 || dedupe_ids > size_t{1} << 25) {
    return InvalidArgument("dedupe_ids is ", dedupe_ids, ", expected 1024 to 33554432");
  }
  if (queue_batches < 1 || queue_batches > 65'536) {
    return InvalidArgument("queue_batches is ", queue_batches, ", expected 1 to 65536");
  }
  if (checkpoint_entries < 1) return InvalidArgument("checkpoint_entries is 0, expected 1 or more");
  if (checkpoint_every.count() < 1) {
    return InvalidArgument("checkpoint_every is ", checkpoint_every.count(),
                           " ms, expected 1 or more");
  }
  return OkStatus();
}

StatusOr<std::unique_ptr<Store>> Store::Open(StoreOptions options, ArtifactStore& artifacts,
                                             registry::TextEmbedder& embedder, RowSink& sink) {
  LARDER_RETURN_IF_ERROR(options.Validate());
  auto store = std::make_unique<StoreImpl>(std::move(options), artifacts, embedder, sink);
  LARDER_RETURN_IF_ERROR(store->Start());
  return store;
}

}  // namespace larder::featurestore
