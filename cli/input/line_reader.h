// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_INPUT_LINE_READER_H_
#define LARDER_CLI_INPUT_LINE_READER_H_

#include <cstdint>
#include <string>

#include "base/status.h"
#include "cli/input/byte_source.h"

namespace larder::cli {

struct Line {
  std::string text;         // without its end ("\n" or "\r\n"); of a long line its beginning
  uint64_t number = 0;      // from 1
  uint64_t size_bytes = 0;  // of the whole line
  bool too_long = false;
};

// Splits a source into lines. A byte order mark at the beginning is dropped.
// Thread-safety: single-thread. Memory: max_bytes and one buffer, however long a line is.
class LineReader {
 public:
  // `source` must outlive this. Of a line over `max_bytes` only its first 1,000 bytes are kept.
  LineReader(ByteSource& source, size_t max_bytes) : bytes_(source), max_bytes_(max_bytes) {}
  // The next line into `line`; false at the end. Errors: the source's.
  StatusOr<bool> Next(Line& line);

 private:
  BufferedBytes bytes_;
  const size_t max_bytes_;
  uint64_t number_ = 0;
};

}  // namespace larder::cli

#endif  // LARDER_CLI_INPUT_LINE_READER_H_
