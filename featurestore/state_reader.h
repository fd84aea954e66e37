// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_STATE_READER_H_
#define LARDER_FEATURESTORE_STATE_READER_H_

#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "featurestore/key_loader.h"
#include "featurestore/rocksdb_state.h"
#include "featurestore/store_state.h"
#include "registry/column.h"
#include "registry/stored_feature.h"

namespace larder::featurestore {

// Reads stored features at T = `now` from the state, which must not change meanwhile. Keys of
// partial entities that are not in memory are read from their blobs and kept aside, with ordinals
// of this reader's own (from kFirstOwn): what is stored is what is in force, since only keys in
// memory change.
// Thread-safety: single-thread.
class StateReader : public registry::FeatureReader {
 public:
  StateReader(const StoreState& state, StateDb& db, TimeUs now)
      : state_(state), db_(db), now_(now) {}

  void FindKeys(std::string_view entity, std::span<const std::string_view> keys,
                std::span<registry::Ordinal> ordinals) override;
  std::string_view KeyOf(std::string_view entity, registry::Ordinal ordinal) override;
  Status Read(const registry::StoredFeature& feature, std::span<const registry::Ordinal> ordinals,
              bool want_times, registry::Column& out) override;

  registry::Reason CandidateState(std::string_view entity, registry::Ordinal ordinal) const;

  // Keys that had to be read from blobs: worth taking into memory.
  std::vector<std::pair<std::string, std::string>> TakeLoaded();

 private:
  static constexpr registry::Ordinal kFirstOwn = registry::Ordinal{1} << 31;

  registry::Ordinal FindStored(EntityState& entity, std::string_view key);
  Status ReadWindow(const registry::StoredFeature& feature,
                    std::span<const registry::Ordinal> ordinals, const ReadAt& at,
                    registry::Column& out);

  const StoreState& state_;
  StateDb& db_;
  const TimeUs now_;
  struct OwnKeys {
    std::deque<LoadedKey> keys;  // the ordinal of keys[i] is kFirstOwn + i
    std::unordered_map<std::string_view, registry::Ordinal> ordinals;  // views into `keys`
  };
  std::map<std::string, OwnKeys, std::less<>> own_;  // by entity name
  // The first failure to read a blob: FindKeys has no status, so the next Read reports it.
  Status failure_;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_STATE_READER_H_
