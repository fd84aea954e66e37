// SPDX-License-Identifier: Apache-2.0
//
// Functions of times.
#include <utility>
#include <vector>

#include "base/clock.h"
#include "registry/internal/kernels.h"
#include "registry/internal/zone.h"

namespace larder::registry::internal {
namespace {

template <DurationUs unit>
void InUnits(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  out.doubles.resize(args.rows);
  const Column& a = *args.columns[0];
  for (size_t i = 0; i < args.rows; ++i) {
    out.doubles[i] = static_cast<double>(a.ints[i * Step(a)]) / static_cast<double>(unit);
  }
}

// No sum here can overflow: the time is first cut to its place in the day.
int64_t HourOf(TimeUs time, DurationUs offset) {
  const DurationUs in_day = (time % kDayUs + kDayUs) % kDayUs;
  return (in_day + offset + kDayUs) % kDayUs / kHourUs;
}

// The zone is a constant that the compiler has checked.
void HourKernel(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  out.ints.assign(args.rows, 0);
  const Column& time = *args.columns[0];
  const Column& zone = *args.columns[1];
  for (size_t i = 0; i < args.rows; ++i) {
    if (out.reasons[i] != Reason::kValid) continue;
    const std::optional<DurationUs> offset = ZoneOffset(zone.strings[i * Step(zone)]);
    if (offset) {
      out.ints[i] = HourOf(time.ints[i * Step(time)], *offset);
    } else {
      out.reasons[i] = Reason::kInputNull;
    }
  }
}

template <DurationUs unit>
Value ReferenceUnits(std::span<const Value> args) {
  if (!args[0].valid()) return Value::Null({}, args[0].reason);
  return Value::Double(static_cast<double>(args[0].integer) / static_cast<double>(unit));
}

Value ReferenceHour(std::span<const Value> args) {
  if (const Value* null = FirstNull(args)) return Value::Null(Value::Int(0).type, null->reason);
  const __int128 local = static_cast<__int128>(args[0].integer) + *ZoneOffset(args[1].text);
  const auto hours = static_cast<int64_t>((local % kDayUs + kDayUs) % kDayUs / kHourUs);
  return Value::Int(hours);
}

template <DurationUs unit>
Function UnitFunction(std::string_view name, std::string_view usage, std::string_view doc,
                      std::string_view example, std::string_view result) {
  Function function = MakeFunction(name, usage, kNullPropagates, doc, example, result);
  function.signatures = {Of({kSpanArg}, kDoubleArg, InUnits<unit>)};
  function.reference = ReferenceUnits<unit>;
  return function;
}

bool TwoDigits(std::string_view text, int64_t max, int64_t* value) {
  if (text.size() != 2 || text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') {
    return false;
  }
  *value = (text[0] - '0') * 10 + (text[1] - '0');
  return *value <= max;
}

}  // namespace

std::optional<DurationUs> ZoneOffset(std::string_view zone) {
  if (zone == "UTC") return 0;
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':') return std::nullopt;
  int64_t hours = 0;
  int64_t minutes = 0;
  if (!TwoDigits(zone.substr(1, 2), 18, &hours) || !TwoDigits(zone.substr(4, 2), 59, &minutes)) {
    return std::nullopt;
  }
  const DurationUs offset = hours * kHourUs + minutes * kMinuteUs;
  if (offset > 18 * kHourUs) return std::nullopt;
  return zone[0] == '-' ? -offset : offset;
}

std::vector<Function> TimeFunctions() {
  Function now;
  now.name = "now";
  now.kind = Function::Kind::kSpecial;
  now.usage = "now -> timestamp";
  now.nulls = "never null";
  now.doc = "The time T of the read; written without brackets.";
  now.example = "seconds(now - now)";
  now.result = "0.0";

  Function age;
  age.name = "age";
  age.kind = Function::Kind::kSpecial;
  age.usage = "age(t: timestamp) -> duration";
  age.nulls = kNullPropagates;
  age.doc = "now - t; negative for a time to come.";
  age.example = "age(now - 2h)";
  age.result = "2h";

  Function hour;
  hour.name = "hour";
  hour.usage = "hour(t: timestamp, zone: constant string) -> int64";
  hour.nulls = kNullPropagates;
  hour.doc = "The hour of the day, 0 to 23, in \"UTC\" or at a fixed offset such as \"+02:00\".";
  hour.example = "hour(now, '+02:00') == hour(now + 2h, 'UTC')";
  hour.result = "true";
  hour.signatures = {Of({kTimeArg, kTextArg}, kIntArg, HourKernel)};
  hour.reference = ReferenceHour;

  return {now,
          age,
          UnitFunction<kSecondUs>("seconds", "seconds(d: duration) -> double",
                                  "A duration in seconds.", "seconds(1500ms)", "1.5"),
          UnitFunction<kMinuteUs>("minutes", "minutes(d: duration) -> double",
                                  "A duration in minutes.", "minutes(90s)", "1.5"),
          UnitFunction<kHourUs>("hours", "hours(d: duration) -> double", "A duration in hours.",
                                "hours(1d)", "24.0"),
          UnitFunction<kDayUs>("days", "days(d: duration) -> double",
                               "A duration in days of 24 hours.", "days(36h)", "1.5"),
          hour};
}

}  // namespace larder::registry::internal
