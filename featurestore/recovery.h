// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_RECOVERY_H_
#define LARDER_FEATURESTORE_RECOVERY_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/status.h"
#include "base/sync.h"
#include "featurestore/applier.h"
#include "featurestore/checkpoint.h"
#include "featurestore/dedupe.h"
#include "featurestore/log.h"
#include "featurestore/rocksdb_state.h"
#include "featurestore/row_sink.h"
#include "featurestore/sequencer.h"
#include "featurestore/store_state.h"

namespace larder::featurestore {

struct RecoveryParts {
  StoreState& state;
  SharedMutex& lock;
  StateDb& db;
  Log& log;
  std::string log_name;  // for messages
  Dedupe& dedupe;
  Applier& applier;
  Checkpointer& checkpointer;
  RowSink& sink;
  // Entities that are not resident are loaded whole up to so many keys.
  size_t eager_keys = 0;
  // Clean keys beyond this are dropped during a long replay, as when serving.
  size_t cached_keys = 0;
};

struct Recovered {
  LogEnd end;
  uint64_t replayed_entries = 0;
};

// Brings an empty state to what the durable log says (S11): the blobs of the newest checkpoint,
// the revision in force there, then every entry after it; record ids beside it.
// Errors: kDataLoss naming the blob or entry that is damaged, for a log that ends before the
//         checkpoint or before a blob's position, and for a broken chain of checksums.
StatusOr<Recovered> Recover(const RecoveryParts& parts);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_RECOVERY_H_
