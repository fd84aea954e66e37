// SPDX-License-Identifier: Apache-2.0
#include "tests/serving/fake_store.h"

#include <chrono>
#include <thread>
#include <utility>

namespace larder::serving {

using featurestore::Position;
using registry::Column;
using registry::Kind;
using registry::Ordinal;
using registry::Reason;

namespace {

void Append(const FakeValue& value, Column& out) {
  if (std::holds_alternative<std::monostate>(value)) {
    out.AppendNull(Reason::kInputNull);
  } else if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    for (const std::string& item : *list) out.AddString(item);
    out.EndList();
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    out.AppendString(*text);
  } else if (const auto* integer = std::get_if<int64_t>(&value)) {
    if (registry::IsNumber(out.type.kind) && out.type.kind != Kind::kInt64) {
      out.AppendDouble(static_cast<double>(*integer));
    } else {
      out.AppendInt(*integer);
    }
  } else {
    out.AppendDouble(std::get<double>(value));
  }
}

}  // namespace

class FakeSnapshot : public featurestore::Snapshot {
 public:
  explicit FakeSnapshot(FakeStore& store) : store_(store) { lock_.emplace(store.lock_); }
  // For who holds the writer's lock.
  struct AlreadyLocked {};
  FakeSnapshot(FakeStore& store, AlreadyLocked) : store_(store) {}

  Position position() const override { return store_.position(); }
  TimeUs time() const override { return store_.clock_.Now(); }
  const registry::History& history() const override { return store_.history_; }
  bool IsActive(const registry::StoredFeature& feature) const override {
    return !store_.inactive_.contains(feature.digest) && !store_.ready_.contains(feature.digest);
  }
  std::span<const uint64_t> Candidates(std::string_view entity) const override {
    const auto it = store_.entities_.find(entity);
    if (it == store_.entities_.end()) return {};
    return it->second.candidates;
  }
  Reason CandidateState(std::string_view entity, Ordinal ordinal) const override {
    const FakeStore::Entity& known = store_.entities_.find(entity)->second;
    if (known.candidates[ordinal / 64] >> (ordinal % 64) & 1) return Reason::kValid;
    return known.deleted.contains(ordinal) ? Reason::kDeleted : Reason::kNotFound;
  }
  void FindKeys(std::string_view entity, std::span<const std::string_view> keys,
                std::span<Ordinal> ordinals) override {
    const auto it = store_.entities_.find(entity);
    for (size_t i = 0; i < keys.size(); ++i) {
      ordinals[i] = registry::kNoOrdinal;
      if (it == store_.entities_.end()) continue;
      const auto known = it->second.ordinals.find(keys[i]);
      if (known != it->second.ordinals.end()) ordinals[i] = known->second;
    }
  }
  std::string_view KeyOf(std::string_view entity, Ordinal ordinal) override {
    return store_.entities_.find(entity)->second.keys.at(ordinal);
  }
  Status Read(const registry::StoredFeature& feature, std::span<const Ordinal> ordinals,
              bool want_times, Column& out) override {
    if (store_.on_read) LARDER_RETURN_IF_ERROR(store_.on_read(feature, ordinals));
    for (const Ordinal ordinal : ordinals) {
      TimeUs time = registry::kNoTime;
      ReadOne(feature, ordinal, time, out);
      if (want_times) out.times.push_back(time);
    }
    return OkStatus();
  }

 private:
  void ReadOne(const registry::StoredFeature& feature, Ordinal ordinal, TimeUs& time,
               Column& out) {
    if (feature.kind == registry::StoredKind::kAggregate) {
      return ReadAggregate(feature, ordinal, out);
    }
    if (ordinal == registry::kNoOrdinal) return out.AppendNull(Reason::kNotFound);
    if (feature.kind == registry::StoredKind::kVector) {
      if (!IsActive(feature)) return out.AppendNull(Reason::kNeverComputed);
      const auto& vectors = store_.vectors_[feature.digest];
      const auto it = vectors.find(ordinal);
      return it == vectors.end() ? out.AppendNull(Reason::kNotFound) : out.AppendCodes(it->second);
    }
    const auto& rows = store_.tables_[feature.source];
    const auto row = rows.find(ordinal);
    if (row == rows.end()) return out.AppendNull(Reason::kNotFound);
    time = row->second.time;
    const auto value = row->second.values.find(feature.column);
    value == row->second.values.end() ? out.AppendNull(Reason::kInputNull)
                                      : Append(value->second, out);
  }

