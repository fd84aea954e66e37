// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_PREPARED_BATCH_H_
#define LARDER_FEATURESTORE_PREPARED_BATCH_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "featurestore/entry.h"
#include "featurestore/key_loader.h"
#include "featurestore/rocksdb_state.h"
#include "featurestore/row.h"
#include "featurestore/store_state.h"
#include "registry/column.h"
#include "registry/stored_feature.h"

namespace larder::featurestore {

// A data entry with all that can be computed without the writer lock: keys resolved, programs run,
// rows packed, vectors encoded.
struct PreparedBatch {
  // One column of keys; null keys have no data().
  struct Keys {
    std::vector<registry::Ordinal> ordinals;  // kNoOrdinal: null, or not in memory yet
    std::vector<std::string_view> texts;
    std::deque<std::string> owned;
  };
  // The inputs of one aggregate; one-row columns broadcast. Null pointers: no such input.
  struct Inputs {
    const registry::Column* argument = nullptr;
    const registry::Column* condition = nullptr;
  };
  // The vector of one row changed; `codes` empty: it has none any more. Or, if `deferred`, a job
  // will make the one of this content.
  struct VectorChange {
    size_t row = 0;
    VectorTable* table = nullptr;
    Hash128 content;
    bool deferred = false;
    std::vector<int8_t> codes{};
  };

  const Entry* entry = nullptr;
  SourceState* source = nullptr;
  std::vector<Keys> keys;       // by SourceState::key_uses
  std::vector<Inputs> inputs;   // by SourceState::aggregates
  // Tables: rows that become current when their turn comes (S1.6); the others stay null.
  std::vector<Row::Ptr> rows;
  std::vector<VectorChange> vector_changes;  // in order of row
  std::vector<LoadedKey> loaded;

  // What `inputs` point into.
  std::deque<std::vector<registry::Column>> columns;
};

// Prepares an entry on top of `state`, which nobody else changes meanwhile.
// Errors: those of reading stored keys, and the encoder's, naming its artifact. What is wrong with
// a record is no error.
StatusOr<PreparedBatch> Prepare(const Entry& entry, StoreState& state, StateDb& db,
                                registry::TextEmbedder& embedder);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_PREPARED_BATCH_H_
