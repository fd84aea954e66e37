// SPDX-License-Identifier: Apache-2.0
#include "featurestore/recovery.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "featurestore/evict.h"
#include "featurestore/hash_bytes.h"
#include "featurestore/key_loader.h"

namespace larder::featurestore {

using registry::Ordinal;

namespace {

constexpr uint64_t kCheckpointEntries = 4096;  // of a long replay

std::string Prefix(BlobKind kind) { return std::string(1, static_cast<char>(kind)); }

class Recovery {
 public:
  explicit Recovery(const RecoveryParts& parts) : p_(parts) {}

  StatusOr<Recovered> Run() {
    LARDER_RETURN_IF_ERROR(ReadCheckpoint());
    for (const auto& [name, counts] : checkpoint_.sources) {
      if (counts.first_live == 0) continue;
      SourceIds& ids = p_.dedupe.For(name);
      ids.NoteLive(counts.first_live);
      ids.history().Close();
    }
    Status ids_status;
    {
      // Ids are many and independent of everything else: a thread of their own.
      const std::jthread ids([&] { ids_status = LoadIds(); });
      LARDER_RETURN_IF_ERROR(LoadState());
    }
    LARDER_RETURN_IF_ERROR(ids_status);
    LARDER_RETURN_IF_ERROR(DropOrphans());
    p_.checkpointer.Restore(checkpoint_.position, sum_);
    LARDER_RETURN_IF_ERROR(Replay());
    p_.applier.EndRecovery();
    return recovered_;
  }

 private:
  Status ReadCheckpoint() {
    Status status = p_.db.Get(Prefix(BlobKind::kCheckpoint), [&](const Blob& blob) -> Status {
      LARDER_ASSIGN_OR_RETURN(checkpoint_, DecodeCheckpoint(blob.body));
      checkpoint_.position = blob.position;
      return OkStatus();
    });
    if (!status.ok() && status.code() != StatusCode::kNotFound) return status;
    status = p_.db.Get(Prefix(BlobKind::kSum), [&](const Blob& blob) {
      sum_ = blob.share;
      return OkStatus();
    });
    if (!status.ok() && status.code() != StatusCode::kNotFound) return status;
    return CheckPosition(checkpoint_.position, "checkpoint");
  }

  // S11: nothing may have been folded that the log does not have.
  Status CheckPosition(Position position, std::string_view what) const {
    if (position.entry() <= p_.log.last()) return OkStatus();
    return DataLoss(what, " is at entry ", position.entry(), ", but ", p_.log_name, " ends at ",
                    p_.log.last());
  }
  Status CheckBlob(BlobKind kind, std::string_view rest, const Blob& blob) const {
    if (blob.position.entry() <= p_.log.last()) return OkStatus();
    return CheckPosition(blob.position, BlobName(Concat(static_cast<char>(kind), rest)));
  }
  static Status Malformed(BlobKind kind, std::string_view rest) {
    return DataLoss(BlobName(Concat(static_cast<char>(kind), rest)), " has a malformed key");
  }

  Status LoadIds() {
    return p_.db.Scan(Prefix(BlobKind::kIds), /*once=*/true,
                      [&](std::string_view rest, const Blob& blob) -> Status {
                        LARDER_RETURN_IF_ERROR(CheckBlob(BlobKind::kIds, rest, blob));
                        // Those after the checkpoint come again with the log. Of a checkpoint that
                        // was interrupted only some are here, and ids must come in order.
                        if (blob.position.entry() > checkpoint_.position.entry()) return OkStatus();
                        LARDER_ASSIGN_OR_RETURN(const EntryIds ids, DecodeIds(blob.body));
                        p_.dedupe.Add(ids);
                        return OkStatus();
                      });
  }

  Status LoadState() {
    WriterLock lock(p_.lock);
    LARDER_RETURN_IF_ERROR(LoadLayouts());
    LARDER_RETURN_IF_ERROR(LoadControls());
    p_.state.applied = checkpoint_.position;
    p_.state.checksum = checkpoint_.checksum;
    p_.state.last_arrival = checkpoint_.last_arrival;
    for (const auto& [name, counts] : checkpoint_.sources) {
      SourceState* source = p_.state.FindSource(name);
      if (source == nullptr) return DataLoss("checkpoint counts records of unknown source ", name);
      source->records = counts.records;
      source->skipped = counts.skipped;
      source->first_live = counts.first_live;
    }
    LARDER_RETURN_IF_ERROR(LoadRows());
    LARDER_RETURN_IF_ERROR(LoadVectors());
    for (const auto& entity : p_.state.entities()) LARDER_RETURN_IF_ERROR(LoadEntity(*entity));
    return OkStatus();
  }

