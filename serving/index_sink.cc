// SPDX-License-Identifier: Apache-2.0
#include "serving/index_sink.h"

#include <string_view>
#include <utility>

#include "ann/graph_base.h"

namespace larder::serving {

static_assert(registry::kNoOrdinal == ann::kNoId, "ordinals are used as ids of the index");

struct IndexSink::GraphArtifact : featurestore::RowSink::LoadedBase {
  std::shared_ptr<const ann::GraphBase> graph;
  Digest digest;
};

void IndexSink::AddVectorFeature(const registry::VectorFeature& feature) {
  LiveIndex& live = indexes_[feature.digest];
  live.name = feature.name;  // the same digest may come again under another name
  if (live.index != nullptr) return;
  live.entity = feature.entity;
  live.feature = feature.digest;
  live.index = std::make_unique<ann::VectorIndex>(
      ann::VectorIndexOptions{.dim = feature.dimensions, .space = feature.space});
}

void IndexSink::SetVector(const Digest& feature, registry::Ordinal ordinal,
                          std::span<const int8_t> vector) {
  const auto it = indexes_.find(feature);
  if (it == indexes_.end()) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (vector.empty()) {
    it->second.index->Remove(ordinal);
  } else if (!it->second.index->Upsert(ordinal, vector).ok()) {
    refused_.fetch_add(1, std::memory_order_relaxed);
  }
}

StatusOr<std::unique_ptr<featurestore::RowSink::LoadedBase>> IndexSink::LoadBase(
    const Digest& feature, const std::string& dir) {
  // Only apply's thread, which calls this, ever changes the map.
  const auto it = indexes_.find(feature);
  if (it == indexes_.end()) return NotFound("no vector feature ", feature.Short());
  auto artifact = std::make_unique<GraphArtifact>();
  LARDER_ASSIGN_OR_RETURN(artifact->graph, ann::GraphBase::Open(fs_, dir));
  const ann::VectorIndex& index = *it->second.index;
  if (artifact->graph->space() != index.space() || artifact->graph->dim() != index.dim()) {
    return FailedPrecondition("index base ", dir, ": it holds space ",
                              artifact->graph->space().Short(), " of ", artifact->graph->dim(),
                              " dimensions, '", it->second.name, "' has ", index.space().Short(),
                              " of ", index.dim());
  }
  // An artifact's directory is its digest (S11).
  const std::string_view path = dir;
  if (auto digest = Digest::FromHex(path.substr(path.rfind('/') + 1)); digest.ok()) {
    artifact->digest = *digest;
  }
  return artifact;
}

void IndexSink::InstallBase(const Digest& feature, std::unique_ptr<LoadedBase> base,
                            registry::FeatureReader& keys) {
  const auto it = indexes_.find(feature);
  auto* artifact = dynamic_cast<GraphArtifact*>(base.get());
  if (it == indexes_.end() || artifact == nullptr) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const size_t rows = artifact->graph->row_count();
  std::vector<std::string_view> names(rows);
  for (size_t row = 0; row < rows; ++row) names[row] = artifact->graph->key(row);
  std::vector<registry::Ordinal> ordinals(rows, registry::kNoOrdinal);
  keys.FindKeys(it->second.entity, names, ordinals);
  if (it->second.index->InstallBase(artifact->graph, ordinals).ok()) {
    it->second.base_digest = artifact->digest;
  } else {
    refused_.fetch_add(1, std::memory_order_relaxed);
  }
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
