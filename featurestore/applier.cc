// SPDX-License-Identifier: Apache-2.0
#include "featurestore/applier.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/fixed_point.h"
#include "featurestore/dedupe.h"
#include "featurestore/state_reader.h"
#include "featurestore/value_bytes.h"
#include "featurestore/vector_text.h"
#include "featurestore/vector_list.h"

namespace larder::featurestore {

using registry::Column;
using registry::kNoOrdinal;
using registry::Ordinal;

namespace {

constexpr size_t kPublishRecords = 256;
constexpr size_t kActivateChunk = 1024;

Argument ArgumentAt(const Column& column, size_t row, bool text) {
  if (text) return {0, column.strings[row]};
  return {FixedBits(column, row), {}};
}

}  // namespace

Applier::Outcome Applier::Apply(const Entry& entry, uint64_t checksum) {
  switch (entry.kind) {
    case EntryKind::kData: return {ApplyData(entry, checksum), 0, false};
    case EntryKind::kRevision: return ApplyRevision(entry, checksum);
    case EntryKind::kActivate: return ApplyActivation(entry, checksum);
  }
  return {DataLoss("entry ", entry.number, " is of no known kind"), 0, false};
}

Status Applier::ApplyData(const Entry& entry, uint64_t checksum) {
  const Position applied = p_.state.applied;
  size_t begin = 0;
  if (entry.number < applied.entry()) return OkStatus();
  if (entry.number == applied.entry()) begin = applied.index() + 1;
  if (begin >= entry.batch.size()) return OkStatus();
  LARDER_ASSIGN_OR_RETURN(PreparedBatch batch, Prepare(entry, p_.state, p_.db, p_.embedder));
  StoreState::NewIds ids{entry.batch.source, entry.number, EncodeIds(entry)};
  for (; begin < entry.batch.size(); begin += kPublishRecords) {
    const size_t end = std::min(begin + kPublishRecords, entry.batch.size());
    {
      WriterLock lock(p_.lock);
      PublishSlice(batch, begin, end);
      p_.state.applied = Position::Of(entry.number, end - 1);
      p_.state.checksum = checksum;
      p_.state.last_arrival = std::max(p_.state.last_arrival, entry.arrival);
      if (end == entry.batch.size()) p_.state.new_ids.push_back(std::move(ids));
    }
    Published();
  }
  return OkStatus();
}

void Applier::PublishSlice(PreparedBatch& batch, size_t begin, size_t end) {
  for (LoadedKey& key : batch.loaded) key.Install();
  batch.loaded.clear();
  ResolveOrdinals(batch, begin, end);
  FoldAggregates(batch, begin, end);
  if (batch.source->rows != nullptr) PublishRows(batch, begin, end);
  batch.source->records += end - begin;
  if (batch.source->first_live == 0 && batch.entry->arrival_kind == ArrivalKind::kStamped) {
    batch.source->first_live = batch.entry->number;
  }
}

void Applier::ResolveOrdinals(PreparedBatch& batch, size_t begin, size_t end) {
  for (size_t use = 0; use < batch.keys.size(); ++use) {
    EntityState& entity = *batch.source->key_uses[use].entity;
    PreparedBatch::Keys& keys = batch.keys[use];
    for (size_t row = begin; row < end; ++row) {
      if (keys.texts[row].data() == nullptr) continue;
      if (keys.ordinals[row] == kNoOrdinal) keys.ordinals[row] = entity.Add(keys.texts[row]);
      entity.MarkSeen(keys.ordinals[row]);
      if (!entity.resident()) entity.Touch(keys.ordinals[row]);
    }
  }
}

void Applier::FoldAggregates(PreparedBatch& batch, size_t begin, size_t end) {
  const Entry& entry = *batch.entry;
  for (size_t use = 0; use < batch.inputs.size(); ++use) {
    WindowTable& window = *batch.source->aggregates[use].window;
    const std::vector<Ordinal>& ordinals =
        batch.keys[batch.source->aggregates[use].key_use].ordinals;
    const Column* argument = batch.inputs[use].argument;
    const Column* condition = batch.inputs[use].condition;
    const bool text = window.shape().text;
    for (size_t row = begin; row < end; ++row) {
      if (ordinals[row] == kNoOrdinal) continue;
      if (condition != nullptr) {
        const size_t at = condition->rows == 1 ? 0 : row;
        if (!condition->valid(at) || condition->ints[at] == 0) continue;  // S4.3: true only
      }
      Argument value;
      if (argument != nullptr) {
        const size_t at = argument->rows == 1 ? 0 : row;
        if (!argument->valid(at)) continue;  // S3.2
        value = ArgumentAt(*argument, at, text);
      }
      const RecordInfo& info = entry.batch.infos[row];
      const EventKey key{info.event_time, info.original_event_time, info.id};
      if (!window.Update(ordinals[row], Position::Of(entry.number, row), key, value)) {
        ++batch.source->skipped;
      }
    }
  }
}

void Applier::PublishRows(PreparedBatch& batch, size_t begin, size_t end) {
  RowTable& table = *batch.source->rows;
  EntityState& entity = *batch.source->key_uses[batch.source->row_key].entity;
  const std::vector<Ordinal>& ordinals = batch.keys[batch.source->row_key].ordinals;
  for (size_t row = begin; row < end; ++row) {
    if (batch.rows[row] == nullptr) continue;
    const Row* current = std::as_const(table).Find(ordinals[row]);
    if (current != nullptr && batch.rows[row]->key() <= current->key()) continue;
    table.Set(ordinals[row], std::move(batch.rows[row]));
    entity.UpdateCandidate(ordinals[row]);
  }
  const auto first = std::lower_bound(
      batch.vector_changes.begin(), batch.vector_changes.end(), begin,
      [](const PreparedBatch::VectorChange& change, size_t row) { return change.row < row; });
  for (auto change = first; change != batch.vector_changes.end() && change->row < end; ++change) {
    VectorTable& vectors = *change->table;
    if (change->deferred) {
      vectors.Want(ordinals[change->row], change->content);
    } else {
      vectors.Set(ordinals[change->row], change->content, change->codes);
      p_.sink.SetVector(vectors.feature().digest, ordinals[change->row], change->codes);
    }
  }
}

Applier::Outcome Applier::ApplyRevision(const Entry& entry, uint64_t checksum) {
  Outcome outcome;
  if (Position::Of(entry.number, 0) <= p_.state.applied) return outcome;
  ControlNote note;
  note.position = Position::Of(entry.number, 0);
  note.arrival = entry.arrival;
  note.kind = entry.kind;
  note.control = entry.control;
  note.sources_with_records = p_.state.SourcesWithRecords();
  StatusOr<NewRevision> revision = Decide(note);
  if (revision.ok()) {
    outcome.failure = LoadNewlyResident(*revision);
    if (!outcome.failure.ok()) return outcome;
    TakeExternalVectors(*revision);
  } else {
    outcome.decision = revision.status();
  }
  {
    WriterLock lock(p_.lock);
    if (revision.ok()) {
      outcome.decision = Publish(*std::move(revision), note);
      outcome.new_definitions = true;
      p_.state.new_notes.push_back(std::move(note));
    }
    Finish(entry, checksum);
  }
  Published();
  return outcome;
}

StatusOr<Applier::NewRevision> Applier::Decide(const ControlNote& note) const {
  NewRevision revision;
  LARDER_ASSIGN_OR_RETURN(revision.record, registry::DecodeRevision(note.control));
  revision.compiled = registry::Compile(revision.record.files, revision.record.encoders);
  LARDER_RETURN_IF_ERROR(p_.state.history().Check(revision.record, revision.compiled));
  return revision;
}

Status Applier::LoadNewlyResident(NewRevision& revision) const {
  const registry::CompiledRegistry& registry = *revision.compiled.registry;
  const auto becomes_resident = [&](const std::string& name) {
    const registry::Entity* entity = registry.FindEntity(name);
    return (entity != nullptr && entity->candidate) ||
           std::any_of(registry.sources.begin(), registry.sources.end(), [&](const auto& source) {
             return source.table && source.entity == name;
           });
  };
  for (const auto& entity : p_.state.entities()) {
    if (entity->complete() || !becomes_resident(entity->name())) continue;
    LARDER_ASSIGN_OR_RETURN(auto keys, LoadMissingKeys(p_.db, p_.state, *entity));
    revision.keys.emplace_back(entity.get(), std::move(keys));
  }
  return OkStatus();
}

// A new feature over rows that carry their vectors: nothing to compute, so all rows get theirs now.
void Applier::TakeExternalVectors(NewRevision& revision) const {
  const registry::CompiledRegistry& registry = *revision.compiled.registry;
  for (const registry::VectorFeature& feature : registry.vectors) {
    if (feature.column < 0 || p_.state.FindVectors(feature.digest) != nullptr) continue;
    const SourceState* source = p_.state.FindSource(feature.source);
    if (source == nullptr || source->rows == nullptr) continue;
    const SourceState::VectorUse use{nullptr, &feature, registry.FindSource(feature.source)};
    const Ordinal end = std::as_const(*source->key_uses[source->row_key].entity).keys().end();
    for (Ordinal ordinal = 0; ordinal < end; ++ordinal) {
      const Row* row = std::as_const(*source->rows).Find(ordinal);
      if (row == nullptr) continue;
      const std::vector<float> values = ExternalVector(use, *row);
      if (values.empty()) continue;
      revision.vectors.push_back({feature.digest, ordinal,
                                  HashTo128(AsBytes(std::span<const float>(values))),
                                  ToFixedPoint(values)});
    }
  }
}

uint64_t Applier::Publish(NewRevision revision, const ControlNote& note) {
  const StatusOr<const registry::Revision*> made =
      p_.state.ApplyRevision(std::move(revision.record), revision.compiled, note);
  LARDER_CHECK(made.ok());  // it was checked against this state
  for (const auto& vectors : p_.state.vectors()) {
    p_.sink.AddVectorFeature(vectors->feature());
  }
  for (auto& [entity, keys] : revision.keys) {
    for (LoadedKey& key : keys) key.Install();
    entity->set_complete(true);
  }
  for (const NewRevision::Vector& vector : revision.vectors) {
    p_.state.FindVectors(vector.feature)->Set(vector.ordinal, vector.content, vector.codes);
    p_.sink.SetVector(vector.feature, vector.ordinal, vector.codes);
  }
  return (*made)->number;
}

Applier::Outcome Applier::ApplyActivation(const Entry& entry, uint64_t checksum) {
  Outcome outcome;
  if (Position::Of(entry.number, 0) <= p_.state.applied) return outcome;
  const StatusOr<Activation> activation = DecodeActivation(entry.control);
  Status status = activation.status();
  bool loaded = true;
  if (activation.ok() && p_.state.FindVectors(activation->feature) == nullptr) {
    status = NotFound("vector feature ", activation->feature.Short(), " does not exist");
  }
  if (status.ok()) {
    switch (activation->kind) {
      case Activation::Kind::kVectors: status = InstallVectors(*activation); break;
      case Activation::Kind::kAllVectors:
      case Activation::Kind::kEpoch: break;
      case Activation::Kind::kIndexBase:
      case Activation::Kind::kNoBase:
        loaded = !recovering_;  // then only the last one is, at the end
        if (loaded) status = ChangeBase(*activation);
        if (status.ok()) NoteBase(*activation);
    }
  }
  if (!status.ok()) NoteArtifactError(status);
  {
    WriterLock lock(p_.lock);
    if (status.ok()) RaiseStage(*activation);
    // Vectors are in the state's blobs, so that no restart needs the record.
    if (activation.ok() && activation->kind != Activation::Kind::kVectors) {
      p_.state.new_notes.push_back({Position::Of(entry.number, 0), entry.arrival, entry.kind,
                                    entry.control, {}, status.ok() && loaded});
    }
    Finish(entry, checksum);
  }
  Published();
  if (!recovering_) RemoveOldBases();
  if (!status.ok()) outcome.decision = status;
  return outcome;
}

// Vectors that a job made; those of rows whose text changed since are dropped (S7.3).
Status Applier::InstallVectors(const Activation& activation) {
  VectorTable& table = *p_.state.FindVectors(activation.feature);
  const SourceState& source = *p_.state.FindSource(table.feature().source);
  const auto use = std::find_if(source.vectors.begin(), source.vectors.end(),
                                [&](const auto& candidate) { return candidate.vectors == &table; });
  LARDER_CHECK(use != source.vectors.end());
  LARDER_ASSIGN_OR_RETURN(const std::vector<ListedVector> items,
                          DecodeVectorList(activation.vectors, table.feature().code_size()));
  const KeyTable& keys = source.key_uses[source.row_key].entity->keys();
  for (size_t begin = 0; begin < items.size(); begin += kActivateChunk) {
    const auto chunk =
        std::span(items).subspan(begin, std::min(kActivateChunk, items.size() - begin));
    std::vector<Ordinal> ordinals;
    std::vector<const Row*> rows;
    for (const ListedVector& item : chunk) {
      ordinals.push_back(keys.Find(item.key));
      rows.push_back(std::as_const(*source.rows).Find(ordinals.back()));
    }
    LARDER_ASSIGN_OR_RETURN(const auto texts, VectorTexts(*use, rows, p_.embedder));
    for (size_t at = 0; at < chunk.size(); at += kPublishRecords) {
      WriterLock lock(p_.lock);
      for (size_t i = at; i < std::min(at + kPublishRecords, chunk.size()); ++i) {
        if (!texts[i].has_value() || ContentHash(*texts[i]) != chunk[i].content) continue;
        if (table.Has(ordinals[i]) && table.content(ordinals[i]) == chunk[i].content) continue;
        table.Set(ordinals[i], chunk[i].content, chunk[i].codes);
        p_.sink.SetVector(activation.feature, ordinals[i], chunk[i].codes);
      }
    }
  }
  return OkStatus();
}

void Applier::RaiseStage(const Activation& activation) {
  VectorTable& vectors = *p_.state.FindVectors(activation.feature);
  if (activation.kind == Activation::Kind::kAllVectors) vectors.Raise(VectorStage::kReady);
  // Not one that misses vectors after all, because their artifact was lost: a job makes them anew.
  if (activation.kind == Activation::Kind::kEpoch && vectors.stage() == VectorStage::kReady) {
    vectors.Raise(VectorStage::kActive);
  }
}

void Applier::NoteBase(const Activation& activation) {
  if (activation.kind == Activation::Kind::kNoBase) {
    bases_.Clear(activation.feature);
  } else {
    bases_.Add(activation.feature, activation.artifact);
  }
}

void Applier::RemoveOldBases() {
  for (const Digest& artifact : bases_.TakeUnneeded()) {
    if (const Status removed = p_.artifacts.Remove(artifact); !removed.ok()) {
      NoteArtifactError(removed);
    }
  }
}

// Those that were made but not activated, because of a crash or an error between the two. A base is
// one file and nothing else: an encoder that a client put there is never taken for one.
void Applier::RemoveLostBases() {
  const auto artifacts = p_.artifacts.List();
  if (!artifacts.ok()) return NoteArtifactError(artifacts.status());
  for (const Digest& artifact : *artifacts) {
    const auto dir = p_.artifacts.Path(artifact);
    if (!dir.ok()) continue;
    const auto files = p_.fs.List(*dir);
    if (!files.ok()) {
      NoteArtifactError(files.status());
    } else if (files->size() == 1 && files->front() == kBaseFileName) {
      bases_.AddUnneeded(artifact);
    }
  }
  RemoveOldBases();
}

Status Applier::ChangeBase(const Activation& activation) {
  std::unique_ptr<RowSink::LoadedBase> base;
  if (activation.kind == Activation::Kind::kNoBase) {
    const VectorTable& vectors = *p_.state.FindVectors(activation.feature);
    LARDER_ASSIGN_OR_RETURN(base, p_.sink.LoadNoBase(activation.feature, vectors));
  } else {
    LARDER_ASSIGN_OR_RETURN(const std::string dir, p_.artifacts.Path(activation.artifact));
    StateReader reader(p_.state, p_.db, p_.state.last_arrival);
    LARDER_ASSIGN_OR_RETURN(base, p_.sink.LoadBase(activation.feature, dir, reader));
  }
  WriterLock lock(p_.lock);
  p_.sink.InstallBase(activation.feature, *base);
  return OkStatus();
}

void Applier::Finish(const Entry& entry, uint64_t checksum) {
  p_.state.applied = Position::Of(entry.number, 0);
  p_.state.checksum = checksum;
  p_.state.last_arrival = std::max(p_.state.last_arrival, entry.arrival);
}

Status Applier::Restore(const ControlNote& note) {
  if (note.kind == EntryKind::kRevision) {
    LARDER_ASSIGN_OR_RETURN(NewRevision revision, Decide(note));
    Publish(std::move(revision), note);
    return OkStatus();
  }
  LARDER_ASSIGN_OR_RETURN(const Activation activation, DecodeActivation(note.control));
  if (p_.state.FindVectors(activation.feature) == nullptr) return OkStatus();
  if (activation.kind == Activation::Kind::kIndexBase ||
      activation.kind == Activation::Kind::kNoBase) {
    // Any base will do, so also one that could not be loaded then.
    NoteBase(activation);
  } else if (note.installed) {
    RaiseStage(activation);
  }
  return OkStatus();
}

void Applier::EndRecovery() {
  for (const auto& window : p_.state.windows()) window->EndRecovery();
  recovering_ = false;
  for (const auto& [feature, artifacts] : bases_.all()) {
    for (auto artifact = artifacts.rbegin(); artifact != artifacts.rend(); ++artifact) {
      const Status status = ChangeBase({.kind = Activation::Kind::kIndexBase,
                                        .feature = feature,
                                        .artifact = *artifact});
      if (status.ok()) break;
      NoteArtifactError(status);
    }
  }
  RemoveLostBases();
}

void Applier::NoteArtifactError(const Status& status) {
  MutexLock lock(errors_mutex_);
  ++errors_.count;
  errors_.last = status.ToString();
}

Applier::ArtifactErrors Applier::artifact_errors() const {
  MutexLock lock(errors_mutex_);
  return errors_;
}

}  // namespace larder::featurestore
