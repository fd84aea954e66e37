// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_EVICT_H_
#define LARDER_FEATURESTORE_EVICT_H_

#include <cstddef>

#include "base/sync.h"
#include "featurestore/checkpoint.h"
#include "featurestore/store_state.h"

namespace larder::featurestore {

// Drops keys whose state is all stored, of entities that are not resident and have more than
// `cached_keys` in memory; those not used lately first. Takes the writer lock for a few hundred
// keys at a time. Nothing happens while a checkpoint is being written.
// Thread-safety: apply must stand still meanwhile.
void EvictCleanKeys(StoreState& state, SharedMutex& lock, Checkpointer& checkpointer,
                    size_t cached_keys);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_EVICT_H_
