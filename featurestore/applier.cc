// SPDX-License-Identifier: Apache-2.0
#include "featurestore/applier.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "featurestore/dedupe.h"
#include "featurestore/state_reader.h"
#include "featurestore/value_bytes.h"
#include "featurestore/vector_text.h"
#include "featurestore/vectors_file.h"

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

Applier::Outcome Applier::Apply(const Entry& entry) {
  switch (entry.kind) {
    case EntryKind::kData: return {ApplyData(entry), 0, false};
    case EntryKind::kRevision: return ApplyRevision(entry);
    case EntryKind::kActivate: return ApplyActivation(entry);
  }
  return {DataLoss("entry ", entry.number, " is of no known kind"), 0, false};
}

Status Applier::ApplyData(const Entry& entry) {
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
    change->table->Set(ordinals[change->row], change->content, change->codes);
    p_.sink.SetVector(change->table->feature().digest, ordinals[change->row], change->codes);
  }
}

Applier::Outcome Applier::ApplyRevision(const Entry& entry) {
  Outcome outcome;
  if (Position::Of(entry.number, 0) <= p_.state.applied) return outcome;
  ControlNote note;
  note.position = Position::Of(entry.number, 0);
  note.arrival = entry.arrival;
  note.kind = entry.kind;
  note.control = entry.control;
  note.sources_with_records = p_.state.SourcesWithRecords();
  {
    WriterLock lock(p_.lock);
    const StatusOr<const registry::Revision*> revision = MakeRevision(note);
    if (revision.ok()) {
      outcome.decision = (*revision)->number;
      outcome.new_definitions = true;
      p_.state.new_notes.push_back(std::move(note));
      outcome.failure = LoadNewlyResident();
      for (const auto& source : p_.state.sources()) {
        for (const SourceState::VectorUse& use : source->vectors) {
          if (use.feature->column >= 0) FillExternalVectors(*source, use);
        }
      }
    } else {
      outcome.decision = revision.status();
    }
    Finish(entry);
  }
  Published();
  return outcome;
}

StatusOr<const registry::Revision*> Applier::MakeRevision(const ControlNote& note) {
  LARDER_ASSIGN_OR_RETURN(registry::RevisionRecord record, registry::DecodeRevision(note.control));
  LARDER_ASSIGN_OR_RETURN(const registry::Revision* revision,
                          p_.state.ApplyRevision(std::move(record), note));
  for (const auto& vectors : p_.state.vectors()) {
    if (announced_.insert(vectors.get()).second) p_.sink.AddVectorFeature(vectors->feature());
  }
  return revision;
}

Status Applier::LoadNewlyResident() {
  for (const auto& entity : p_.state.entities()) {
    if (!entity->resident() || entity->complete()) continue;
    LARDER_RETURN_IF_ERROR(LoadAllKeys(p_.db, p_.state, *entity));
  }
  return OkStatus();
}

// A new feature over rows that carry their vectors: nothing to compute, so all rows get theirs now.
void Applier::FillExternalVectors(const SourceState& source, const SourceState::VectorUse& use) {
  if (use.vectors->size() > 0) return;  // not new: apply has filled it all along
  const Ordinal end = source.key_uses[source.row_key].entity->keys().end();
  for (Ordinal ordinal = 0; ordinal < end; ++ordinal) {
    const Row* row = std::as_const(*source.rows).Find(ordinal);
    if (row == nullptr) continue;
    const std::vector<float> values = ExternalVector(use, *row);
    if (values.empty()) continue;
    const std::vector<int8_t> codes = QuantizeVector(values);
    use.vectors->Set(ordinal, HashTo128(AsBytes(std::span<const float>(values))), codes);
    p_.sink.SetVector(use.feature->digest, ordinal, codes);
  }
}

Applier::Outcome Applier::ApplyActivation(const Entry& entry) {
  Outcome outcome;
  if (Position::Of(entry.number, 0) <= p_.state.applied) return outcome;
  const StatusOr<Activation> activation = DecodeActivation(entry.control);
  Status status = activation.status();
  if (activation.ok() && p_.state.FindVectors(activation->feature) == nullptr) {
    status = NotFound("vector feature ", activation->feature.Short(), " does not exist");
  }
  if (status.ok() && activation->kind == Activation::Kind::kVectors) {
    status = InstallVectors(*activation);
  } else if (status.ok() && recovering_) {
    bases_[activation->feature] = activation->artifact;
  } else if (status.ok()) {
    status = InstallBase(activation->feature, activation->artifact);
  }
  if (!status.ok()) NoteArtifactError(status);
  {
    WriterLock lock(p_.lock);
    if (status.ok() && activation->kind == Activation::Kind::kVectors) {
      p_.state.FindVectors(activation->feature)->Activate();
    }
    if (activation.ok()) {
      p_.state.new_notes.push_back({Position::Of(entry.number, 0), entry.arrival, entry.kind,
                                    entry.control, {}, status.ok()});
    }
    Finish(entry);
  }
  Published();
  if (!status.ok()) outcome.decision = status;
  return outcome;
}

