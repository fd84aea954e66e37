// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_HISTOGRAM_H_
#define LARDER_SERVING_HISTOGRAM_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace larder::serving {

// How many values there were up to each of some bounds, as /metrics shows it.
// Thread-safety: thread-safe; a reading beside an Add may have one of its two parts.
class Histogram {
 public:
  // `bounds` ascend.
  explicit Histogram(std::span<const double> bounds)
      : bounds_(bounds.begin(), bounds.end()), counts_(bounds.size() + 1) {}

  void Add(double value) {
    size_t bucket = 0;
    while (bucket < bounds_.size() && value > bounds_[bucket]) ++bucket;
    counts_[bucket].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }

  struct Reading {
    // Of each bound, how many values were not greater.
    std::vector<std::pair<double, uint64_t>> up_to;
    uint64_t count = 0;
    double sum = 0;
  };
  Reading Read() const {
    Reading reading;
    for (size_t i = 0; i < counts_.size(); ++i) {
      reading.count += counts_[i].load(std::memory_order_relaxed);
      if (i < bounds_.size()) reading.up_to.emplace_back(bounds_[i], reading.count);
    }
    reading.sum = sum_.load(std::memory_order_relaxed);
    return reading;
  }

 private:
  const std::vector<double> bounds_;
  std::vector<std::atomic<uint64_t>> counts_;
  std::atomic<double> sum_{0};
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_HISTOGRAM_H_
