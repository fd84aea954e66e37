// SPDX-License-Identifier: Apache-2.0
#include "cli/format.h"

#include <gtest/gtest.h>

namespace larder::cli {
namespace {

TEST(Format, NumbersAreShort) {
  EXPECT_EQ(FormatNumber(0.1234567), "0.12346");
  EXPECT_EQ(FormatNumber(1500), "1500");
  EXPECT_EQ(FormatNumber(-2), "-2");
  EXPECT_EQ(FormatNumber(2.5e7), "2.5e+07");
}

TEST(Format, CountsHaveSeparators) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(63'666), "63,666");
  EXPECT_EQ(FormatCount(1'234'567'890), "1,234,567,890");
}

TEST(Format, SpansAndSizesHaveOneUnit) {
  EXPECT_EQ(FormatSpan(250), "250 us");
  EXPECT_EQ(FormatSpan(3'400 * kMillisecondUs), "3.4 s");
  EXPECT_EQ(FormatSpan(5 * kHourUs), "5.0 h");
  EXPECT_EQ(FormatSpan(12 * kDayUs), "12 d");
  EXPECT_EQ(FormatBytes(512), "512 B");
  EXPECT_EQ(FormatBytes(uint64_t{3} << 19), "1.5 MiB");
}

TEST(Format, WideCharactersTakeTwoColumnsAndMarksNone) {
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("größe"), 5u);
  EXPECT_EQ(DisplayWidth("日本"), 4u);
  EXPECT_EQ(DisplayWidth("e\xCC\x81"), 1u);
  EXPECT_EQ(DisplayWidth("🎮"), 2u);
}

TEST(Format, WrongBytesCountOneEach) {
  EXPECT_EQ(DisplayWidth("a\xFF\xC3"), 3u);
  EXPECT_EQ(DisplayWidth("\xE6\x97"), 2u);
}

TEST(Format, ShortenCutsAtColumnsAndNotInsideCharacters) {
  EXPECT_EQ(Shorten("abcdef", 6), "abcdef");
  EXPECT_EQ(Shorten("abcdefg", 6), "abcde…");
  EXPECT_EQ(Shorten("日本語", 4), "日…");
  EXPECT_EQ(Shorten("", 4), "");
  EXPECT_EQ(Shorten("abc", 0), "");
}

TEST(Format, ShortenMakesControlCharactersHarmless) {
  EXPECT_EQ(Shorten("a\nb\x1B[31m", 20), "a b [31m");
}

TEST(Format, StatusCodesAreNamedAsInGrpc) {
  EXPECT_EQ(StatusCodeName(StatusCode::kInvalidArgument), "INVALID_ARGUMENT");
  EXPECT_EQ(StatusCodeName(StatusCode::kDataLoss), "DATA_LOSS");
  EXPECT_EQ(StatusCodeName(static_cast<StatusCode>(77)), "UNKNOWN");
}

}  // namespace
}  // namespace larder::cli
