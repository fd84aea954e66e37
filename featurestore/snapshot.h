// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_SNAPSHOT_H_
#define LARDER_FEATURESTORE_SNAPSHOT_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/sync.h"
#include "featurestore/rocksdb_state.h"
#include "featurestore/store.h"
#include "featurestore/store_state.h"

namespace larder::featurestore {

// Keys that a read had to load from their blobs: (entity, key).
using LoadedKeys = std::vector<std::pair<std::string, std::string>>;

// Takes the reader lock, then P, then T (S2.4); gives the lock back when the snapshot is destroyed,
// and after that calls `on_loaded` if there were keys to load. All references must outlive it.
std::unique_ptr<Snapshot> MakeSnapshot(const StoreState& state, SharedMutex& lock, StateDb& db,
                                       const Clock& clock,
                                       std::function<void(LoadedKeys)> on_loaded);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_SNAPSHOT_H_
