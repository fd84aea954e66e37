// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_INPUT_CSV_READER_H_
#define LARDER_CLI_INPUT_CSV_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "cli/input/byte_source.h"

namespace larder::cli {

struct CsvRecord {
  std::vector<std::string> fields;
  std::string raw;    // as it stood in the file; of a long record its beginning
  uint64_t line = 0;  // where it begins, from 1
  // What is wrong with this record. It is then its first line only, and the next record is read
  // from the line after that: a quote that was never closed costs one line, not all behind it.
  Status status;
};

// Reads comma-separated values: quotes around fields may hold commas, doubled quotes and line
// ends. Blank lines are skipped. A byte order mark at the beginning is dropped.
// Thread-safety: single-thread. Memory: twice max_bytes and one buffer, however long a record is.
// Source: RFC 4180; differs: "\n" ends a record too.
class CsvReader {
 public:
  // `source` must outlive this.
  CsvReader(ByteSource& source, size_t max_bytes) : bytes_(source), max_bytes_(max_bytes) {}
  // The next record into `record`; false at the end. Errors: the source's.
  StatusOr<bool> Next(CsvRecord& record);

 private:
  StatusOr<int> Get();  // the next byte, -1 at the end
  StatusOr<int> PeekByte();
  void SkipByte();
  Status ReadRecord(CsvRecord& record, int first);
  Status ReadQuoted(CsvRecord& record, std::string& field);
  Status SkipLine(CsvRecord& record);
  Status Fail(CsvRecord& record, Status status);
  void Keep(CsvRecord& record, int byte);

  BufferedBytes bytes_;
  std::string again_;  // read before and to be read again, from again_at_; then come bytes_
  size_t again_at_ = 0;
  const size_t max_bytes_;
  uint64_t line_ = 1;
  bool started_ = false;
  uint64_t record_bytes_ = 0;
};

}  // namespace larder::cli

#endif  // LARDER_CLI_INPUT_CSV_READER_H_
