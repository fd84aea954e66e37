// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_WINDOW_SHAPE_H_
#define LARDER_FEATURESTORE_WINDOW_SHAPE_H_

#include <bit>
#include <compare>
#include <cstdint>
#include <limits>
#include <string_view>

#include "base/clock.h"
#include "base/hash.h"
#include "featurestore/fixed_sum.h"
#include "registry/compiled_registry.h"

namespace larder::featurestore {

// The total order of the records of a key (S1.6, S3.2).
struct EventKey {
  TimeUs event_time = 0;
  TimeUs original_event_time = 0;
  Hash128 id;
  auto operator<=>(const EventKey&) const = default;
};

// One argument of an aggregate: a number in `bits` (doubles bit by bit) or a text.
struct Argument {
  int64_t bits = 0;
  std::string_view text;
};

// A finalised number, or why there is none.
struct Scalar {
  int64_t bits = 0;
  registry::Reason reason = registry::Reason::kValid;
};

// The newest event time of a state that has folded nothing.
inline constexpr TimeUs kNever = std::numeric_limits<TimeUs>::min();

// floor(value / step) * step, also for negative numbers.
inline int64_t FloorDiv(int64_t value, int64_t step) {
  return value / step - (value % step < 0 ? 1 : 0);
}
inline int64_t SaturatingSubtract(int64_t a, int64_t b) {
  int64_t result = 0;
  return __builtin_sub_overflow(a, b, &result) ? kNever : result;
}

// What all states of one aggregate have in common: the window's arithmetic (S3.1) and what the
// argument is. Immutable.
struct WindowShape {
  registry::AggregateFunction function = registry::AggregateFunction::kCount;
  registry::Window window;
  uint32_t n = 0;         // last: how many entries are kept, at least 1
  bool list = false;      // last(x, n): the result is a list
  bool distinct = false;
  bool text = false;      // the argument is a string or a key
  bool real = false;      // the argument is a double
  registry::Type type;    // of the result

  static WindowShape Of(const registry::Aggregate& aggregate);

  bool tiled() const { return window.kind == registry::Window::Kind::kTiled; }
  bool exact() const { return window.kind == registry::Window::Kind::kExact; }
  // The result is one number that fits Scalar.
  bool scalar() const { return !list && !text; }

  // Where the window that is read at T = `now` begins; kNever without a window.
  TimeUs Start(TimeUs now) const {
    if (window.kind == registry::Window::Kind::kAll || now == kNever) return kNever;
    const TimeUs start = SaturatingSubtract(now, window.width);
    if (exact() || start < kNever + 2 * kDayUs) return start;  // no hop is longer than a day
    return FloorDiv(start, window.hop) * window.hop;
  }
  // S10: what is older than this can never be read again, since T is later than every event.
  TimeUs Cut(TimeUs newest) const { return Start(newest); }
  // The tile that holds `time`; one tile for all time without a window.
  int64_t TileOf(TimeUs time) const {
    if (time == kNever) return kNever;
    return tiled() ? FloorDiv(time, window.hop) : 0;
  }

  // False for an input that the aggregate cannot hold: it is counted as skipped (S1.8).
  bool Holds(const Argument& argument) const {
    using registry::AggregateFunction;
    const bool sums =
        function == AggregateFunction::kSum || function == AggregateFunction::kMean;
    if (text) return true;
    if (real) {
      const double x = std::bit_cast<double>(argument.bits);
      return sums ? FixedSum::Holds(x) : x == x;
    }
    return function != AggregateFunction::kMean || FixedSum::Holds(argument.bits);
  }
};

// Numbers in an order that is total for doubles too: -inf < … < -0.0 < 0.0 < … < inf.
inline int64_t OrderedBits(const WindowShape& shape, int64_t bits) {
  return shape.real && bits < 0 ? bits ^ std::numeric_limits<int64_t>::max() : bits;
}

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_WINDOW_SHAPE_H_