  void ReadAggregate(const registry::StoredFeature& feature, Ordinal ordinal, Column& out) {
    const registry::Aggregate* aggregate =
        store_.history_.current()->registry->FindAggregate(feature.digest);
    if (ordinal != registry::kNoOrdinal) {
      const auto& values = store_.aggregates_[aggregate->name];
      const auto it = values.find(std::string(KeyOf(feature.entity, ordinal)));
      if (it != values.end()) return Append(it->second, out);
    }
    if (out.type.list) return out.EndList();
    out.AppendInt(0);
  }

  FakeStore& store_;
  std::optional<ReaderLock> lock_;
};

Ordinal FakeStore::OrdinalOf(const std::string& entity, const std::string& key) {
  Entity& known = entities_[entity];
  const auto [it, is_new] =
      known.ordinals.emplace(key, static_cast<Ordinal>(known.keys.size()));
  if (is_new) known.keys.push_back(key);
  known.candidates.resize((known.keys.size() + 63) / 64);
  return it->second;
}

void FakeStore::UpdateVectors(const std::string& table, Ordinal ordinal, const Row* row) {
  for (const registry::VectorFeature& feature : history_.current()->registry->vectors) {
    if (feature.source != table || inactive_.contains(feature.digest)) continue;
    if (row == nullptr || !row->values.contains("title")) {
      vectors_[feature.digest].erase(ordinal);
      sink_.SetVector(feature.digest, ordinal, {});
      continue;
    }
    std::vector<int8_t> codes(feature.code_size());
    const std::string_view text = std::get<std::string>(row->values.at("title"));
    LARDER_CHECK(embedder_.Embed(feature.space, registry::TextRole::kDocument, {&text, 1}, codes)
                     .ok());
    vectors_[feature.digest][ordinal] = codes;
    sink_.SetVector(feature.digest, ordinal, codes);
  }
}

void FakeStore::SetRow(const std::string& table, const std::string& key,
                       std::map<std::string, FakeValue> values, TimeUs time) {
  WriterLock lock(lock_);
  const std::string& entity = history_.current()->registry->FindSource(table)->entity;
  const Ordinal ordinal = OrdinalOf(entity, key);
  entities_[entity].candidates[ordinal / 64] |= uint64_t{1} << (ordinal % 64);
  entities_[entity].deleted.erase(ordinal);
  const Row& row = tables_[table][ordinal] = Row{std::move(values), time};
  UpdateVectors(table, ordinal, &row);
  ++position_;
}

void FakeStore::DeleteRow(const std::string& table, const std::string& key) {
  WriterLock lock(lock_);
  const std::string& entity = history_.current()->registry->FindSource(table)->entity;
  const Ordinal ordinal = OrdinalOf(entity, key);
  entities_[entity].candidates[ordinal / 64] &= ~(uint64_t{1} << (ordinal % 64));
  entities_[entity].deleted.insert(ordinal);
  tables_[table].erase(ordinal);
  UpdateVectors(table, ordinal, nullptr);
  ++position_;
}

void FakeStore::SetAggregate(const std::string& name, const std::string& key, FakeValue value) {
  WriterLock lock(lock_);
  for (const registry::Aggregate& aggregate : history_.current()->registry->aggregates) {
    if (aggregate.name != name) continue;
    OrdinalOf(aggregate.entity, key);
    aggregates_[name][key] = std::move(value);
    ++position_;
    return;
  }
  LARDER_CHECK(false && "unknown aggregate");
}

void FakeStore::SetInactive(const std::string& vector_feature,
                            std::vector<featurestore::VectorInput> missing) {
  WriterLock lock(lock_);
  const auto* feature = history_.current()->registry->FindVectorByName(vector_feature);
  LARDER_CHECK(feature != nullptr);
  inactive_[feature->digest] = std::move(missing);
}

StatusOr<featurestore::IngestResult> FakeStore::Ingest(
    const featurestore::IngestRequest& request) {
  if (on_ingest) return on_ingest(request);
  return Unavailable("the fake store takes no records");
}

StatusOr<uint64_t> FakeStore::Propose(registry::RevisionRecord record, Position* position) {
  WriterLock lock(lock_);
  LARDER_ASSIGN_OR_RETURN(const registry::Revision* revision,
                          history_.Apply(std::move(record), clock_.Now()));
  for (const registry::VectorFeature& feature : revision->registry->vectors) {
    sink_.AddVectorFeature(feature);
  }
  ++position_;
  if (position != nullptr) *position = this->position();
  return revision->number;
}

