// SPDX-License-Identifier: Apache-2.0
#include "serving/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <fstream>
#include <limits>
#include <map>
#include <sstream>

#include "base/sync.h"

namespace larder::serving {
namespace {

// From 0.1 ms to 10 s, three per decade.
const prometheus::Histogram::BucketBoundaries kLatencyBuckets = {
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
    0.1,    0.2,    0.5,    1,     2,     5,     10};

prometheus::ClientMetric::Histogram ToPrometheus(const Histogram::Reading& reading) {
  prometheus::ClientMetric::Histogram histogram;
  histogram.sample_count = reading.count;
  histogram.sample_sum = reading.sum;
  for (const auto& [bound, count] : reading.up_to) histogram.bucket.push_back({count, bound});
  histogram.bucket.push_back({reading.count, std::numeric_limits<double>::infinity()});
  return histogram;
}

std::string CodeName(StatusCode code) { return absl::StatusCodeToString(code); }

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& requests =
      prometheus::BuildCounter()
          .Name("larder_requests_total")
          .Help("Calls that have ended, by method and gRPC status code")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& latency =
      prometheus::BuildHistogram()
          .Name("larder_request_seconds")
          .Help("Time from the call's arrival to the end of its work, by method")
          .Register(registry);
  // The family looks labels up by hashing them: remembered, since this is on every call's path.
  Mutex mu;
  std::map<std::pair<std::string, StatusCode>, prometheus::Counter*> counters ABSL_GUARDED_BY(mu);
  std::map<std::string, prometheus::Histogram*, std::less<>> histograms ABSL_GUARDED_BY(mu);
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::RecordCall(std::string_view method, StatusCode code, double seconds) {
  prometheus::Counter* counter = nullptr;
  prometheus::Histogram* histogram = nullptr;
  {
    MutexLock lock(impl_->mu);
    prometheus::Counter*& known = impl_->counters[{std::string(method), code}];
    if (known == nullptr) {
      known = &impl_->requests.Add({{"method", std::string(method)}, {"code", CodeName(code)}});
    }
    counter = known;
    auto it = impl_->histograms.find(method);
    if (it == impl_->histograms.end()) {
      it = impl_->histograms
               .emplace(method, &impl_->latency.Add({{"method", std::string(method)}},
                                                    kLatencyBuckets))
               .first;
    }
    histogram = it->second;
  }
  counter->Increment();
  histogram->Observe(seconds);
}

std::string Metrics::Text(const std::vector<Gauge>& gauges) const {
  std::vector<prometheus::MetricFamily> families = impl_->registry.Collect();
  for (const Gauge& gauge : gauges) {
    if (families.empty() || families.back().name != gauge.name) {
      prometheus::MetricFamily& family = families.emplace_back();
      family.name = gauge.name;
      family.help = gauge.help;
      family.type = gauge.histogram.has_value() ? prometheus::MetricType::Histogram
                    : gauge.counter             ? prometheus::MetricType::Counter
                                                : prometheus::MetricType::Gauge;
    }
    prometheus::ClientMetric& metric = families.back().metric.emplace_back();
    for (const auto& [name, value] : gauge.labels) metric.label.push_back({name, value});
    if (gauge.histogram.has_value()) {
      metric.histogram = ToPrometheus(*gauge.histogram);
    } else if (gauge.counter) {
      metric.counter.value = gauge.value;
    } else {
      metric.gauge.value = gauge.value;
    }
  }
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return out.str();
}

uint64_t ProcessMemoryBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total_pages = 0;
  uint64_t resident_pages = 0;
  if (!(statm >> total_pages >> resident_pages)) return 0;
  return resident_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace larder::serving
