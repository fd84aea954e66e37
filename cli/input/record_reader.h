// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_INPUT_RECORD_READER_H_
#define LARDER_CLI_INPUT_RECORD_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "cli/input/byte_source.h"

namespace larder::cli {

enum class InputFormat { kJsonLines, kCsv };

// "json" or "csv" as given, else by the name without .zst or .gz: .csv is CSV, everything else is
// JSON lines. Errors: kInvalidArgument for another `format`.
StatusOr<InputFormat> FormatOf(std::string_view path, std::string_view format);

// The largest record that the server takes (S11).
inline constexpr size_t kMaxRecordBytes = size_t{1} << 20;

struct InputRecord {
  std::string bytes;  // one JSON object; from CSV with text values (RECORD_FORMAT_JSON_TEXT)
  std::string raw;    // CSV: the record as it stood in the file; else empty (`bytes` is it)
  uint64_t line = 0;  // where it begins, from 1
  Status status;      // not OK: cannot be sent; `bytes` or `raw` is then its beginning
  std::string_view original() const { return raw.empty() ? bytes : raw; }
};

// Reads the records of one file. Blank lines are skipped; the first CSV record names the fields.
// Thread-safety: single-thread.
class RecordReader {
 public:
  virtual ~RecordReader() = default;
  // The next record into `record`; false at the end.
  // Errors: the file cannot be read further. A bad record is its own status.
  virtual StatusOr<bool> Next(InputRecord& record) = 0;

  // Errors: as OpenInput; kInvalidArgument for a CSV file without usable names.
  static StatusOr<std::unique_ptr<RecordReader>> Open(const std::string& path, InputFormat format,
                                                      OnIdle on_idle = {});
};

}  // namespace larder::cli

#endif  // LARDER_CLI_INPUT_RECORD_READER_H_
