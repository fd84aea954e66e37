// SPDX-License-Identifier: Apache-2.0
#include "featurestore/state_reader.h"

#include <algorithm>

namespace larder::featurestore {

using registry::Column;
using registry::kNoOrdinal;
using registry::kNoTime;
using registry::Ordinal;
using registry::Reason;
using registry::StoredKind;

void StateReader::FindKeys(std::string_view entity, std::span<const std::string_view> keys,
                           std::span<Ordinal> ordinals) {
  EntityState* state = state_.FindEntity(entity);
  if (state == nullptr) {
    std::fill(ordinals.begin(), ordinals.end(), kNoOrdinal);
    return;
  }
  std::as_const(*state).keys().FindAll(keys, ordinals);
  if (state->resident()) return;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (ordinals[i] != kNoOrdinal) {
      state->Touch(ordinals[i]);
    } else if (!state->complete() && !keys[i].empty()) {
      ordinals[i] = FindStored(*state, keys[i]);
    }
  }
}

Ordinal StateReader::FindStored(EntityState& entity, std::string_view key) {
  auto found = own_.find(entity.name());
  if (found == own_.end()) found = own_.try_emplace(entity.name()).first;
  OwnKeys& own = found->second;
  if (const auto same = own.ordinals.find(key); same != own.ordinals.end()) return same->second;
  StatusOr<std::optional<LoadedKey>> loaded = LoadKey(db_, state_, entity, key);
  if (!loaded.ok()) {
    if (failure_.ok()) failure_ = loaded.status();
    return kNoOrdinal;
  }
  if (!loaded->has_value()) return kNoOrdinal;
  const Ordinal ordinal = kFirstOwn + static_cast<Ordinal>(own.keys.size());
  own.keys.push_back(**std::move(loaded));
  own.ordinals.emplace(own.keys.back().key, ordinal);
  return ordinal;
}

std::string_view StateReader::KeyOf(std::string_view entity, Ordinal ordinal) {
  if (ordinal >= kFirstOwn) {
    const auto found = own_.find(entity);
    if (found == own_.end() || ordinal - kFirstOwn >= found->second.keys.size()) return {};
    return found->second.keys[ordinal - kFirstOwn].key;
  }
  const EntityState* state = state_.FindEntity(entity);
  return state == nullptr ? std::string_view() : state->keys().KeyOf(ordinal);
}

Status StateReader::Read(const registry::StoredFeature& feature, std::span<const Ordinal> ordinals,
                         bool want_times, Column& out) {
  if (!failure_.ok()) return failure_;
  const ReadAt at{now_, feature.ttl, want_times};
  switch (feature.kind) {
    case StoredKind::kTableColumn:
    case StoredKind::kRowTime:
      if (const RowTable* table = state_.FindTable(feature.source)) {
        if (feature.kind == StoredKind::kRowTime) return table->ReadTimes(ordinals, at, out);
        return table->Read(feature.column, ordinals, at, out);
      }
      break;
    case StoredKind::kAggregate:
      if (state_.FindWindow(feature.digest) != nullptr) {
        return ReadWindow(feature, ordinals, at, out);
      }
      break;
    case StoredKind::kVector:
      if (const VectorTable* vectors = state_.FindVectors(feature.digest)) {
        return vectors->Read(ordinals, at, out);
      }
      break;
  }
  // A definition that no revision has brought yet.
  for (size_t i = 0; i < ordinals.size(); ++i) out.AppendNull(Reason::kNeverComputed);
  if (want_times) out.times.resize(out.rows, kNoTime);
  return OkStatus();
}

Status StateReader::ReadWindow(const registry::StoredFeature& feature,
                               std::span<const Ordinal> ordinals, const ReadAt& at, Column& out) {
  const WindowTable& window = *state_.FindWindow(feature.digest);
  const auto own = own_.find(window.entity());
  if (own == own_.end() || own->second.keys.empty()) return window.Read(ordinals, at, out);
  for (size_t i = 0; i < ordinals.size(); ++i) {
    if (ordinals[i] < kFirstOwn || ordinals[i] == kNoOrdinal) {
      LARDER_RETURN_IF_ERROR(window.Read(ordinals.subspan(i, 1), at, out));
      continue;
    }
    const AggregateState* state = nullptr;
    const size_t index = ordinals[i] - kFirstOwn;
    if (index < own->second.keys.size()) {
      for (const LoadedKey::Window& stored : own->second.keys[index].windows) {
        if (stored.table == &window) state = stored.state.get();
      }
    }
    window.ReadState(state, at, out);
  }
  return OkStatus();
}

Reason StateReader::CandidateState(std::string_view entity, Ordinal ordinal) const {
  const EntityState* state = state_.FindEntity(entity);
  if (state == nullptr || ordinal == kNoOrdinal) return Reason::kNotFound;
  // Only keys that some record named are read from blobs.
  if (ordinal >= kFirstOwn) return Reason::kValid;
  return state->CandidateState(ordinal);
}

std::vector<std::pair<std::string, std::string>> StateReader::TakeLoaded() {
  std::vector<std::pair<std::string, std::string>> loaded;
  for (const auto& [entity, own] : own_) {
    for (const LoadedKey& key : own.keys) loaded.emplace_back(entity, key.key);
  }
  return loaded;
}

}  // namespace larder::featurestore
