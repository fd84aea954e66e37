// SPDX-License-Identifier: Apache-2.0
#include "featurestore/window_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"

namespace larder::featurestore {
namespace {

using registry::Aggregate;
using registry::AggregateFunction;
using registry::Column;
using registry::kNoOrdinal;
using registry::Kind;
using registry::Ordinal;
using registry::Reason;
using registry::Window;

Aggregate Count(Window window) {
  Aggregate aggregate;
  aggregate.window = window;
  aggregate.type.kind = Kind::kInt64;
  return aggregate;
}

constexpr Window kTiled{Window::Kind::kTiled, 10 * kSecondUs, kSecondUs};
constexpr Window kExact{Window::Kind::kExact, 10 * kSecondUs, 0};

void Add(WindowTable& table, Ordinal ordinal, TimeUs time, uint64_t n, uint64_t position = 100) {
  table.Update(ordinal, Position{position}, {time, time, {0, n}}, {});
}

int64_t CountAt(const WindowTable& table, Ordinal ordinal, TimeUs now) {
  Column out = Column::Of(table.shape().type);
  const std::vector<Ordinal> ordinals = {ordinal};
  EXPECT_OK(table.Read(ordinals, {.now = now}, out));
  EXPECT_TRUE(out.valid(0));
  return out.ints[0];
}

TEST(WindowTable, CachedValuesFollowTheWindowAndNewEvents) {
  for (const Window& window : {kTiled, kExact}) {
    WindowTable table(Count(window), Position{}, true);
    Add(table, 3, 5 * kSecondUs, 1);
    Add(table, 3, 9 * kSecondUs, 2);

    EXPECT_EQ(CountAt(table, 3, 10 * kSecondUs), 2);
    EXPECT_EQ(CountAt(table, 3, 10 * kSecondUs), 2);
    EXPECT_EQ(CountAt(table, 3, 16 * kSecondUs), 1);
    EXPECT_EQ(CountAt(table, 3, 14 * kSecondUs), 2);  // a snapshot that was taken before
    Add(table, 3, 9 * kSecondUs, 3);
    EXPECT_EQ(CountAt(table, 3, 16 * kSecondUs), 2);
    EXPECT_EQ(CountAt(table, 3, 60 * kSecondUs), 0);
  }
}

TEST(WindowTable, UnknownKeysReadAsNothing) {
  WindowTable table(Count(kTiled), Position{}, true);
  Add(table, 0, kSecondUs, 1);

  EXPECT_EQ(CountAt(table, kNoOrdinal, kDayUs), 0);
  EXPECT_EQ(CountAt(table, 1, kDayUs), 0);
  EXPECT_EQ(CountAt(table, 1'000'000, kDayUs), 0);
}

TEST(WindowTable, InactiveReadsNeverComputed) {
  WindowTable table(Count(kTiled), Position{}, false);
  Add(table, 0, kSecondUs, 1);
  Column out = Column::Of(table.shape().type);
  const std::vector<Ordinal> ordinals = {0, kNoOrdinal};

  ASSERT_OK(table.Read(ordinals, {.now = kDayUs, .want_times = true}, out));

  EXPECT_EQ(out.reasons, (std::vector<Reason>{Reason::kNeverComputed, Reason::kNeverComputed}));
  EXPECT_EQ(out.times.size(), 2U);
}

TEST(WindowTable, NeverFoldsWhatIsNotAfterP0OrIsStoredAlready) {
  WindowTable table(Count({}), Position{50}, true);
  Add(table, 0, 1, 1, 50);
  EXPECT_EQ(CountAt(table, 0, kDayUs), 0);
  Add(table, 0, 1, 2, 51);
  EXPECT_EQ(CountAt(table, 0, kDayUs), 1);

  table.Install(7, Position{70}, AggregateState::Make(table.shape()));
  Add(table, 7, 1, 3, 70);
  EXPECT_EQ(CountAt(table, 7, kDayUs), 0);
  Add(table, 7, 1, 4, 71);
  EXPECT_EQ(CountAt(table, 7, kDayUs), 1);
}

// S1.8: what is replayed is counted, although the state has it.
TEST(WindowTable, SaysOfAnInputThatItHasWhetherItWasSkipped) {
  Aggregate sum = Count({});
  sum.function = registry::AggregateFunction::kSum;
  sum.has_argument = true;
  sum.argument_type.kind = sum.type.kind = Kind::kDouble;
  WindowTable table(sum, Position{}, true);
  const Argument good{std::bit_cast<int64_t>(1.0), {}};
  const Argument large{std::bit_cast<int64_t>(1e30), {}};
  table.Install(7, Position{70}, AggregateState::Make(table.shape()));

  EXPECT_TRUE(table.Update(7, Position{70}, {1, 1, {0, 1}}, good));
  EXPECT_FALSE(table.Update(7, Position{70}, {1, 1, {0, 2}}, large));
  EXPECT_EQ(table.dirty_count(), 0U);
  EXPECT_FALSE(table.Update(7, Position{71}, {1, 1, {0, 3}}, large));
}

TEST(WindowTable, TtlAndTimesComeFromTheNewestEvent) {
  WindowTable table(Count({}), Position{}, true);
  Add(table, 0, 10 * kSecondUs, 1);
  Column out = Column::Of(table.shape().type);
  const std::vector<Ordinal> ordinals = {0, 1};

  ASSERT_OK(table.Read(ordinals, {20 * kSecondUs + 1, 10 * kSecondUs, true}, out));
  ASSERT_OK(table.Read(ordinals, {20 * kSecondUs, 10 * kSecondUs, true}, out));

  EXPECT_EQ(out.reasons, (std::vector<Reason>{Reason::kExpired, Reason::kValid, Reason::kValid,
                                              Reason::kValid}));
  EXPECT_EQ(out.times[0], 10 * kSecondUs);
  EXPECT_EQ(out.times[1], registry::kNoTime);
}

TEST(WindowTable, TakesEachDirtyStateOnce) {
  WindowTable table(Count({}), Position{}, true);
  for (int i = 0; i < 3; ++i) Add(table, 4, 1, static_cast<uint64_t>(i));

  EXPECT_EQ(table.TakeDirty(), std::vector<Ordinal>{4});
  Add(table, 4, 1, 9);
  EXPECT_TRUE(table.TakeDirty().empty());  // not written yet
  table.Find(4)->dirty = false;
  Add(table, 4, 1, 10);
  EXPECT_EQ(table.TakeDirty(), std::vector<Ordinal>{4});
}

// Readers of different T cache in the same cells; ThreadSanitizer watches.
TEST(WindowTable, ReadersAtManyTimesAgreeWithTheStates) {
  WindowTable table(Count(kTiled), Position{}, true);
  constexpr Ordinal kKeys = 50;
  std::mt19937_64 random(1);
  for (uint64_t i = 0; i < 2000; ++i) {
    Add(table, static_cast<Ordinal>(random() % kKeys),
        static_cast<TimeUs>(random() % 20) * kSecondUs, i);
  }
  std::vector<Ordinal> ordinals(kKeys);
  for (Ordinal i = 0; i < kKeys; ++i) ordinals[i] = i;
  std::vector<std::thread> readers;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    readers.emplace_back([&, t] {
      std::mt19937_64 times(static_cast<uint64_t>(t));
      for (int round = 0; round < 300; ++round) {
        const TimeUs now = static_cast<TimeUs>(20 + times() % 12) * kSecondUs;
        Column out = Column::Of(table.shape().type);
        if (!table.Read(ordinals, {.now = now}, out).ok()) ++wrong;
        for (Ordinal i = 0; i < kKeys; ++i) {
          const AggregateState* state = std::as_const(table).Find(i);
          const Scalar expected = state == nullptr
                                      ? IdentityScalar(table.shape())
                                      : state->ScalarAt(table.shape(), table.shape().Start(now));
          if (out.ints[i] != expected.bits) ++wrong;
        }
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace larder::featurestore
