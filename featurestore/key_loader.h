// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_KEY_LOADER_H_
#define LARDER_FEATURESTORE_KEY_LOADER_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "featurestore/aggregate_state.h"
#include "featurestore/position.h"
#include "featurestore/rocksdb_state.h"
#include "featurestore/store_state.h"

namespace larder::featurestore {

// The stored state of one key of an entity that is not all in memory.
struct LoadedKey {
  EntityState* entity = nullptr;
  std::string key;
  struct Window {
    WindowTable* table = nullptr;
    Position position;
    std::unique_ptr<AggregateState> state;
  };
  std::vector<Window> windows;

  // Puts it into memory; under the writer lock.
  void Install();
};

// nullopt if no record ever named the key. Needs no lock but the caller's: states in memory are
// not touched. A key that is not in memory does not change on disk meanwhile: only keys in memory
// are written.
// Errors: kDataLoss naming the blob; kUnavailable.
StatusOr<std::optional<LoadedKey>> LoadKey(StateDb& db, const StoreState& state,
                                           EntityState& entity, std::string_view key);

// A window state from its blob, which belongs to `table`.
StatusOr<std::unique_ptr<AggregateState>> DecodeWindowBlob(const WindowTable& table,
                                                           std::string_view blob_key,
                                                           const Blob& blob);

// Loads all keys of an entity that are not in memory yet. Needs no lock, as LoadKey.
StatusOr<std::vector<LoadedKey>> LoadMissingKeys(StateDb& db, const StoreState& state,
                                                 EntityState& entity);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_KEY_LOADER_H_
