// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_INDEX_EPOCH_H_
#define LARDER_SERVING_INDEX_EPOCH_H_

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "featurestore/store.h"
#include "larder/v1/retrieval_service.pb.h"
#include "registry/compiled_registry.h"
#include "serving/index_sink.h"

namespace larder::serving {

// The vector feature that a name means (S7.5). Lives as long as the snapshot.
struct NamedVector {
  const registry::VectorFeature* feature = nullptr;
  uint64_t revision = 0;  // that it was found in
  bool active = false;
};

// The newest one that is active, going back from the live revision; if none is, the newest.
// Errors: kNotFound naming what the live revision has.
StatusOr<NamedVector> FindVector(std::string_view name, const featurestore::Snapshot& snapshot);

// The feature of this digest in the live revision, under the name that it has there; null if it
// has none. Lives as long as the snapshot.
const registry::VectorFeature* FindLive(const Digest& feature,
                                        const featurestore::Snapshot& snapshot);

// True once reads may use the feature (S7.5).
bool IsActive(const registry::VectorFeature& feature, const featurestore::Snapshot& snapshot);

// Which state of an index answers now. Call while holding the snapshot that gave `live`.
void SetEpoch(const LiveIndex& live, larder::v1::IndexEpoch* out);

}  // namespace larder::serving

#endif  // LARDER_SERVING_INDEX_EPOCH_H_
