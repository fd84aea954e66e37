// SPDX-License-Identifier: Apache-2.0
#include "serving/index_epoch.h"

#include <optional>
#include <span>

#include "base/bytes.h"
#include "serving/known_names.h"

namespace larder::serving {

bool IsActive(const registry::VectorFeature& feature, const featurestore::Snapshot& snapshot) {
  registry::StoredFeature stored;
  stored.kind = registry::StoredKind::kVector;
  stored.entity = feature.entity;
  stored.digest = feature.digest;
  return snapshot.IsActive(stored);
}

const registry::VectorFeature* FindLive(const Digest& feature,
                                        const featurestore::Snapshot& snapshot) {
  const registry::Revision* live = snapshot.history().current();
  if (live == nullptr) return nullptr;
  for (const registry::VectorFeature& vector : live->registry->vectors) {
    if (vector.digest == feature) return &vector;
  }
  return nullptr;
}

StatusOr<NamedVector> FindVector(std::string_view name, const featurestore::Snapshot& snapshot) {
  const auto& revisions = snapshot.history().revisions();
  std::optional<NamedVector> newest;
  for (auto it = revisions.rbegin(); it != revisions.rend(); ++it) {
    const registry::VectorFeature* feature = (*it)->registry->FindVectorByName(name);
    // A name that the live revision no longer has is gone.
    if (feature == nullptr && !newest.has_value()) break;
    if (feature == nullptr) continue;
    const NamedVector found{feature, (*it)->number, IsActive(*feature, snapshot)};
    if (found.active) return found;
    if (!newest.has_value()) newest = found;
  }
  if (newest.has_value()) return *newest;
  std::span<const registry::VectorFeature> known;
  if (!revisions.empty()) known = revisions.back()->registry->vectors;
  return NotFound("unknown vector feature '", IsUtf8(name) ? name : "(not UTF-8)", "'",
                  ExpectedOneOf(known));
}

void SetEpoch(const LiveIndex& live, v1::IndexEpoch* out) {
  const ann::VectorIndex::Stats stats = live.index->GetStats();
  out->set_feature(live.name);
  out->set_feature_digest(live.feature.Hex());
  out->set_space(live.index->space().Hex());
  if (!live.base_digest.empty()) out->set_base_digest(live.base_digest.Hex());
  out->set_base_vectors(stats.base_rows - stats.masked_rows);
  out->set_delta_vectors(stats.delta_size);
}

}  // namespace larder::serving