  Status LoadLayouts() {
    return p_.db.Scan(Prefix(BlobKind::kLayout), /*once=*/true,
                      [&](std::string_view rest, const Blob& blob) -> Status {
                        LARDER_ASSIGN_OR_RETURN(RowLayout layout, RowLayout::Decode(blob.body));
                        if (FromBigEndian(rest) != layout.id) {
                          return Malformed(BlobKind::kLayout, rest);
                        }
                        p_.state.layouts().Add(std::move(layout));
                        return OkStatus();
                      });
  }

  // Those after the checkpoint come again with the log.
  Status LoadControls() {
    return p_.db.Scan(Prefix(BlobKind::kControl), /*once=*/true,
                      [&](std::string_view rest, const Blob& blob) -> Status {
                        LARDER_RETURN_IF_ERROR(CheckBlob(BlobKind::kControl, rest, blob));
                        if (blob.position > checkpoint_.position) return OkStatus();
                        LARDER_ASSIGN_OR_RETURN(const ControlNote note,
                                                DecodeControlNote(blob.position, blob.body));
                        const Status status = p_.applier.Restore(note);
                        if (status.ok()) return status;
                        return Annotate(status, BlobName(Concat('c', rest)));
                      });
  }

  Status LoadRows() {
    RowTable* table = nullptr;
    return p_.db.Scan(Prefix(BlobKind::kRow), /*once=*/true,
                      [&](std::string_view rest, const Blob& blob) -> Status {
                        std::string_view name;
                        std::string_view key;
                        if (!ParseNamed(rest, name, key)) return Malformed(BlobKind::kRow, rest);
                        LARDER_RETURN_IF_ERROR(CheckBlob(BlobKind::kRow, rest, blob));
                        if (table == nullptr || table->name() != name)
                          table = p_.state.FindTable(name);
                        if (table == nullptr) return Orphan(BlobKind::kRow, rest, blob);
                        StatusOr<Row::Ptr> row = Row::Decode(p_.state.layouts(), blob.body);
                        if (!row.ok()) return Annotate(row.status(), BlobName(Concat('r', rest)));
                        (*row)->share = blob.share;
                        EntityState& entity = *p_.state.FindEntity(table->entity());
                        const Ordinal ordinal = entity.Add(key);
                        table->Install(ordinal, *std::move(row));
                        entity.UpdateCandidate(ordinal);
                        return OkStatus();
                      });
  }

  Status LoadVectors() {
    VectorTable* table = nullptr;
    return p_.db.Scan(Prefix(BlobKind::kVector), /*once=*/true,
                      [&](std::string_view rest, const Blob& blob) -> Status {
                        std::string_view digest;
                        std::string_view key;
                        if (!ParseNamed(rest, digest, key))
                          return Malformed(BlobKind::kVector, rest);
                        LARDER_RETURN_IF_ERROR(CheckBlob(BlobKind::kVector, rest, blob));
                        if (table == nullptr || DigestPrefix(table->feature().digest) != digest) {
                          table = p_.state.FindVectorsByPrefix(digest);
                        }
                        if (table == nullptr) return Orphan(BlobKind::kVector, rest, blob);
                        const Ordinal ordinal =
                            p_.state.FindEntity(table->feature().entity)->Add(key);
                        LARDER_RETURN_IF_ERROR(table->InstallBlob(
                            ordinal, blob.body, blob.share, BlobName(Concat('v', rest))));
                        if (table->Has(ordinal)) {
                          p_.sink.SetVector(table->feature().digest, ordinal,
                                            table->Find(ordinal));
                        }
                        return OkStatus();
                      });
  }

  // Keys seen, then window states; later, key by key, for an entity that is neither resident nor
  // small.
  Status LoadEntity(EntityState& entity) {
    const auto keys = checkpoint_.keys.find(entity.name());
    if (keys != checkpoint_.keys.end() && keys->second > p_.eager_keys && !entity.resident()) {
      entity.set_complete(false);
      return OkStatus();
    }
    const std::string seen = BlobPrefix(BlobKind::kSeen, entity.name());
    const Status scanned =
        p_.db.Scan(seen, /*once=*/true, [&](std::string_view rest, const Blob& blob) -> Status {
          std::string_view name;
          std::string_view key;
          if (!ParseNamed(rest, name, key)) return Malformed(BlobKind::kSeen, rest);
          LARDER_RETURN_IF_ERROR(CheckBlob(BlobKind::kSeen, rest, blob));
          entity.MarkSeen(entity.Add(key), /*stored=*/true);
          return OkStatus();
        });
    LARDER_RETURN_IF_ERROR(scanned);
    const std::string windows = BlobPrefix(BlobKind::kWindow, entity.name());
    std::string last_key;
    Ordinal ordinal = registry::kNoOrdinal;
    return p_.db.Scan(windows, /*once=*/true,
                      [&](std::string_view rest, const Blob& blob) -> Status {
                        std::string_view name;
                        std::string_view key;
                        std::string_view digest;
                        if (!ParseWindow(rest, name, key, digest))
                          return Malformed(BlobKind::kWindow, rest);
                        LARDER_RETURN_IF_ERROR(CheckBlob(BlobKind::kWindow, rest, blob));
                        WindowTable* table = p_.state.FindWindowByPrefix(digest);
                        if (table == nullptr) return Orphan(BlobKind::kWindow, rest, blob);
                        auto state = AggregateState::Decode(table->shape(), blob.body);
                        if (!state.ok())
                          return Annotate(state.status(), BlobName(Concat('w', rest)));
                        (*state)->share = blob.share;
                        if (ordinal == registry::kNoOrdinal || last_key != key) {
                          ordinal = entity.Add(key);
                          last_key = key;
                        }
                        table->Install(ordinal, blob.position, *std::move(state));
                        return OkStatus();
                      });
  }