// Vectors for rows that are older than their feature; those whose text changed since are dropped
// (S7.3). Until the feature is active nobody reads them, so they may go in piece by piece.
Status Applier::InstallVectors(const Activation& activation) {
  VectorTable& table = *p_.state.FindVectors(activation.feature);
  const SourceState& source = *p_.state.FindSource(table.feature().source);
  const auto use = std::find_if(source.vectors.begin(), source.vectors.end(),
                                [&](const auto& candidate) { return candidate.vectors == &table; });
  LARDER_CHECK(use != source.vectors.end());
  LARDER_ASSIGN_OR_RETURN(const std::string dir, p_.artifacts.Path(activation.artifact));
  LARDER_ASSIGN_OR_RETURN(
      const VectorsFile file,
      VectorsFile::Read(p_.fs, JoinPath(dir, kVectorsFileName), activation.feature,
                        table.feature().dimensions));
  std::vector<VectorsFile::Item> items;
  file.ForEach([&](const VectorsFile::Item& item) { items.push_back(item); });
  const KeyTable& keys = source.key_uses[source.row_key].entity->keys();
  for (size_t begin = 0; begin < items.size(); begin += kActivateChunk) {
    const auto chunk =
        std::span(items).subspan(begin, std::min(kActivateChunk, items.size() - begin));
    std::vector<Ordinal> ordinals;
    std::vector<const Row*> rows;
    for (const VectorsFile::Item& item : chunk) {
      ordinals.push_back(keys.Find(item.key));
      rows.push_back(std::as_const(*source.rows).Find(ordinals.back()));
    }
    LARDER_ASSIGN_OR_RETURN(const auto texts, VectorTexts(*use, rows, p_.embedder));
    for (size_t at = 0; at < chunk.size(); at += kPublishRecords) {
      WriterLock lock(p_.lock);
      for (size_t i = at; i < std::min(at + kPublishRecords, chunk.size()); ++i) {
        if (!texts[i].has_value() || ContentHash(*texts[i]) != chunk[i].content) continue;
        if (table.Has(ordinals[i]) && table.content(ordinals[i]) == chunk[i].content) continue;
        table.Set(ordinals[i], chunk[i].content, chunk[i].vector);
        p_.sink.SetVector(activation.feature, ordinals[i], chunk[i].vector);
      }
    }
  }
  return OkStatus();
}

Status Applier::InstallBase(const Digest& feature, const Digest& artifact) {
  LARDER_ASSIGN_OR_RETURN(const std::string dir, p_.artifacts.Path(artifact));
  LARDER_ASSIGN_OR_RETURN(auto base, p_.sink.LoadBase(feature, dir));
  WriterLock lock(p_.lock);
  StateReader reader(p_.state, p_.db, p_.state.last_arrival);
  p_.sink.InstallBase(feature, std::move(base), reader);
  return OkStatus();
}

void Applier::Finish(const Entry& entry) {
  p_.state.applied = Position::Of(entry.number, 0);
  p_.state.last_arrival = std::max(p_.state.last_arrival, entry.arrival);
}

Status Applier::Restore(const ControlNote& note) {
  if (note.kind == EntryKind::kRevision) return MakeRevision(note).status();
  LARDER_ASSIGN_OR_RETURN(const Activation activation, DecodeActivation(note.control));
  VectorTable* vectors = p_.state.FindVectors(activation.feature);
  if (vectors == nullptr || !note.installed) return OkStatus();
  if (activation.kind == Activation::Kind::kVectors) {
    vectors->Activate();
  } else {
    bases_[activation.feature] = activation.artifact;
  }
  return OkStatus();
}

void Applier::EndRecovery() {
  for (const auto& window : p_.state.windows()) window->EndRecovery();
  recovering_ = false;
  for (const auto& [feature, artifact] : std::exchange(bases_, {})) {
    const Status status = InstallBase(feature, artifact);
    if (!status.ok()) NoteArtifactError(status);
  }
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
