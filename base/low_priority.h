// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BASE_LOW_PRIORITY_H_
#define LARDER_BASE_LOW_PRIORITY_H_

#include <sys/resource.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace larder {

// Runs `work` and returns what it does, on a thread that gives way to all others, and so do those
// that it starts: for long work that nobody waits for. It must hold no lock that others want.
//
// A thread of its own, because a priority that was given up cannot be taken back (setpriority(2));
// where there is none to be had the work is done by the caller's.
// Errors: throws what `work` throws.
template <typename Work>
auto AtLowPriority(Work work) {
  constexpr int kNice = 10;
  constexpr int kMost = 19;
  std::optional<decltype(work())> result;
  std::exception_ptr thrown;
  std::jthread thread;
  try {
    thread = std::jthread([&] {
      // 0: the calling thread alone, on Linux. Where it fails the work is done all the same.
      setpriority(PRIO_PROCESS, 0, std::min(getpriority(PRIO_PROCESS, 0) + kNice, kMost));
      try {
        result.emplace(work());
      } catch (...) {
        thrown = std::current_exception();
      }
    });
  } catch (const std::system_error&) {
    return work();
  }
  thread.join();
  if (thrown != nullptr) std::rethrow_exception(thrown);
  return *std::move(result);
}

}  // namespace larder

#endif  // LARDER_BASE_LOW_PRIORITY_H_
