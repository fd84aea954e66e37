// SPDX-License-Identifier: Apache-2.0
#include "featurestore/store_state.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/bytes.h"
#include "featurestore/rocksdb_state.h"

namespace larder::featurestore {

using registry::StoredKind;

std::string EncodeControlNote(const ControlNote& note) {
  std::string out;
  ByteWriter writer(out);
  writer.SignedVarint(note.arrival);
  writer.Fixed(static_cast<uint8_t>(note.kind));
  writer.Fixed<uint8_t>(note.installed);
  writer.Varint(note.sources_with_records.size());
  for (const std::string& source : note.sources_with_records) writer.String(source);
  writer.String(note.control);
  return out;
}

StatusOr<ControlNote> DecodeControlNote(Position position, std::string_view bytes) {
  ByteReader in(bytes);
  ControlNote note;
  note.position = position;
  note.arrival = in.SignedVarint();
  const auto kind = in.Fixed<uint8_t>();
  if (kind != static_cast<uint8_t>(EntryKind::kRevision) &&
      kind != static_cast<uint8_t>(EntryKind::kActivate)) {
    in.Fail();
  }
  note.kind = static_cast<EntryKind>(kind);
  note.installed = in.Fixed<uint8_t>() != 0;
  const size_t sources = in.Count();
  for (size_t i = 0; i < sources && in.ok(); ++i) {
    note.sources_with_records.emplace(in.String());
  }
  note.control = std::string(in.String());
  LARDER_RETURN_IF_ERROR(in.Finish("control record"));
  return note;
}

EntityState* StoreState::FindEntity(std::string_view name) const {
  const auto found = entity_by_name_.find(name);
  return found == entity_by_name_.end() ? nullptr : found->second;
}

SourceState* StoreState::FindSource(std::string_view name) const {
  const auto found = source_by_name_.find(name);
  return found == source_by_name_.end() ? nullptr : found->second;
}

RowTable* StoreState::FindTable(std::string_view name) const {
  const SourceState* source = FindSource(name);
  return source == nullptr ? nullptr : source->rows;
}

WindowTable* StoreState::FindWindow(const Digest& digest) const {
  const auto found = window_by_digest_.find(digest);
  return found == window_by_digest_.end() ? nullptr : found->second;
}

VectorTable* StoreState::FindVectors(const Digest& digest) const {
  const auto found = vectors_by_digest_.find(digest);
  return found == vectors_by_digest_.end() ? nullptr : found->second;
}

WindowTable* StoreState::FindWindowByPrefix(std::string_view digest_prefix) const {
  const auto found = window_by_prefix_.find(digest_prefix);
  return found == window_by_prefix_.end() ? nullptr : found->second;
}

VectorTable* StoreState::FindVectorsByPrefix(std::string_view digest_prefix) const {
  const auto found = vectors_by_prefix_.find(digest_prefix);
  return found == vectors_by_prefix_.end() ? nullptr : found->second;
}

bool StoreState::IsActive(const registry::StoredFeature& feature) const {
  if (feature.kind == StoredKind::kAggregate) {
    const WindowTable* window = FindWindow(feature.digest);
    return window != nullptr && window->active();
  }
  if (feature.kind == StoredKind::kVector) {
    const VectorTable* vectors = FindVectors(feature.digest);
    return vectors != nullptr && vectors->active();
  }
  return FindTable(feature.source) != nullptr;
}

std::set<std::string, std::less<>> StoreState::SourcesWithRecords() const {
  std::set<std::string, std::less<>> names;
  for (const auto& source : sources_) {
    if (source->records > 0) names.insert(source->name);
  }
  return names;
}

size_t StoreState::DirtyCount() const {
  size_t count = new_notes.size();
  for (const auto& entity : entities_) count += entity->dirty_seen_count();
  for (const auto& table : tables_) count += table->dirty_count();
  for (const auto& window : windows_) count += window->dirty_count();
  for (const auto& vectors : vectors_) count += vectors->dirty_count();
  return count;
}

EntityState& StoreState::EntityFor(const std::string& name) {
  if (EntityState* entity = FindEntity(name)) return *entity;
  entities_.push_back(std::make_unique<EntityState>(name));
  entity_by_name_[name] = entities_.back().get();
  return *entities_.back();
}

SourceState& StoreState::SourceFor(const std::string& name) {
  if (SourceState* source = FindSource(name)) return *source;
  sources_.push_back(std::make_unique<SourceState>());
  sources_.back()->name = name;
  source_by_name_[name] = sources_.back().get();
  return *sources_.back();
}

size_t StoreState::KeyUseFor(SourceState& source, const std::string& column, EntityState& entity) {
  for (size_t i = 0; i < source.key_uses.size(); ++i) {
    const SourceState::KeyUse& use = source.key_uses[i];
    if (use.column == column && use.entity == &entity) return i;
  }
  source.key_uses.push_back({column, &entity});
  return source.key_uses.size() - 1;
}

void StoreState::AddSource(const registry::Source& schema) {
  SourceState& source = SourceFor(schema.name);
  for (const registry::SourceColumn& column : schema.columns) {
    if (!column.entity.empty()) KeyUseFor(source, column.name, EntityFor(column.entity));
  }
  if (!schema.table) return;
  EntityState& entity = EntityFor(schema.entity);
  source.row_key = KeyUseFor(source, schema.columns[schema.key_column].name, entity);
  if (source.rows != nullptr) return;
  tables_.push_back(std::make_unique<RowTable>(schema.name, schema.entity));
  source.rows = tables_.back().get();
  entity.AddTable(*source.rows);
}

void StoreState::AddAggregate(const registry::CompiledRegistry& registry,
                              const registry::Aggregate& aggregate, const ControlNote& note) {
  const registry::Source* schema = registry.FindSource(aggregate.source);
  LARDER_CHECK(schema != nullptr);
  SourceState& source = SourceFor(aggregate.source);
  if (WindowTable* known = FindWindow(aggregate.digest)) {
    // Its program now indexes the columns of the newest schema, which spares a remapping.
    for (SourceState::AggregateUse& use : source.aggregates) {
      if (use.window == known) use = {known, &aggregate, schema, use.key_use};
    }
    return;
  }
  EntityState& entity = EntityFor(aggregate.entity);
  const bool active = !note.sources_with_records.contains(aggregate.source);
  windows_.push_back(std::make_unique<WindowTable>(aggregate, note.position, active));
  WindowTable& window = *windows_.back();
  window_by_digest_[aggregate.digest] = &window;
  window_by_prefix_[std::string(DigestPrefix(aggregate.digest))] = &window;
  entity.AddWindow(window);
  const size_t key_use =
      KeyUseFor(source, schema->columns[aggregate.key_column].name, entity);
  source.aggregates.push_back({&window, &aggregate, schema, key_use});
}

bool StoreState::Replaces(const registry::VectorFeature& feature, const ControlNote& note) const {
  const auto& revisions = history_.revisions();
  for (auto it = std::next(revisions.rbegin()); it != revisions.rend(); ++it) {
    const registry::VectorFeature* old = (*it)->registry->FindVectorByName(feature.name);
    if (old == nullptr || !FindVectors(old->digest)->active()) continue;
    return note.sources_with_records.contains(old->source);
  }
  return false;
}

void StoreState::AddVector(const registry::CompiledRegistry& registry,
                           const registry::VectorFeature& feature, const ControlNote& note) {
  const registry::Source* schema = registry.FindSource(feature.source);
  LARDER_CHECK(schema != nullptr);
  SourceState& source = SourceFor(feature.source);
  if (VectorTable* known = FindVectors(feature.digest)) {
    known->set_feature(feature);
    for (SourceState::VectorUse& use : source.vectors) {
      if (use.vectors == known) use = {known, &feature, schema};
    }
    return;
  }
  // Vectors that come with the rows need no job: apply takes them from the rows at once.
  const bool external = feature.column >= 0;
  VectorStage stage = VectorStage::kActive;
  if (!external && note.sources_with_records.contains(feature.source)) {
    stage = VectorStage::kComputing;
  } else if (Replaces(feature, note)) {
    stage = VectorStage::kReady;
  }
  std::string column =
      external ? schema->columns[static_cast<size_t>(feature.column)].name : std::string();
  vectors_.push_back(
      std::make_unique<VectorTable>(feature, std::move(column), *source.rows, stage));
  vectors_by_digest_[feature.digest] = vectors_.back().get();
  vectors_by_prefix_[std::string(DigestPrefix(feature.digest))] = vectors_.back().get();
  source.vectors.push_back({vectors_.back().get(), &feature, schema});
}

StatusOr<const registry::Revision*> StoreState::ApplyRevision(
    registry::RevisionRecord record, const registry::CompileResult& compiled,
    const ControlNote& note) {
  LARDER_ASSIGN_OR_RETURN(const registry::Revision* revision,
                          history_.Apply(std::move(record), compiled, note.arrival));
  const registry::CompiledRegistry& registry = *revision->registry;
  for (const registry::Entity& entity : registry.entities) {
    EntityState& state = EntityFor(entity.name);
    if (entity.candidate) state.set_candidate();
  }
  for (const registry::Source& source : registry.sources) AddSource(source);
  for (const registry::Aggregate& aggregate : registry.aggregates) {
    AddAggregate(registry, aggregate, note);
  }
  for (const registry::VectorFeature& feature : registry.vectors) {
    AddVector(registry, feature, note);
  }
  return revision;
}

}  // namespace larder::featurestore
