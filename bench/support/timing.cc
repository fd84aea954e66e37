// SPDX-License-Identifier: Apache-2.0
#include "bench/support/timing.h"

#include <algorithm>
#include <cmath>

namespace larder::bench {

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2;
}

double Percentile(std::vector<double> values, double percent) {
  if (values.empty()) return 0;
  const double rank = std::ceil(percent / 100 * static_cast<double>(values.size()));
  const size_t at = std::min(values.size() - 1, static_cast<size_t>(std::max(rank, 1.0)) - 1);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

Round Summarise(const std::vector<double>& latencies_us, double seconds) {
  return {.p50_us = Percentile(latencies_us, 50),
          .p99_us = Percentile(latencies_us, 99),
          .per_second = seconds > 0 ? static_cast<double>(latencies_us.size()) / seconds : 0};
}

Round MedianRound(std::span<const Round> rounds) {
  const auto median_of = [&](double Round::*field) {
    std::vector<double> values;
    for (const Round& round : rounds) values.push_back(round.*field);
    return Median(std::move(values));
  };
  return {.p50_us = median_of(&Round::p50_us),
          .p99_us = median_of(&Round::p99_us),
          .per_second = median_of(&Round::per_second)};
}

}  // namespace larder::bench
