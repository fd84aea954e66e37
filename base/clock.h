// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BASE_CLOCK_H_
#define LARDER_BASE_CLOCK_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace larder {

// Microseconds since the Unix epoch, UTC (S1.1).
using TimeUs = int64_t;
// A span of time in microseconds.
using DurationUs = int64_t;

inline constexpr DurationUs kMillisecondUs = 1'000;
inline constexpr DurationUs kSecondUs = 1'000'000;
inline constexpr DurationUs kMinuteUs = 60 * kSecondUs;
inline constexpr DurationUs kHourUs = 60 * kMinuteUs;
inline constexpr DurationUs kDayUs = 24 * kHourUs;

// Where "now" comes from; injected, so that tests own time.
// Thread-safety: thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimeUs Now() const = 0;

  // The machine's clock. Lives for ever.
  static const Clock& System();
};

// A clock that stands still until it is told.
class ManualClock : public Clock {
 public:
  explicit ManualClock(TimeUs now) : now_(now) {}
  TimeUs Now() const override { return now_.load(); }
  void Set(TimeUs now) { now_.store(now); }
  void Advance(DurationUs by) { now_.fetch_add(by); }

 private:
  std::atomic<TimeUs> now_;
};

// Parses RFC 3339 ("2024-05-01T10:00:00Z", fraction and offset allowed, years 0001–9999).
// Errors: kInvalidArgument, saying what was expected.
StatusOr<TimeUs> ParseTime(std::string_view text);
// RFC 3339 in UTC, with a fraction of 3 or 6 digits only when there is one.
std::string FormatTime(TimeUs time);

// Parses `90s 10m 6h 7d 2w 500ms` (one number, one unit; m is a minute).
// Errors: kInvalidArgument; also beyond 10,000 years.
StatusOr<DurationUs> ParseDuration(std::string_view text);
// The shortest exact form: "7d", "90m", "1500ms", "3us".
std::string FormatDuration(DurationUs duration);

}  // namespace larder

#endif  // LARDER_BASE_CLOCK_H_
