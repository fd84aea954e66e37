// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BASE_LOW_PRIORITY_H_
#define LARDER_BASE_LOW_PRIORITY_H_

#include <sys/resource.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

namespace larder {

// Runs `work` and returns what it does, on a thread that gives way to all others, and so do those
// that it starts: for long work that nobody waits for. It must hold no lock that others want.
//
// A thread of its own, because a priority that was given up cannot be taken back (setpriority(2)).
template <typename Work>
auto AtLowPriority(Work work) {
  constexpr int kNice = 10;
  constexpr int kMost = 19;
  std::optional<decltype(work())> result;
  std::jthread([&] {
    // 0: the calling thread alone, on Linux. Where it fails the work is done all the same.
    setpriority(PRIO_PROCESS, 0, std::min(getpriority(PRIO_PROCESS, 0) + kNice, kMost));
    result.emplace(work());
  }).join();
  return *std::move(result);
}

}  // namespace larder

#endif  // LARDER_BASE_LOW_PRIORITY_H_
