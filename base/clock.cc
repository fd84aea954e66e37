// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace larder {
namespace {

class SystemClock : public Clock {
 public:
  TimeUs Now() const override {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

// Takes exactly `digits` decimal digits from the front of `text`; -1 if they are not there.
int TakeDigits(std::string_view& text, size_t digits) {
  if (text.size() < digits) return -1;
  int value = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool TakeChar(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

// Takes "Z" or "+hh:mm"; the offset in minutes through `offset_minutes`.
bool TakeOffset(std::string_view& text, int& offset_minutes) {
  offset_minutes = 0;
  if (TakeChar(text, 'Z') || TakeChar(text, 'z')) return true;
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return false;
  const int sign = text.front() == '-' ? -1 : 1;
  text.remove_prefix(1);
  const int hours = TakeDigits(text, 2);
  if (hours < 0 || hours > 23 || !TakeChar(text, ':')) return false;
  const int minutes = TakeDigits(text, 2);
  if (minutes < 0 || minutes > 59) return false;
  offset_minutes = sign * (hours * 60 + minutes);
  return true;
}

// Takes ".digits" (at least one) as microseconds; further digits are cut off.
bool TakeFraction(std::string_view& text, int& micros) {
  micros = 0;
  if (!TakeChar(text, '.')) return true;
  int digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    if (digits < 6) micros = micros * 10 + (text.front() - '0');
    ++digits;
    text.remove_prefix(1);
  }
  for (int i = digits; i < 6; ++i) micros *= 10;
  return digits > 0;
}

struct Unit {
  std::string_view name;
  DurationUs us;
};
constexpr Unit kUnits[] = {{"us", 1},         {"ms", kMillisecondUs}, {"s", kSecondUs},
                           {"m", kMinuteUs},  {"h", kHourUs},         {"d", kDayUs},
                           {"w", 7 * kDayUs}};

}  // namespace

const Clock& Clock::System() {
  static const SystemClock clock;
  return clock;
}

StatusOr<TimeUs> ParseTime(std::string_view text) {
  const auto bad = [original = text] {
    return InvalidArgument("expected an RFC 3339 time such as 2024-05-01T10:00:00Z, got '",
                           original.substr(0, 64), "'");
  };
  const int year = TakeDigits(text, 4);
  if (year < 1 || !TakeChar(text, '-')) return bad();
  const int month = TakeDigits(text, 2);
  if (month < 1 || !TakeChar(text, '-')) return bad();
  const int day = TakeDigits(text, 2);
  if (day < 1 || !(TakeChar(text, 'T') || TakeChar(text, 't') || TakeChar(text, ' '))) return bad();
  const int hour = TakeDigits(text, 2);
  if (hour < 0 || hour > 23 || !TakeChar(text, ':')) return bad();
  const int minute = TakeDigits(text, 2);
  if (minute < 0 || minute > 59 || !TakeChar(text, ':')) return bad();
  const int second = TakeDigits(text, 2);
  if (second < 0 || second > 60) return bad();
  int micros = 0;
  int offset_minutes = 0;
  if (!TakeFraction(text, micros) || !TakeOffset(text, offset_minutes) || !text.empty()) {
    return bad();
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return bad();
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * kDayUs + hour * kHourUs + (minute - offset_minutes) * kMinuteUs +
         second * kSecondUs + micros;
}

std::string FormatTime(TimeUs time) {
  const bool down = time % kDayUs < 0;  // days are rounded down, also before 1970
  const int64_t day = time / kDayUs - (down ? 1 : 0);
  const int64_t rest = time % kDayUs + (down ? kDayUs : 0);
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(day)))};
  char buffer[64];
  const int length = std::snprintf(
      buffer, sizeof buffer, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(rest / kHourUs), static_cast<int>(rest / kMinuteUs % 60),
      static_cast<int>(rest / kSecondUs % 60));
  std::string out(buffer, static_cast<size_t>(length));
  const int micros = static_cast<int>(rest % kSecondUs);
  if (micros % 1000 != 0) {
    std::snprintf(buffer, sizeof buffer, ".%06d", micros);
    out += buffer;
  } else if (micros != 0) {
    std::snprintf(buffer, sizeof buffer, ".%03d", micros / 1000);
    out += buffer;
  }
  return out + "Z";
}

StatusOr<DurationUs> ParseDuration(std::string_view text) {
  const auto bad = [text] {
    return InvalidArgument("expected a duration such as 90s, 10m, 6h or 7d, got '",
                           text.substr(0, 64), "'");
  };
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || count < 0) return bad();
  const std::string_view unit_name = text.substr(static_cast<size_t>(end - text.data()));
  for (const Unit& unit : kUnits) {
    if (unit.name != unit_name) continue;
    constexpr DurationUs kLongest = 10'000 * 366 * kDayUs / 1;
    if (count > kLongest / unit.us) return bad();
    return count * unit.us;
  }
  return bad();
}

std::string FormatDuration(DurationUs duration) {
  if (duration == 0) return "0s";
  for (const std::string_view name : {"d", "h", "m", "s", "ms", "us"}) {
    for (const Unit& unit : kUnits) {
      if (unit.name == name && duration % unit.us == 0) {
        return Concat(duration / unit.us, unit.name);
      }
    }
  }
  return Concat(duration, "us");
}

}  // namespace larder
