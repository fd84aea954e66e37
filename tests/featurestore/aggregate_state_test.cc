// SPDX-License-Identifier: Apache-2.0
#include "featurestore/aggregate_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/support/reference_windows.h"
#include "tests/support/status_matchers.h"

namespace larder::featurestore {
namespace {

using registry::Aggregate;
using registry::AggregateFunction;
using registry::Column;
using registry::Kind;
using registry::Reason;
using registry::Type;
using registry::Window;

enum class Input { kNone, kInt, kReal, kText };

Aggregate MakeAggregate(AggregateFunction function, Input input, Window window, uint32_t n = 0,
                        bool distinct = false) {
  Aggregate aggregate;
  aggregate.function = function;
  aggregate.window = window;
  aggregate.n = n;
  aggregate.distinct = distinct;
  aggregate.has_argument = input != Input::kNone;
  aggregate.argument_type.kind = input == Input::kText   ? Kind::kString
                                 : input == Input::kReal ? Kind::kDouble
                                                         : Kind::kInt64;
  aggregate.type = aggregate.argument_type;
  if (function == AggregateFunction::kCount) aggregate.type.kind = Kind::kInt64;
  if (function == AggregateFunction::kMean) aggregate.type.kind = Kind::kDouble;
  aggregate.type.list = n > 0;
  return aggregate;
}

Window All() { return {}; }
Window Tiled(DurationUs width, DurationUs hop) { return {Window::Kind::kTiled, width, hop}; }
Window Exact(DurationUs width) { return {Window::Kind::kExact, width, 0}; }

std::vector<Aggregate> AllAggregates() {
  std::vector<Aggregate> all;
  for (const Window& window : {All(), Tiled(100 * kSecondUs, 10 * kSecondUs),
                               Tiled(95 * kSecondUs, 10 * kSecondUs), Exact(60 * kSecondUs)}) {
    all.push_back(MakeAggregate(AggregateFunction::kCount, Input::kNone, window));
    for (const auto function : {AggregateFunction::kSum, AggregateFunction::kMean,
                                AggregateFunction::kMin, AggregateFunction::kMax}) {
      all.push_back(MakeAggregate(function, Input::kInt, window));
      all.push_back(MakeAggregate(function, Input::kReal, window));
    }
    for (const Input input : {Input::kInt, Input::kReal, Input::kText}) {
      all.push_back(MakeAggregate(AggregateFunction::kFirst, input, window));
      all.push_back(MakeAggregate(AggregateFunction::kLast, input, window));
      all.push_back(MakeAggregate(AggregateFunction::kLast, input, window, 5));
      all.push_back(MakeAggregate(AggregateFunction::kLast, input, window, 3, true));
    }
  }
  return all;
}

// Few distinct times, many of them on the boundaries of tiles and windows.
std::vector<ReferenceEvent> RandomEvents(std::mt19937_64& random, const Aggregate& aggregate) {
  std::vector<ReferenceEvent> events(random() % 60);
  const TimeUs base = random() % 2 == 0 ? 0 : 1'700'000'000 * kSecondUs;
  for (size_t i = 0; i < events.size(); ++i) {
    ReferenceEvent& event = events[i];
    const auto seconds = static_cast<TimeUs>(random() % 300) - 150;
    const TimeUs nudge = random() % 4 == 0 ? static_cast<TimeUs>(random() % 3) - 1 : 0;
    event.key.event_time = base + seconds / 5 * 5 * kSecondUs + nudge;
    event.key.original_event_time =
        event.key.event_time + (random() % 5 == 0 ? static_cast<TimeUs>(random() % 3) : 0);
    event.key.id = {i, random()};
    if (aggregate.argument_type.kind == Kind::kString) {
      event.text = std::string(random() % 8 == 0 ? 40 : 1, static_cast<char>('a' + random() % 6));
    } else if (aggregate.argument_type.kind == Kind::kDouble) {
      event.number = static_cast<double>(static_cast<int>(random() % 80) - 40) / 4;
    } else if (aggregate.has_argument) {
      event.number = static_cast<double>(static_cast<int>(random() % 20) - 10);
    }
  }
  return events;
}

Argument ArgumentOf(const WindowShape& shape, const ReferenceEvent& event) {
  if (shape.text) return {0, event.text};
  if (shape.real) return {std::bit_cast<int64_t>(event.number), {}};
  return {static_cast<int64_t>(event.number), {}};
}

std::unique_ptr<AggregateState> Fold(const WindowShape& shape,
                                     const std::vector<ReferenceEvent>& events) {
  auto state = AggregateState::Make(shape);
  for (const ReferenceEvent& event : events) {
    state->Update(shape, event.key, ArgumentOf(shape, event));
  }
  return state;
}

std::string Bytes(const AggregateState& state) {
  std::string bytes;
  state.Encode(bytes);
  return bytes;
}

Column ReadAt(const WindowShape& shape, const AggregateState& state, TimeUs now) {
  Column out = Column::Of(shape.type);
  state.AppendAt(shape, shape.Start(now), out);
  return out;
}

void ExpectEqual(const WindowShape& shape, const Column& got, const ReferenceValue& expected) {
  ASSERT_EQ(got.rows, 1U);
  ASSERT_EQ(got.reasons[0], expected.reason);
  if (expected.reason != Reason::kValid) return;
  if (shape.list) {
    ASSERT_EQ(got.elements(), expected.texts.size());
    for (size_t i = 0; i < got.elements(); ++i) {
      if (shape.text) {
        EXPECT_EQ(got.strings[i], expected.texts[i]);
      } else {
        EXPECT_EQ(shape.real ? got.doubles[i] : static_cast<double>(got.ints[i]),
                  expected.numbers[i]);
      }
    }
  } else if (shape.text) {
    EXPECT_EQ(got.strings[0], expected.text);
  } else if (shape.type.kind == Kind::kDouble) {
    EXPECT_EQ(got.doubles[0], expected.number);
  } else {
    EXPECT_EQ(static_cast<double>(got.ints[0]), expected.number);
  }
}

TEST(AggregateState, EqualsTheDirectComputationOnRandomRecords) {
  std::mt19937_64 random(3);
  for (const Aggregate& aggregate : AllAggregates()) {
    const WindowShape shape = WindowShape::Of(aggregate);
    for (int round = 0; round < 40; ++round) {
      SCOPED_TRACE(testing::Message() << "function " << static_cast<int>(aggregate.function)
                                      << " window " << static_cast<int>(aggregate.window.kind)
                                      << " n " << aggregate.n << " round " << round);
      std::vector<ReferenceEvent> events = RandomEvents(random, aggregate);
      std::shuffle(events.begin(), events.end(), random);
      const auto state = Fold(shape, events);
      const ReferenceWindows reference(aggregate, events);
      TimeUs newest = 0;
      for (const auto& event : events) newest = std::max(newest, event.key.event_time);
      for (const DurationUs later : {DurationUs{1}, DurationUs{2}, 5 * kSecondUs, 55 * kSecondUs,
                                     60 * kSecondUs, 95 * kSecondUs + 1, 200 * kSecondUs}) {
        const TimeUs now = newest + later;
        ExpectEqual(shape, ReadAt(shape, *state, now), reference.At(now));
        if (testing::Test::HasFailure()) return;
      }
    }
  }
}

TEST(AggregateState, DependsOnTheSetOfRecordsAlone) {
  std::mt19937_64 random(5);
  for (const Aggregate& aggregate : AllAggregates()) {
    const WindowShape shape = WindowShape::Of(aggregate);
    for (int round = 0; round < 20; ++round) {
      std::vector<ReferenceEvent> events = RandomEvents(random, aggregate);
      const std::string expected = Bytes(*Fold(shape, events));
      std::shuffle(events.begin(), events.end(), random);
      ASSERT_EQ(Bytes(*Fold(shape, events)), expected);

      // (a + b) + c and a + (b + c), of any parts.
      std::vector<std::vector<ReferenceEvent>> parts(3);
      for (const auto& event : events) parts[random() % 3].push_back(event);
      auto left = Fold(shape, parts[0]);
      left->Merge(shape, *Fold(shape, parts[1]));
      left->Merge(shape, *Fold(shape, parts[2]));
      auto tail = Fold(shape, parts[1]);
      tail->Merge(shape, *Fold(shape, parts[2]));
      auto right = Fold(shape, parts[0]);
      right->Merge(shape, *tail);
      ASSERT_EQ(Bytes(*left), expected);
      ASSERT_EQ(Bytes(*right), expected);
    }
  }
}

TEST(AggregateState, ComesBackFromItsBytes) {
  std::mt19937_64 random(9);
  for (const Aggregate& aggregate : AllAggregates()) {
    const WindowShape shape = WindowShape::Of(aggregate);
    const auto state = Fold(shape, RandomEvents(random, aggregate));
    const std::string bytes = Bytes(*state);

    ASSERT_OK_AND_ASSIGN(const auto decoded, AggregateState::Decode(shape, bytes));

    EXPECT_EQ(Bytes(*decoded), bytes);
    EXPECT_EQ(decoded->newest(), state->newest());
    EXPECT_GT(decoded->MemoryBytes(), 0U);
  }
}

TEST(AggregateState, DamagedBytesAreRefusedOrHarmless) {
  std::mt19937_64 random(13);
  for (const Aggregate& aggregate : AllAggregates()) {
    const WindowShape shape = WindowShape::Of(aggregate);
    const std::string bytes = Bytes(*Fold(shape, RandomEvents(random, aggregate)));
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_THAT(AggregateState::Decode(shape, bytes.substr(0, size)),
                  StatusIs(StatusCode::kDataLoss, testing::_));
    }
    for (int round = 0; round < 50; ++round) {
      std::string damaged = bytes;
      damaged[random() % damaged.size()] ^= static_cast<char>(1 << (random() % 8));
      const auto decoded = AggregateState::Decode(shape, damaged);
      if (decoded.ok()) ReadAt(shape, **decoded, kSecondUs);
    }
  }
}

TEST(AggregateState, ForgedCountsDoNotAllocate) {
  const WindowShape shape =
      WindowShape::Of(MakeAggregate(AggregateFunction::kCount, Input::kNone, Exact(kSecondUs)));
  std::string bytes;
  ByteWriter out(bytes);
  out.Varint(0);
  out.Fixed<uint8_t>(0);
  out.Varint(uint64_t{1} << 60);

  EXPECT_THAT(AggregateState::Decode(shape, bytes), StatusIs(StatusCode::kDataLoss, testing::_));
}

TEST(AggregateState, CountsInputsThatItCannotHold) {
  const WindowShape shape =
      WindowShape::Of(MakeAggregate(AggregateFunction::kSum, Input::kReal, All()));
  const auto state = AggregateState::Make(shape);

  EXPECT_TRUE(state->Update(shape, {1, 1, {}}, {std::bit_cast<int64_t>(1.5), {}}));
  EXPECT_FALSE(state->Update(shape, {2, 2, {}}, {std::bit_cast<int64_t>(0x1p62), {}}));

  EXPECT_EQ(state->skipped(), 1U);
  EXPECT_EQ(state->newest(), 1);
  EXPECT_EQ(std::bit_cast<double>(state->ScalarAt(shape, kNever).bits), 1.5);
}

TEST(AggregateState, SumOfIntegersIsNullWhenItOverflows) {
  const WindowShape shape =
      WindowShape::Of(MakeAggregate(AggregateFunction::kSum, Input::kInt, All()));
  const auto state = AggregateState::Make(shape);
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

  state->Update(shape, {1, 1, {0, 1}}, {kMax, {}});
  EXPECT_EQ(state->ScalarAt(shape, kNever).bits, kMax);
  state->Update(shape, {1, 1, {0, 2}}, {1, {}});
  EXPECT_NE(state->ScalarAt(shape, kNever).reason, Reason::kValid);
  state->Update(shape, {1, 1, {0, 3}}, {-1, {}});
  EXPECT_EQ(state->ScalarAt(shape, kNever).bits, kMax);
}

TEST(AggregateState, ExactWindowKeepsTheNewest65536AndSaysSo) {
  const WindowShape shape =
      WindowShape::Of(MakeAggregate(AggregateFunction::kCount, Input::kNone, Exact(kHourUs)));
  const auto state = AggregateState::Make(shape);
  constexpr int64_t kEvents = 65'536;
  for (int64_t i = 0; i < kEvents - 1; ++i) {
    state->Update(shape, {i * 1000, i * 1000, {0, static_cast<uint64_t>(i)}}, {});
  }
  const TimeUs now = kEvents * 1000;
  EXPECT_EQ(state->ScalarAt(shape, shape.Start(now)).bits, kEvents - 1);

  state->Update(shape, {now - 1, now - 1, {}}, {});
  EXPECT_EQ(state->ScalarAt(shape, shape.Start(now)).reason, Reason::kTooManyEvents);

  // Once the oldest that is kept has left the window, nothing that counts is missing.
  EXPECT_EQ(state->ScalarAt(shape, 1).bits, kEvents - 1);
  state->Update(shape, {now, now, {}}, {});
  EXPECT_EQ(state->ScalarAt(shape, 1).reason, Reason::kTooManyEvents);
}

TEST(AggregateState, ForgetsTilesThatNoReadCanSee) {
  const WindowShape shape = WindowShape::Of(
      MakeAggregate(AggregateFunction::kCount, Input::kNone, Tiled(kMinuteUs, kSecondUs)));
  std::vector<ReferenceEvent> events;
  for (int i = 0; i < 10'000; ++i) {
    events.push_back({{i * kSecondUs, i * kSecondUs, {0, static_cast<uint64_t>(i)}}, 0, ""});
  }

  const auto state = Fold(shape, events);

  EXPECT_LT(Bytes(*state).size(), 400U);
  EXPECT_LT(state->MemoryBytes(), 4096U);
}

TEST(AggregateState, NothingFoldedReadsAsS34Says) {
  for (const Aggregate& aggregate : AllAggregates()) {
    const WindowShape shape = WindowShape::Of(aggregate);
    Column none = Column::Of(shape.type);
    AppendIdentity(shape, none);
    const auto empty = AggregateState::Make(shape);
    const ReferenceWindows reference(aggregate, {});

    ExpectEqual(shape, none, reference.At(kSecondUs));
    ExpectEqual(shape, ReadAt(shape, *empty, kSecondUs), reference.At(kSecondUs));
  }
}

}  // namespace
}  // namespace larder::featurestore
