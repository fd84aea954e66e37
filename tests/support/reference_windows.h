// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_SUPPORT_REFERENCE_WINDOWS_H_
#define LARDER_TESTS_SUPPORT_REFERENCE_WINDOWS_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "featurestore/window_shape.h"
#include "registry/compiled_registry.h"
#include "registry/type.h"

namespace larder::featurestore {

// One record as an aggregate sees it; `number` for numbers (integers too), `text` for texts.
struct ReferenceEvent {
  EventKey key;
  double number = 0;
  std::string text;
};

struct ReferenceValue {
  registry::Reason reason = registry::Reason::kValid;
  double number = 0;
  std::string text;
  std::vector<double> numbers;      // lists
  std::vector<std::string> texts;
};

// The direct computation of S3 over all records: sorts them, keeps those inside the window, folds
// them. Exact for numbers that are small multiples of 1/4.
class ReferenceWindows {
 public:
  ReferenceWindows(const registry::Aggregate& aggregate, std::vector<ReferenceEvent> events)
      : aggregate_(aggregate), events_(std::move(events)) {
    std::sort(events_.begin(), events_.end(),
              [](const auto& a, const auto& b) { return a.key < b.key; });
  }

  // `now` is later than every event.
  ReferenceValue At(TimeUs now) const {
    std::vector<ReferenceEvent> in;
    for (const ReferenceEvent& event : events_) {
      if (event.key.event_time >= Start(now) && event.key.event_time < now) in.push_back(event);
    }
    using registry::AggregateFunction;
    ReferenceValue value;
    if (aggregate_.function == AggregateFunction::kLast) return Last(in);
    if (aggregate_.window.kind == registry::Window::Kind::kExact && in.size() >= 65'536) {
      value.reason = registry::Reason::kTooManyEvents;
      return value;
    }
    const auto by_number = [](const auto& a, const auto& b) { return a.number < b.number; };
    double sum = 0;
    for (const ReferenceEvent& event : in) sum += event.number;
    switch (aggregate_.function) {
      case AggregateFunction::kCount: value.number = static_cast<double>(in.size()); return value;
      case AggregateFunction::kSum: value.number = sum; return value;
      default: break;
    }
    if (in.empty()) {
      value.reason = registry::Reason::kEmpty;
      return value;
    }
    switch (aggregate_.function) {
      case AggregateFunction::kMean: value.number = sum / static_cast<double>(in.size()); break;
      case AggregateFunction::kMin:
        value.number = std::min_element(in.begin(), in.end(), by_number)->number;
        break;
      case AggregateFunction::kMax:
        value.number = std::max_element(in.begin(), in.end(), by_number)->number;
        break;
      default:
        value.number = in.front().number;
        value.text = in.front().text;
        break;
    }
    return value;
  }

 private:
  // S3.1, by trying the boundaries one after the other.
  TimeUs Start(TimeUs now) const {
    const registry::Window& window = aggregate_.window;
    if (window.kind == registry::Window::Kind::kAll) return std::numeric_limits<TimeUs>::min();
    if (window.kind == registry::Window::Kind::kExact) return now - window.width;
    TimeUs boundary = (now - window.width) / window.hop * window.hop;
    while (boundary > now - window.width) boundary -= window.hop;
    while (boundary + window.hop <= now - window.width) boundary += window.hop;
    return boundary;
  }

  ReferenceValue Last(const std::vector<ReferenceEvent>& in) const {
    ReferenceValue value;
    std::set<std::pair<double, std::string>> seen;
    const size_t n = std::max<uint32_t>(aggregate_.n, 1);
    for (auto event = in.rbegin(); event != in.rend() && value.texts.size() < n; ++event) {
      if (aggregate_.distinct && !seen.emplace(event->number, event->text).second) continue;
      value.numbers.push_back(event->number);
      value.texts.push_back(event->text);
    }
    if (aggregate_.n > 0) return value;
    if (value.texts.empty()) {
      value.reason = registry::Reason::kEmpty;
    } else {
      value.number = value.numbers[0];
      value.text = value.texts[0];
    }
    return value;
  }

  const registry::Aggregate& aggregate_;
  std::vector<ReferenceEvent> events_;
};

}  // namespace larder::featurestore

#endif  // LARDER_TESTS_SUPPORT_REFERENCE_WINDOWS_H_
