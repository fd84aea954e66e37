// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_ROCKSDB_STATUS_H_
#define LARDER_FEATURESTORE_ROCKSDB_STATUS_H_

#include <rocksdb/env.h>
#include <rocksdb/status.h>

#include <memory>
#include <string_view>

#include "base/status.h"

namespace larder::featurestore {

// RocksDB's status as ours, with "what: " before the message. OK stays OK.
//
// Errors: corruption is kDataLoss, a full disk kResourceExhausted, a held lock
//         kFailedPrecondition, a missing key kNotFound; any other failure of the disk kUnavailable.
Status FromRocksDb(const rocksdb::Status& status, std::string_view what);

// A logger that keeps nothing. What matters comes as a status; and RocksDB's own file of messages
// ends the process when the disk is full (an assertion in the distribution's build of 7.8).
std::shared_ptr<rocksdb::Logger> NoMessages();

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_ROCKSDB_STATUS_H_
