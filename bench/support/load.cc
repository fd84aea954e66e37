// SPDX-License-Identifier: Apache-2.0
#include "bench/support/load.h"

#include <atomic>
#include <thread>
#include <vector>

#include "base/sync.h"

namespace larder::bench {

StatusOr<Round> ClosedLoop(size_t calls, const Call& call) {
  std::vector<double> latencies;
  latencies.reserve(calls);
  const Stopwatch all;
  for (size_t i = 0; i < calls; ++i) {
    const Stopwatch watch;
    LARDER_RETURN_IF_ERROR(call(i));
    latencies.push_back(watch.us());
  }
  return Summarise(latencies, all.seconds());
}

StatusOr<Round> OpenLoop(size_t calls, double per_second, size_t clients, const Call& call) {
  std::vector<double> latencies(calls);  // every thread writes only those of its own calls
  std::atomic<size_t> next{0};
  Mutex mutex;
  Status failure;
  const auto started = Steady::now();
  const auto work = [&] {
    for (size_t i = next++; i < calls; i = next++) {
      const std::chrono::duration<double> offset(static_cast<double>(i) / per_second);
      const auto due = started + std::chrono::duration_cast<Steady::duration>(offset);
      std::this_thread::sleep_until(due);
      const Status status = call(i);
      latencies[i] = std::chrono::duration<double, std::micro>(Steady::now() - due).count();
      if (status.ok()) continue;
      MutexLock lock(mutex);
      failure = status;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < clients; ++i) threads.emplace_back(work);
  }
  LARDER_RETURN_IF_ERROR(failure);
  return Summarise(latencies, std::chrono::duration<double>(Steady::now() - started).count());
}

}  // namespace larder::bench
