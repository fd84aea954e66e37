// SPDX-License-Identifier: Apache-2.0
#include "serving/index_sink.h"

#include <string_view>
#include <utility>

#include "ann/graph_base.h"
#include "featurestore/vector_table.h"

namespace larder::serving {

static_assert(registry::kNoOrdinal == ann::kNoId, "ordinals are used as ids of the index");

// The live index as it is with its new base.
struct IndexSink::PreparedIndex : featurestore::RowSink::LoadedBase {
  std::unique_ptr<ann::VectorIndex> index;
  Digest digest;  // of the base's artifact
};

void IndexSink::AddVectorFeature(const registry::VectorFeature& feature) {
  LiveIndex& live = indexes_[feature.digest];
  live.name = feature.name;  // the same digest may come again under another name
  if (live.index != nullptr) return;
  live.entity = feature.entity;
  live.source = feature.source;
  live.feature = feature.digest;
  live.index = std::make_unique<ann::VectorIndex>(
      ann::VectorIndexOptions{
          .shape = {.dim = feature.dimensions, .has_low = feature.floats},
          .space = feature.space});
}

void IndexSink::SetVector(const Digest& feature, registry::Ordinal ordinal,
                          std::span<const int8_t> vector) {
  const auto it = indexes_.find(feature);
  if (it == indexes_.end()) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  LiveIndex& live = it->second;
  const bool was_full = IsFull(live);
  if (vector.empty()) {
    live.index->Remove(ordinal);
  } else if (!live.index->Upsert(ordinal, vector).ok()) {
    refused_.fetch_add(1, std::memory_order_relaxed);
  }
  CountFull(was_full, live);
}

StatusOr<std::unique_ptr<featurestore::RowSink::LoadedBase>> IndexSink::LoadBase(
    const Digest& feature, const std::string& dir, registry::FeatureReader& keys) {
  // Only apply's thread, which calls this, ever changes the map and the indexes.
  const auto it = indexes_.find(feature);
  if (it == indexes_.end()) return NotFound("no vector feature ", feature.Short());
  LARDER_ASSIGN_OR_RETURN(const std::shared_ptr<const ann::GraphBase> graph,
                          ann::GraphBase::Open(dir));
  const ann::VectorIndex& index = *it->second.index;
  if (graph->space() != index.space() || graph->shape() != index.shape()) {
    return FailedPrecondition("index base ", dir, ": it holds space ", graph->space().Short(),
                              " of ", graph->dim(), " dimensions, '", it->second.name, "' has ",
                              index.space().Short(), " of ", index.dim());
  }
  std::vector<std::string_view> names(graph->row_count());
  for (size_t row = 0; row < names.size(); ++row) names[row] = graph->key(row);
  std::vector<registry::Ordinal> ordinals(names.size(), registry::kNoOrdinal);
  keys.FindKeys(it->second.entity, names, ordinals);
  auto prepared = std::make_unique<PreparedIndex>();
  LARDER_ASSIGN_OR_RETURN(prepared->index, index.WithBase(graph, ordinals));
  // An artifact's directory is its digest (S11).
  const std::string_view path = dir;
  if (auto digest = Digest::FromHex(path.substr(path.rfind('/') + 1)); digest.ok()) {
    prepared->digest = *digest;
  }
  return prepared;
}

StatusOr<std::unique_ptr<featurestore::RowSink::LoadedBase>> IndexSink::LoadNoBase(
    const Digest& feature, const featurestore::VectorTable& vectors) {
  const auto it = indexes_.find(feature);
  if (it == indexes_.end()) return NotFound("no vector feature ", feature.Short());
  auto prepared = std::make_unique<PreparedIndex>();
  prepared->index = std::make_unique<ann::VectorIndex>(it->second.index->options());
  for (registry::Ordinal ordinal = 0; ordinal < vectors.end(); ++ordinal) {
    if (!vectors.Has(ordinal)) continue;
    LARDER_RETURN_IF_ERROR(prepared->index->Upsert(ordinal, vectors.Find(ordinal)));
  }
  return prepared;
}

void IndexSink::InstallBase(const Digest& feature, LoadedBase& base) {
  const auto it = indexes_.find(feature);
  auto* prepared = dynamic_cast<PreparedIndex*>(&base);
  if (it == indexes_.end() || prepared == nullptr) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const bool was_full = IsFull(it->second);
  std::swap(it->second.index, prepared->index);
  std::swap(it->second.base_digest, prepared->digest);
  CountFull(was_full, it->second);
}

void IndexSink::CountFull(bool was_full, const LiveIndex& live) {
  const bool is_full = IsFull(live);
  if (is_full == was_full) return;
  full_.fetch_add(is_full ? 1 : size_t{0} - 1, std::memory_order_relaxed);
}

const LiveIndex* IndexSink::Find(const Digest& feature, const featurestore::Snapshot&) const {
  const auto it = indexes_.find(feature);
  return it == indexes_.end() ? nullptr : &it->second;
}

std::vector<const LiveIndex*> IndexSink::All(const featurestore::Snapshot&) const {
  std::vector<const LiveIndex*> all;
  all.reserve(indexes_.size());
  for (const auto& [digest, live] : indexes_) all.push_back(&live);
  return all;
}

}  // namespace larder::serving
