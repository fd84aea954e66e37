// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_ROCKSDB_LOG_H_
#define LARDER_FEATURESTORE_ROCKSDB_LOG_H_

#include <memory>
#include <string>

#include "base/status.h"
#include "featurestore/log.h"

namespace rocksdb {
class Env;
}

namespace larder::featurestore {

// Opens or makes the embedded log in `dir`, a RocksDB of its own: key = entry number, 8 bytes
// big-endian; value = the entry. One synced WriteBatch per Append.
//
// After an Append failed, what is durable is unknown: every later call of Append fails too until
// the log is opened again.
// `dir` is made if it is missing, but not durably: make it before. `env` (null: the machine's) must
// outlive the log.
// Errors: kDataLoss naming `dir` if it is damaged, ends before what was synced (sync_mark.h) or
//         entry numbers are missing; kFailedPrecondition if another process has it open.
// Cost: reads the two ends and counts; Read checks the numbers and lengths of what it visits.
StatusOr<std::unique_ptr<Log>> OpenRocksDbLog(const std::string& dir, rocksdb::Env* env);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_ROCKSDB_LOG_H_
