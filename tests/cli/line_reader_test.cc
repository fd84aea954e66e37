// SPDX-License-Identifier: Apache-2.0
#include "cli/input/line_reader.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tests/support/status_matchers.h"

namespace larder::cli {
namespace {

std::vector<Line> ReadAll(std::string_view bytes, size_t max_bytes) {
  const auto source = MemorySource(bytes);
  LineReader reader(*source, max_bytes);
  std::vector<Line> lines;
  Line line;
  for (;;) {
    const StatusOr<bool> more = reader.Next(line);
    EXPECT_OK(more);
    if (!more.ok() || !*more) return lines;
    lines.push_back(line);
  }
}

TEST(LineReader, NumbersLinesAndDropsTheirEnds) {
  const auto lines = ReadAll("one\r\n\nthree", 100);

  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].text, "one");
  EXPECT_EQ(lines[1].text, "");
  EXPECT_EQ(lines[2].text, "three");
  EXPECT_EQ(lines[2].number, 3u);
}

TEST(LineReader, AnEmptySourceHasNoLines) { EXPECT_TRUE(ReadAll("", 100).empty()); }

TEST(LineReader, DropsAByteOrderMarkAtTheBeginningOnly) {
  const auto lines = ReadAll("\xEF\xBB\xBF{}\n\xEF\xBB\xBF{}", 100);

  EXPECT_EQ(lines[0].text, "{}");
  EXPECT_EQ(lines[1].text, "\xEF\xBB\xBF{}");
}

TEST(LineReader, ALineOfExactlyTheLimitIsFine) {
  const auto lines = ReadAll(std::string(10, 'a') + "\r\n" + std::string(11, 'b') + "\nc", 10);

  EXPECT_FALSE(lines[0].too_long);
  EXPECT_EQ(lines[0].text.size(), 10u);
  EXPECT_TRUE(lines[1].too_long);
  EXPECT_EQ(lines[2].text, "c");
}

TEST(LineReader, ALongLineIsSkippedWithoutKeepingIt) {
  const std::string huge(5'000'000, 'x');
  const auto lines = ReadAll("a\n" + huge + "\nb", 1'000'000);

  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(lines[1].too_long);
  EXPECT_EQ(lines[1].size_bytes, huge.size());
  EXPECT_LE(lines[1].text.size(), 1'000u);
  EXPECT_EQ(lines[2].text, "b");
  EXPECT_EQ(lines[2].number, 3u);
}

TEST(LineReader, GivesBackWhatWasJoined) {
  constexpr unsigned kSeed = 11;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  std::mt19937 random(kSeed);
  std::vector<std::string> expected;
  std::string bytes;
  for (int i = 0; i < 2'000; ++i) {
    expected.emplace_back(random() % 700, static_cast<char>('a' + random() % 26));
    bytes += expected.back() + "\n";
  }

  const auto lines = ReadAll(bytes, 1'000);

  ASSERT_EQ(lines.size(), expected.size());
  for (size_t i = 0; i < lines.size(); ++i) ASSERT_EQ(lines[i].text, expected[i]);
}

}  // namespace
}  // namespace larder::cli
