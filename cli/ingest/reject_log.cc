// SPDX-License-Identifier: Apache-2.0
#include "cli/ingest/reject_log.h"

#include <ostream>

#include "cli/format.h"
#include "cli/json.h"

namespace larder::cli {
namespace {

constexpr uint64_t kNamedOnScreen = 10;

}  // namespace

Status RejectLog::Add(std::string_view file, uint64_t line, const Status& why,
                      std::string_view record) {
  const std::string at = Concat(file, ":", line);
  MutexLock lock(mutex_);
  if (count_ == 0) out_.open(path_, std::ios::trunc | std::ios::binary);
  out_ << DumpJson({{"at", at},
                    {"code", std::string(StatusCodeName(why.code()))},
                    {"error", std::string(Message(why))},
                    {"record", std::string(record)}})
       << "\n";
  out_.flush();
  ++count_;
  if (!out_) return Unavailable(path_, ": rejected records cannot be written");
  if (count_ <= kNamedOnScreen) {
    err_ << at << ": " << StatusCodeName(why.code()) << ": " << Message(why) << "\n";
  } else if (count_ == kNamedOnScreen + 1) {
    err_ << "more rejected records are in " << path_ << "\n";
  }
  return OkStatus();
}

uint64_t RejectLog::count() const {
  MutexLock lock(mutex_);
  return count_;
}

}  // namespace larder::cli
