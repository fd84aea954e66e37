// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_PENDING_VECTORS_H_
#define LARDER_FEATURESTORE_PENDING_VECTORS_H_

#include "base/hash.h"
#include "base/status.h"
#include "base/sync.h"
#include "featurestore/store.h"
#include "featurestore/store_state.h"
#include "registry/stored_feature.h"

namespace larder::featurestore {

// Store::FindPendingVectors. Takes the reader lock for a few hundred rows at a time: what changes
// meanwhile gets its vector in apply or is wanted anew, and what was found of it is dropped when it
// is activated (S7.3).
StatusOr<PendingVectors> FindPendingVectors(const StoreState& state, SharedMutex& lock,
                                            const Digest& feature, registry::Ordinal from,
                                            const PendingLimits& limits,
                                            const registry::TextEmbedder& embedder);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_PENDING_VECTORS_H_
