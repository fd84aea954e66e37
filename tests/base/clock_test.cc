// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "tests/support/status_matchers.h"

namespace larder {
namespace {

using ::testing::EndsWith;
using ::testing::Eq;
using ::testing::HasSubstr;

TEST(Clock, ParsesRfc3339WithFractionsAndOffsets) {
  EXPECT_THAT(ParseTime("1970-01-01T00:00:00Z"), IsOkAndHolds(Eq(0)));
  EXPECT_THAT(ParseTime("2024-05-01T10:00:00.25Z"), IsOkAndHolds(Eq(1714557600250000)));
  EXPECT_THAT(ParseTime("2024-05-01T12:00:00+02:00"), IsOkAndHolds(Eq(1714557600000000)));
  EXPECT_THAT(ParseTime("1969-12-31T23:59:59.999999Z"), IsOkAndHolds(Eq(-1)));
}

TEST(Clock, RefusesWhatIsNotATime) {
  for (const char* text : {"", "2024", "2024-13-01T00:00:00Z", "2023-02-29T00:00:00Z", "2024-05-01",
                           "2024-05-01T24:00:00Z", "2024-05-01T10:00:00", "2024-05-01T10:00:00.Z",
                           "2024-05-01T10:00:00Zx", "0000-01-01T00:00:00Z"}) {
    EXPECT_THAT(ParseTime(text), StatusIs(StatusCode::kInvalidArgument, HasSubstr("RFC 3339")))
        << text;
  }
}

TEST(Clock, FormatAndParseAreInverse) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(Concat("seed ", seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 10'000; ++i) {
    const auto time =
        static_cast<TimeUs>(random() % 250'000'000'000'000'000u) - 60'000'000'000'000'000;
    ASSERT_THAT(ParseTime(FormatTime(time)), IsOkAndHolds(Eq(time))) << FormatTime(time);
  }
}

TEST(Clock, FormatsTheFirstAndLastTimes) {
  EXPECT_THAT(FormatTime(std::numeric_limits<TimeUs>::min()), EndsWith("T19:59:05.224192Z"));
  EXPECT_THAT(FormatTime(std::numeric_limits<TimeUs>::max()), EndsWith("T04:00:54.775807Z"));
  EXPECT_EQ(FormatTime(-1), "1969-12-31T23:59:59.999999Z");
}

TEST(Clock, ParsesAndFormatsDurations) {
  EXPECT_THAT(ParseDuration("90s"), IsOkAndHolds(Eq(90 * kSecondUs)));
  EXPECT_THAT(ParseDuration("10m"), IsOkAndHolds(Eq(10 * kMinuteUs)));
  EXPECT_THAT(ParseDuration("2w"), IsOkAndHolds(Eq(14 * kDayUs)));
  EXPECT_THAT(ParseDuration("500ms"), IsOkAndHolds(Eq(500 * kMillisecondUs)));
  EXPECT_EQ(FormatDuration(7 * kDayUs), "7d");
  EXPECT_EQ(FormatDuration(90 * kMinuteUs), "90m");
  EXPECT_EQ(FormatDuration(0), "0s");
  for (const char* text :
       {"", "7", "d", "-1d", "7 d", "7days", "99999999999999999999s", "9999999999d"}) {
    EXPECT_THAT(ParseDuration(text), StatusIs(StatusCode::kInvalidArgument, HasSubstr("duration")))
        << text;
  }
}

TEST(Clock, ManualClockStandsStill) {
  ManualClock clock(5);
  EXPECT_EQ(clock.Now(), 5);
  clock.Advance(2);
  EXPECT_EQ(clock.Now(), 7);
}

}  // namespace
}  // namespace larder
