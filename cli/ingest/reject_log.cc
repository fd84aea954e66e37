// SPDX-License-Identifier: Apache-2.0
#include "cli/ingest/reject_log.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <ostream>
#include <system_error>

#include "base/bytes.h"
#include "cli/exit_code.h"
#include "cli/format.h"
#include "cli/json.h"
#include "cli/output_file.h"

namespace larder::cli {
namespace {

constexpr uint64_t kNamedOnScreen = 10;

// Source: RFC 4648, section 4.
std::string Base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (; !bytes.empty(); bytes.remove_prefix(std::min<size_t>(bytes.size(), 3))) {
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0u);
    }
    for (size_t i = 0; i < 4; ++i) {
      out += i > bytes.size() ? '=' : kDigits[(group >> (18 - 6 * i)) & 63];
    }
  }
  return out;
}

}  // namespace

Status RejectLog::Begin(const std::vector<std::string>& inputs) {
  if (path_ == "-") return UsageError("--rejects: expected a file, got '-'");
  LARDER_RETURN_IF_ERROR(CheckIsNoInput("--rejects", path_, inputs));
  // Where PutAside moves what is there.
  return CheckIsNoInput("--rejects", path_ + ".old", inputs);
}

Status RejectLog::End() {
  MutexLock lock(mutex_);
  return opened_ ? OkStatus() : PutAside();
}

Status RejectLog::PutAside() const {
  namespace fs = std::filesystem;
  std::error_code error;
  // A device, such as /dev/stderr, stays.
  if (!fs::is_regular_file(path_, error)) return OkStatus();
  fs::rename(path_, path_ + ".old", error);
  if (!error) return OkStatus();
  return FailedPrecondition(path_, ": the rejected records of an earlier run cannot be put aside: ",
                            error.message());
}

// Right after the call that failed: errno has the reason, if the system gave one.
Status RejectLog::CannotWrite() const {
  const int error = errno;
  return FailedPrecondition(path_, ": rejected records cannot be written",
                            error == 0 ? "" : Concat(": ", std::strerror(error)));
}

Status RejectLog::Add(std::string_view file, uint64_t line, const Status& why,
                      std::string_view record) {
  const std::string at = Concat(file, ":", line);
  MutexLock lock(mutex_);
  if (!opened_) {
    LARDER_RETURN_IF_ERROR(PutAside());
    opened_ = true;
    errno = 0;
    out_.open(path_, std::ios::trunc | std::ios::binary);
    if (!out_) return CannotWrite();
  }
  Json entry = {{"at", at},
                {"code", std::string(StatusCodeName(why.code()))},
                {"error", std::string(Message(why))},
                {"record", std::string(record)}};
  if (!IsUtf8(record)) entry["record_base64"] = Base64(record);
  errno = 0;
  out_ << DumpJson(entry) << "\n";
  out_.flush();
  if (!out_) return CannotWrite();
  ++count_;
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
