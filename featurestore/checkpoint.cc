// SPDX-License-Identifier: Apache-2.0
#include "featurestore/checkpoint.h"

#include <algorithm>
#include <limits>

#include "base/bytes.h"

namespace larder::featurestore {

using registry::Ordinal;

namespace {

constexpr size_t kSliceBlobs = 128;              // under one hold of the reader lock
constexpr size_t kBatchBytes = size_t{1} << 20;  // of one write
constexpr size_t kSliceIds = 4096;               // of bulk history, in one write
constexpr uint8_t kStateFormat = 4;
constexpr uint64_t kIdsStep = 1024;  // entries forgotten before their ids are dropped

Hash128 ShareOf(BlobKind kind, std::string_view name, std::string_view key,
                std::string_view canonical) {
  std::string bytes = NamedBlobKey(kind, name, key);
  bytes.append(canonical);
  return HashTo128(bytes);
}

}  // namespace

Hash128 WindowShare(const Digest& aggregate, std::string_view key, std::string_view canonical) {
  return ShareOf(BlobKind::kWindow, aggregate.view(), key, canonical);
}
Hash128 RowShare(std::string_view table, std::string_view key, std::string_view canonical) {
  return ShareOf(BlobKind::kRow, table, key, canonical);
}
Hash128 VectorShare(const Digest& feature, std::string_view key, std::string_view canonical) {
  return ShareOf(BlobKind::kVector, feature.view(), key, canonical);
}
Hash128 SeenShare(std::string_view entity, std::string_view key) {
  return ShareOf(BlobKind::kSeen, entity, key, {});
}

std::string EncodeCheckpoint(const CheckpointRecord& record) {
  std::string out;
  ByteWriter writer(out);
  writer.Fixed(kStateFormat);
  writer.Fixed(record.checksum);
  writer.SignedVarint(record.last_arrival);
  writer.Varint(record.sources.size());
  for (const auto& [name, source] : record.sources) {
    writer.String(name);
    writer.Varint(source.records);
    writer.Varint(source.skipped);
    writer.Varint(source.first_live);
  }
  writer.Varint(record.keys.size());
  for (const auto& [name, keys] : record.keys) {
    writer.String(name);
    writer.Varint(keys);
  }
  return out;
}

StatusOr<CheckpointRecord> DecodeCheckpoint(std::string_view bytes) {
  ByteReader in(bytes);
  CheckpointRecord record;
  const auto format = in.Fixed<uint8_t>();
  if (in.ok() && format != kStateFormat) {
    return Unimplemented("the state has format ", static_cast<int>(format), ", this version reads ",
                         static_cast<int>(kStateFormat),
                         "; without the directory 'state' it is made again from the log");
  }
  record.checksum = in.Fixed<uint64_t>();
  record.last_arrival = in.SignedVarint();
  for (size_t i = in.Count(4); i > 0 && in.ok(); --i) {
    CheckpointRecord::Source& source = record.sources[std::string(in.String())];
    source.records = in.Varint();
    source.skipped = in.Varint();
    source.first_live = in.Varint();
  }
  for (size_t i = in.Count(2); i > 0 && in.ok(); --i) {
    const std::string name(in.String());
    record.keys[name] = in.Varint();
  }
  LARDER_RETURN_IF_ERROR(in.Finish("checkpoint record"));
  return record;
}

void Checkpointer::Restore(Position position, const Hash128& sum) {
  MutexLock run(run_mutex_);
  running_sum_ = sum;
  MutexLock lock(mutex_);
  position_ = position;
  sum_ = sum;
}

Position Checkpointer::position() const {
  MutexLock lock(mutex_);
  return position_;
}

Hash128 Checkpointer::sum() const {
  MutexLock lock(mutex_);
  return sum_;
}

Status Checkpointer::failure() const {
  MutexLock lock(mutex_);
  if (failure_.ok()) return OkStatus();
  return Unavailable("the last checkpoint failed: ", Message(failure_));
}

Status Checkpointer::Run() {
  MutexLock run(run_mutex_);
  Status status;
  if (work_.has_value()) status = Finish();
  if (status.ok()) {
    {
      // Apply fills these lists, and readers count them. Only lists change hands here: a moment.
      WriterLock lock(lock_);
      work_ = Take();
    }
    status = Finish();
  }
  MutexLock lock(mutex_);
  failure_ = status;
  return status;
}

void Checkpointer::WhileIdle(const std::function<void()>& idle) {
  MutexLock run(run_mutex_);
  if (!work_.has_value()) idle();
}

Checkpointer::Work Checkpointer::Take() {
  Work work;
  work.record.position = state_.applied;
  work.record.checksum = state_.checksum;
  work.record.last_arrival = state_.last_arrival;
  for (const auto& source : state_.sources()) {
    work.record.sources[source->name] = {source->records, source->skipped,
                                         source->first_live};
  }
  for (const auto& entity : state_.entities()) {
    work.record.keys[entity->name()] =
        entity->complete() ? entity->keys().size() : std::numeric_limits<uint64_t>::max();
  }
  for (const auto& table : state_.tables()) {
    work.parts.push_back({.entity = state_.FindEntity(table->entity()),
                          .rows = table.get(),
                          .ordinals = table->TakeDirty()});
  }
  for (const auto& table : state_.vectors()) {
    work.parts.push_back({.entity = state_.FindEntity(table->feature().entity),
                          .vectors = table.get(),
                          .ordinals = table->TakeDirty()});
  }
  // Keys before their windows: a key that is not in memory is looked for by its key alone, so no
  // window may be stored without it.
  for (const auto& entity : state_.entities()) {
    work.parts.push_back({.entity = entity.get(), .ordinals = entity->TakeDirtySeen()});
  }
  for (const auto& table : state_.windows()) {
    work.parts.push_back({.entity = state_.FindEntity(table->entity()),
                          .windows = table.get(),
                          .ordinals = table->TakeDirty()});
  }
  work.notes = std::exchange(state_.new_notes, {});
  work.ids = std::exchange(state_.new_ids, {});
  return work;
}

Status Checkpointer::WritePart(Part& part) {
  while (part.collected < part.ordinals.size()) {
    {
      ReaderLock lock(lock_);
      WriteLayouts();
      const size_t end = std::min(part.collected + kSliceBlobs, part.ordinals.size());
      while (part.collected < end) WriteBlob(part, part.ordinals[part.collected++]);
    }
    if (batch_->SizeBytes() >= kBatchBytes) LARDER_RETURN_IF_ERROR(Flush(/*sync=*/false));
  }
  return OkStatus();
}

void Checkpointer::WriteBlob(const Part& part, Ordinal ordinal) {
  if (part.rows != nullptr) return WriteRow(*part.rows, *part.entity, ordinal);
  if (part.vectors != nullptr) return WriteVector(*part.vectors, *part.entity, ordinal);
  if (part.windows != nullptr) return WriteWindow(*part.windows, *part.entity, ordinal);
  WriteSeen(*part.entity, ordinal);
}

Status Checkpointer::Finish() {
  if (batch_complete_) LARDER_RETURN_IF_ERROR(Flush(/*sync=*/false));
  if (batch_ == nullptr) batch_ = db_.NewBatch();
  for (Part& part : work_->parts) LARDER_RETURN_IF_ERROR(WritePart(part));
  for (const ControlNote& note : work_->notes) {
    batch_->Put(NumberBlobKey(BlobKind::kControl, note.position.value), note.position, {},
                EncodeControlNote(note));
  }
  work_->notes.clear();
  while (!work_->ids.empty()) {
    const StoreState::NewIds& ids = work_->ids.back();
    batch_->Put(IdsBlobKey(ids.source, ids.entry), Position::Of(ids.entry, 0), {}, ids.bytes);
    work_->ids.pop_back();
    if (batch_->SizeBytes() >= kBatchBytes) LARDER_RETURN_IF_ERROR(Flush(/*sync=*/false));
  }
  LARDER_ASSIGN_OR_RETURN(const OldestEntries oldest, WriteHistoryIds());
  DropIds(oldest);
  batch_->Put(std::string(1, static_cast<char>(BlobKind::kCheckpoint)), work_->record.position, {},
              EncodeCheckpoint(work_->record));
  LARDER_RETURN_IF_ERROR(Flush(/*sync=*/true));
  MutexLock lock(mutex_);
  position_ = work_->record.position;
  sum_ = running_sum_;
  work_.reset();
  return OkStatus();
}

Status Checkpointer::Flush(bool sync) {
  if (!batch_complete_) {
    batch_->Put(std::string(1, static_cast<char>(BlobKind::kSum)), {}, running_sum_, {});
    batch_complete_ = true;
  }
  LARDER_RETURN_IF_ERROR(db_.Write(*batch_, sync));
  batch_ = db_.NewBatch();
  batch_complete_ = false;
  return OkStatus();
}

void Checkpointer::WriteLayouts() {
  for (const RowLayout* layout : state_.layouts().TakeNew()) {
    batch_->Put(NumberBlobKey(BlobKind::kLayout, layout->id), {}, {}, layout->Encode());
  }
}

void Checkpointer::WriteWindow(WindowTable& table, const EntityState& entity, Ordinal ordinal) {
  AggregateState* state = table.Find(ordinal);
  const std::string_view key = entity.keys().KeyOf(ordinal);
  std::string body;
  state->Encode(body);
  const Hash128 share = WindowShare(table.digest(), key, body);
  SubtractShare(running_sum_, state->share);
  AddShare(running_sum_, share);
  state->share = share;
  state->dirty = false;
  batch_->Put(WindowBlobKey(entity.name(), key, table.digest()), state_.applied, share, body);
}

void Checkpointer::WriteRow(RowTable& table, const EntityState& entity, Ordinal ordinal) {
  Row* row = table.Find(ordinal);
  const std::string_view key = entity.keys().KeyOf(ordinal);
  std::string bytes;
  row->AppendCanonical(bytes);
  const Hash128 share = RowShare(table.name(), key, bytes);
  SubtractShare(running_sum_, row->share);
  AddShare(running_sum_, share);
  row->share = share;
  row->dirty = false;
  bytes.clear();
  row->EncodeTo(bytes);
  batch_->Put(NamedBlobKey(BlobKind::kRow, table.name(), key), state_.applied, share, bytes);
}

void Checkpointer::WriteVector(VectorTable& table, const EntityState& entity, Ordinal ordinal) {
  const std::string_view key = entity.keys().KeyOf(ordinal);
  const std::string blob_key = VectorBlobKey(table.feature().digest, key);
  SubtractShare(running_sum_, table.share(ordinal));
  table.ClearDirty(ordinal);
  if (!table.HasBlob(ordinal)) {
    table.share(ordinal) = {};
    batch_->Delete(blob_key);
    return;
  }
  std::string body;
  table.EncodeTo(ordinal, body);
  const Hash128 share = VectorShare(table.feature().digest, key, body);
  AddShare(running_sum_, share);
  table.share(ordinal) = share;
  batch_->Put(blob_key, state_.applied, share, body);
}

void Checkpointer::WriteSeen(EntityState& entity, Ordinal ordinal) {
  const std::string_view key = entity.keys().KeyOf(ordinal);
  const Hash128 share = SeenShare(entity.name(), key);
  AddShare(running_sum_, share);
  entity.SeenStored(ordinal);
  batch_->Put(NamedBlobKey(BlobKind::kSeen, entity.name(), key), state_.applied, share, {});
}

StatusOr<Checkpointer::OldestEntries> Checkpointer::WriteHistoryIds() {
  OldestEntries oldest;
  for (const auto& [source, counts] : work_->record.sources) {
    SourceIds& ids = dedupe_.For(source);
    HistoryIds& history = ids.history();
    // What was taken before a failure is in the batch that has been written since.
    history.Stored();
    // First: whatever is forgotten before that entry is then taken below.
    oldest[source] = ids.newest().oldest().entry();
    if (counts.first_live > 0) {
      history.Close();
      continue;
    }
    for (;;) {
      const auto taken = history.Take(work_->record.position, kSliceIds);
      if (taken.empty()) break;
      for (const HistoryIds::Id& id : taken) {
        batch_->Put(HistoryIdBlobKey(source, id.id), id.original.position, {},
                    EncodeHistoryId(id.original.payload_hash));
      }
      LARDER_RETURN_IF_ERROR(Flush(/*sync=*/false));
      history.Stored();
    }
  }
  return oldest;
}

void Checkpointer::DropIds(const OldestEntries& oldest) {
  for (const auto& [source, entry] : oldest) {
    uint64_t& dropped = ids_dropped_[source];
    if (entry >= dropped + kIdsStep) {
      batch_->DeleteRange(IdsBlobKey(source, 0), IdsBlobKey(source, entry));
      dropped = entry;
    }
    // The first checkpoint that knows of the first live append: no more bulk history will come.
    if (work_->record.sources[source].first_live > position().entry()) {
      batch_->DeletePrefix(BlobPrefix(BlobKind::kHistoryId, source));
    }
  }
}

}  // namespace larder::featurestore
