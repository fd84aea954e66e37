// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "cli/format.h"

namespace larder::cli {
namespace {

using Clock = std::chrono::steady_clock;

std::chrono::milliseconds Interval(bool terminal) {
  return std::chrono::milliseconds(terminal ? 500 : 5'000);
}

}  // namespace

Progress::Progress(std::ostream& err)
    : err_(err),
      terminal_(&err == &std::cerr && isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      next_(start_ + Interval(terminal_)) {}

bool Progress::Due() const { return Clock::now() >= next_; }

void Progress::Show(std::string_view line) {
  next_ = Clock::now() + Interval(terminal_);
  if (!terminal_) {
    err_ << line << std::endl;
    return;
  }
  const size_t width = DisplayWidth(line);
  const std::string rest(shown_width_ > width ? shown_width_ - width : 0, ' ');
  err_ << "\r" << line << rest << std::flush;
  shown_width_ = width;
}

void Progress::Finish() {
  if (shown_width_ > 0) err_ << std::endl;
  shown_width_ = 0;
}

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

}  // namespace larder::cli
