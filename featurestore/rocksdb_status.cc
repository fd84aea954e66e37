// SPDX-License-Identifier: Apache-2.0
#include "featurestore/rocksdb_status.h"

#include <cstdarg>
#include <string>

namespace larder::featurestore {
namespace {

class NullLogger : public rocksdb::Logger {
 public:
  NullLogger() : Logger(rocksdb::InfoLogLevel::HEADER_LEVEL) {}
  using Logger::Logv;
  void Logv(const char*, va_list) override {}
};

}  // namespace

std::shared_ptr<rocksdb::Logger> NoMessages() { return std::make_shared<NullLogger>(); }

Status FromRocksDb(const rocksdb::Status& status, std::string_view what) {
  if (status.ok()) return OkStatus();
  const std::string message = Concat(what, ": ", status.ToString());
  if (status.IsNoSpace()) return ResourceExhausted(message);
  switch (status.code()) {
    case rocksdb::Status::kNotFound:
      return NotFound(message);
    case rocksdb::Status::kCorruption:
      return DataLoss(message);
    case rocksdb::Status::kInvalidArgument:
      return InvalidArgument(message);
    case rocksdb::Status::kNotSupported:
      return Unimplemented(message);
    case rocksdb::Status::kAborted:
    case rocksdb::Status::kTryAgain:
      return Aborted(message);
    case rocksdb::Status::kTimedOut:
      return DeadlineExceeded(message);
    case rocksdb::Status::kIOError:
      // RocksDB has no code of its own for a LOCK file that another process holds.
      if (message.find("lock") != std::string::npos &&
          message.find("LOCK") != std::string::npos) {
        return FailedPrecondition(message);
      }
      // A file that the manifest names is gone.
      if (status.IsPathNotFound()) return DataLoss(message);
      return Unavailable(message);
    default:
      return Unavailable(message);
  }
}

}  // namespace larder::featurestore
