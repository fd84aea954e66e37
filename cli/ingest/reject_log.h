// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_INGEST_REJECT_LOG_H_
#define LARDER_CLI_INGEST_REJECT_LOG_H_

#include <cstdint>
#include <fstream>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/sync.h"

namespace larder::cli {

// Counts records that did not go in, names the first ones on `err` and writes all of them to a
// file, one JSON object a line: {"at": "file:line", "code", "error", "record": the original text},
// and "record_base64", its bytes, if they are not UTF-8. The file is made with the first record;
// what an earlier run left there is then in PATH.old: it may be what is being sent again.
// Thread-safety: thread-safe.
class RejectLog {
 public:
  RejectLog(std::string path, std::ostream& err) : path_(std::move(path)), err_(err) {}

  // Before the first record. Errors: UsageError if the file is one of `inputs`, or "-".
  Status Begin(const std::vector<std::string>& inputs);
  // Once everything went well: nothing of an earlier run is left at PATH. Errors: as Add.
  Status End();
  // Errors: kFailedPrecondition if the file cannot be written.
  Status Add(std::string_view file, uint64_t line, const Status& why, std::string_view record);
  // Those in the file.
  uint64_t count() const;
  const std::string& path() const { return path_; }

 private:
  // Errors: kFailedPrecondition.
  Status PutAside() const;
  Status CannotWrite() const;

  const std::string path_;
  mutable Mutex mutex_;
  std::ostream& err_;
  std::ofstream out_ ABSL_GUARDED_BY(mutex_);
  bool opened_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace larder::cli

#endif  // LARDER_CLI_INGEST_REJECT_LOG_H_
