// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_RECORD_BATCH_H_
#define LARDER_FEATURESTORE_RECORD_BATCH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "registry/column.h"

namespace larder::featurestore {

inline constexpr size_t kMaxRecordBytes = 1 << 20;         // S11
inline constexpr size_t kMaxBatchRecords = 10'000;         // S11
inline constexpr size_t kMaxBatchBytes = size_t{16} << 20; // S11

// What is stored of a record beside its columns (S1.10).
struct RecordInfo {
  static constexpr uint8_t kDelete = 1;  // a tombstone (S1.5)
  static constexpr uint8_t kRepair = 2;  // reserved for S8.1
  static constexpr uint8_t kHusk = 4;    // reserved for S8.2
  Hash128 id;            // of the `id:` column's text, else the payload's hash (S1.4)
  Hash128 payload_hash;  // over the typed columns as sent, sorted by name, nulls omitted (S1.7)
  TimeUs event_time = 0;
  TimeUs original_event_time = 0;  // differs if S2.2 stored event_time as arrival
  uint8_t flags = 0;
};

// Records of one source, column by column in the order of Source::columns of the revision that
// validated them; a missing value is null with Reason::kInputNull.
struct RecordBatch {
  std::string source;
  std::vector<std::string> names;           // of the columns
  std::vector<registry::Column> columns;    // all of infos.size() rows
  std::vector<RecordInfo> infos;
  size_t size() const { return infos.size(); }
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_RECORD_BATCH_H_
