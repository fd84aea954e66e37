// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_OUTPUT_RESUMABLE_FILE_H_
#define LARDER_CLI_OUTPUT_RESUMABLE_FILE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace larder::cli {

// A file of lines that takes long to write, so that a run which was interrupted goes on where it
// stood. Until it is complete its lines are in PATH.partial, and what they are of is in
// PATH.partial.json; PATH is replaced at once by Finish.
//
// Named .zst it is compressed: a zstd frame for every megabyte or flush, so that a torn tail costs
// no more than that. One process at a time writes it. Thread-safety: single-thread.
class ResumableFile {
 public:
  // Whether the next line that an earlier run left can be one that it wrote. From the first that is
  // not on everything is written anew, as is a torn or damaged tail.
  using Accepts = std::function<bool(std::string_view line)>;

  // Looks at what an earlier run left; changes nothing yet.
  // Errors: kFailedPrecondition if it cannot be written there, or another process does.
  static StatusOr<std::unique_ptr<ResumableFile>> Open(const std::string& path,
                                                       const Accepts& accepts);
  // Leaves nothing behind if there is no line.
  virtual ~ResumableFile() = default;

  // Of an earlier run; after Begin of all: the lines that are kept, the last of them, and how many
  // bytes behind them are not.
  virtual uint64_t lines() const = 0;
  virtual const std::string& last_line() const = 0;
  virtual uint64_t damaged_bytes() const = 0;
  // What Begin was given in that run; empty if that is not known.
  virtual const std::string& what() const = 0;
  // Where the lines are until Finish.
  virtual const std::string& partial_path() const = 0;

  // Before the first Append: keeps the lines that are there, or none. `what` says what the lines
  // are of, for a later run.
  // Errors of this and what follows: kResourceExhausted if the disk is full; kFailedPrecondition,
  // kUnavailable if it cannot be written for another reason. All name the file.
  virtual Status Begin(std::string_view what, bool keep) = 0;
  // `line` is without its end.
  virtual Status Append(std::string_view line) = 0;
  // What was appended is in the file, whatever happens to this process.
  virtual Status Flush() = 0;
  // Makes it durable and gives it its name.
  virtual Status Finish() = 0;
};

}  // namespace larder::cli

#endif  // LARDER_CLI_OUTPUT_RESUMABLE_FILE_H_