  // A blob of a definition that came after the checkpoint: the log brings definition and blob
  // again. One that is older than the checkpoint has lost its definition.
  Status Orphan(BlobKind kind, std::string_view rest, const Blob& blob) {
    std::string key = Concat(static_cast<char>(kind), rest);
    if (blob.position <= checkpoint_.position) {
      return DataLoss(BlobName(key), " belongs to no definition");
    }
    orphans_.emplace_back(std::move(key), blob.share);
    return OkStatus();
  }

  Status DropOrphans() {
    if (orphans_.empty()) return OkStatus();
    const auto batch = p_.db.NewBatch();
    for (const auto& [key, share] : orphans_) {
      batch->Delete(key);
      SubtractShare(sum_, share);
    }
    batch->Put(Prefix(BlobKind::kSum), {}, sum_, {});
    return p_.db.Write(*batch, /*sync=*/false);
  }

  // The checkpoint's own entry is what the chain of checksums hangs on.
  StatusOr<Entry> CheckpointEntry(uint64_t number, std::string_view bytes) const {
    LARDER_ASSIGN_OR_RETURN(Entry entry, DecodeEntry(bytes));
    if (entry.number == number && EntryChecksum(bytes) == checkpoint_.checksum) return entry;
    return DataLoss(p_.log_name, ": entry ", number, " is not the one that the state has");
  }

  // From the checkpoint's own entry, of which a part may be missing.
  Status Replay() {
    const uint64_t from = std::max<uint64_t>(checkpoint_.position.entry(), 1);
    recovered_.end.arrival = checkpoint_.last_arrival;
    return p_.log.Read(from, [&](uint64_t number, std::string_view bytes) -> Status {
      const uint64_t checksum = EntryChecksum(bytes);
      LARDER_ASSIGN_OR_RETURN(const Entry entry,
                              number == checkpoint_.position.entry()
                                  ? CheckpointEntry(number, bytes)
                                  : DecodeNextEntry(bytes, number, recovered_.end.checksum));
      recovered_.end = {number, checksum, std::max(recovered_.end.arrival, entry.arrival)};
      p_.dedupe.Add(entry);
      const bool replayed = number > checkpoint_.position.entry() ||
                            checkpoint_.position.index() + 1 < entry.batch.size();
      if (replayed) ++recovered_.replayed_entries;
      const Applier::Outcome outcome = p_.applier.Apply(entry, checksum);
      LARDER_RETURN_IF_ERROR(outcome.failure);
      if (entry.kind == EntryKind::kRevision) {
        LARDER_RETURN_IF_ERROR(CheckDecision(number, outcome.decision.status()));
      }
      // As when it was applied first: no blob of a definition before a checkpoint that has it.
      if (outcome.new_definitions ||
          recovered_.replayed_entries % kCheckpointEntries == kCheckpointEntries - 1) {
        LARDER_RETURN_IF_ERROR(p_.checkpointer.Run());
        EvictCleanKeys(p_.state, p_.lock, p_.checkpointer, p_.cached_keys);
      }
      return OkStatus();
    });
  }

  // What is proposed is checked before it is logged, so a revision in the log was accepted, unless
  // it lost a race for its base. One that a compiler with other rules refuses now must not lead to
  // another state without a word.
  Status CheckDecision(uint64_t number, const Status& decision) const {
    if (decision.ok() || decision.code() == StatusCode::kAborted) return OkStatus();
    return Unimplemented(p_.log_name, ": the revision in entry ", number,
                         " was accepted by another version, and this one refuses it: ",
                         Message(decision));
  }

  const RecoveryParts& p_;
  CheckpointRecord checkpoint_;
  Hash128 sum_;
  std::vector<std::pair<std::string, Hash128>> orphans_;
  Recovered recovered_;
};

}  // namespace

StatusOr<Recovered> Recover(const RecoveryParts& parts) { return Recovery(parts).Run(); }

}  // namespace larder::featurestore
