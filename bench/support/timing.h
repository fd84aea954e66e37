// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BENCH_SUPPORT_TIMING_H_
#define LARDER_BENCH_SUPPORT_TIMING_H_

#include <chrono>
#include <span>
#include <vector>

namespace larder::bench {

using Steady = std::chrono::steady_clock;

// Seconds since it was made. Thread-safety: thread-compatible.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(Steady::now() - started_).count();
  }
  double us() const { return seconds() * 1e6; }

 private:
  Steady::time_point started_ = Steady::now();
};

// The value at the middle; the mean of the two middle ones of an even number. 0 of none.
double Median(std::vector<double> values);

// Nearest rank: the smallest value that at least `percent` of the values do not exceed. 0 of none.
double Percentile(std::vector<double> values, double percent);

// One round of calls.
struct Round {
  double p50_us = 0;
  double p99_us = 0;
  double per_second = 0;
};

// Sums up the latencies of calls that took `seconds` together.
Round Summarise(const std::vector<double>& latencies_us, double seconds);

// Of every number its median over the rounds.
Round MedianRound(std::span<const Round> rounds);

}  // namespace larder::bench

#endif  // LARDER_BENCH_SUPPORT_TIMING_H_
