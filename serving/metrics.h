// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_METRICS_H_
#define LARDER_SERVING_METRICS_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "serving/histogram.h"

namespace larder::serving {

// What the server counts, as text for Prometheus. docs/reference/metrics.md lists every metric.
// Thread-safety: thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // One call has ended: larder_requests_total{method, code}, larder_request_seconds{method}.
  void RecordCall(std::string_view method, StatusCode code, double seconds);

  // A value that is read when somebody asks.
  struct Gauge {
    std::string name;
    std::string help;
    std::vector<std::pair<std::string, std::string>> labels;
    double value = 0;
    bool counter = false;  // it never falls
    std::optional<Histogram::Reading> histogram = std::nullopt;  // instead of `value`
  };
  // Prometheus text format 0.0.4 of all calls and `gauges`; equal names must follow one another.
  std::string Text(const std::vector<Gauge>& gauges) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Resident memory of this process in bytes; 0 if it cannot be known.
uint64_t ProcessMemoryBytes();

}  // namespace larder::serving

#endif  // LARDER_SERVING_METRICS_H_
