// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_PROGRESS_H_
#define LARDER_CLI_PROGRESS_H_

#include <chrono>
#include <iosfwd>
#include <string>
#include <string_view>

namespace larder::cli {

// One line about long work on standard error: rewritten twice a second on a terminal, printed
// anew every five seconds elsewhere. Thread-safety: single-thread.
class Progress {
 public:
  explicit Progress(std::ostream& err);
  ~Progress() { Finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // True if it is time for another line; cheap.
  bool Due() const;
  // Shows `line` now.
  void Show(std::string_view line);
  // Ends the line, so that other output may follow.
  void Finish();
  // Since construction.
  double seconds() const;

 private:
  using Time = std::chrono::steady_clock::time_point;
  std::ostream& err_;
  const bool terminal_;
  const Time start_;
  Time next_;
  size_t shown_width_ = 0;
};

}  // namespace larder::cli

#endif  // LARDER_CLI_PROGRESS_H_