StatusOr<Position> FakeStore::Activate(const featurestore::Activation& activation) {
  WriterLock lock(lock_);
  if (!activate_errors.empty()) {
    const Status error = activate_errors.front();
    activate_errors.erase(activate_errors.begin());
    return error;
  }
  if (activation.kind == featurestore::Activation::Kind::kIndexBase) {
    LARDER_ASSIGN_OR_RETURN(const std::string dir, artifacts_.Path(activation.artifact));
    FakeSnapshot keys(*this, FakeSnapshot::AlreadyLocked{});
    LARDER_ASSIGN_OR_RETURN(const auto base, sink_.LoadBase(activation.feature, dir, keys));
    sink_.InstallBase(activation.feature, *base);
  }
  if (activation.kind == featurestore::Activation::Kind::kNoBase) {
    const featurestore::RowTable rows("any", "any");
    for (const registry::VectorFeature& feature : history_.current()->registry->vectors) {
      if (feature.digest != activation.feature) continue;
      featurestore::VectorTable table(feature, "", rows, featurestore::VectorStage::kActive);
      for (const auto& [ordinal, codes] : vectors_[feature.digest]) table.Set(ordinal, {}, codes);
      LARDER_ASSIGN_OR_RETURN(const auto base, sink_.LoadNoBase(feature.digest, table));
      sink_.InstallBase(feature.digest, *base);
    }
  }
  if (activation.kind == featurestore::Activation::Kind::kAllVectors) {
    inactive_.erase(activation.feature);
    ready_.insert(activation.feature);
  }
  if (activation.kind == featurestore::Activation::Kind::kEpoch) ready_.erase(activation.feature);
  activations.push_back(activation);
  ++position_;
  return position();
}

StatusOr<std::unique_ptr<featurestore::Snapshot>> FakeStore::Read(
    Position min_position, std::chrono::steady_clock::time_point deadline,
    const std::function<bool()>& cancelled) {
  last_deadline = deadline;
  // Only calls that can be cancelled are worth a wait: nothing moves this store's position.
  if (min_position > position() && cancelled) {
    ++waiting;
    bool given_up = false;
    while (!given_up && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
      given_up = cancelled();
    }
    --waiting;
    if (given_up) return Cancelled("the wait for a position was given up");
  }
  auto snapshot = std::make_unique<FakeSnapshot>(*this);
  if (min_position > position()) return Unavailable("position not reached before the deadline");
  return snapshot;
}

StatusOr<featurestore::PendingVectors> FakeStore::FindPendingVectors(
    const Digest& feature, registry::Ordinal from, const featurestore::PendingLimits& limits) {
  if (on_missing) on_missing();
  ReaderLock lock(lock_);
  featurestore::PendingVectors pending{.next = from};
  if (const auto it = inactive_.find(feature); it != inactive_.end()) {
    for (; pending.next < it->second.size() && pending.inputs.size() < limits.max_texts;
         ++pending.next) {
      pending.inputs.push_back(it->second[pending.next]);
    }
    pending.left = it->second.size() - pending.next;
  }
  pending.is_last = pending.left == 0;
  return pending;
}

featurestore::StoreStats FakeStore::Stats() const {
  ReaderLock lock(lock_);
  featurestore::StoreStats stats;
  stats.applied = stats.synced = position();
  stats.failure = Message(Health());
  if (history_.current() == nullptr) return stats;
  stats.revision = history_.current()->number;
  for (const registry::Source& source : history_.current()->registry->sources) {
    const auto it = tables_.find(source.name);
    featurestore::SourceStats& out = stats.sources.emplace_back();
    out.name = source.name;
    out.records = it == tables_.end() ? 0 : it->second.size();
  }
  for (const registry::VectorFeature& feature : history_.current()->registry->vectors) {
    featurestore::VectorStats& out = stats.vectors.emplace_back();
    out.name = feature.name;
    out.feature = feature.digest;
    out.stage = inactive_.contains(feature.digest) ? featurestore::VectorStage::kComputing
                : ready_.contains(feature.digest)  ? featurestore::VectorStage::kReady
                                                   : featurestore::VectorStage::kActive;
  }
  return stats;
}

}  // namespace larder::serving
