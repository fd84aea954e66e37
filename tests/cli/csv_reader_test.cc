// SPDX-License-Identifier: Apache-2.0
#include "cli/input/csv_reader.h"

#include <gmock/gmock.h>

#include <random>
#include <vector>

#include "tests/support/status_matchers.h"

namespace larder::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<CsvRecord> ReadAll(std::string_view bytes, size_t max_bytes = 1'000) {
  const auto source = MemorySource(bytes);
  CsvReader reader(*source, max_bytes);
  std::vector<CsvRecord> records;
  CsvRecord record;
  for (;;) {
    const StatusOr<bool> more = reader.Next(record);
    EXPECT_OK(more);
    if (!more.ok() || !*more) return records;
    records.push_back(record);
  }
}

TEST(CsvReader, SplitsAtCommasAndLineEnds) {
  const auto records = ReadAll("a,b\r\n1,\n\n,2");

  ASSERT_EQ(records.size(), 3u);
  EXPECT_THAT(records[0].fields, ElementsAre("a", "b"));
  EXPECT_THAT(records[1].fields, ElementsAre("1", ""));
  EXPECT_THAT(records[2].fields, ElementsAre("", "2"));
  EXPECT_EQ(records[2].line, 4u);
}

TEST(CsvReader, QuotesHoldCommasQuotesAndLineEnds) {
  const auto records = ReadAll("\"a,\"\"b\"\"\nc\",\"\"\nnext,1\n");

  ASSERT_EQ(records.size(), 2u);
  EXPECT_THAT(records[0].fields, ElementsAre("a,\"b\"\nc", ""));
  EXPECT_EQ(records[0].raw, "\"a,\"\"b\"\"\nc\",\"\"");
  EXPECT_EQ(records[1].line, 3u);
}

TEST(CsvReader, AQuoteInsideAFieldIsText) {
  EXPECT_THAT(ReadAll("5\" disk,x\n")[0].fields, ElementsAre("5\" disk", "x"));
}

TEST(CsvReader, TextAfterAClosingQuoteIsAnErrorOfThatRecordOnly) {
  const auto records = ReadAll("\"a\"b,c\nd,e\n");

  ASSERT_EQ(records.size(), 2u);
  EXPECT_THAT(records[0].status,
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("after its closing quote")));
  EXPECT_THAT(records[1].fields, ElementsAre("d", "e"));
}

TEST(CsvReader, AnUnclosedQuoteIsAnErrorOfItsLineOnly) {
  const auto records = ReadAll("1,a\n2,\"b\n3,c\r\n\n4,d\n");

  ASSERT_EQ(records.size(), 4u);
  EXPECT_THAT(records[1].status, StatusIs(StatusCode::kInvalidArgument, HasSubstr("not closed")));
  EXPECT_EQ(records[1].raw, "2,\"b");
  EXPECT_THAT(records[2].fields, ElementsAre("3", "c"));
  EXPECT_EQ(records[2].line, 3u);
  EXPECT_THAT(records[3].fields, ElementsAre("4", "d"));
  EXPECT_EQ(records[3].line, 5u);
}

TEST(CsvReader, AnUnclosedQuoteBeforeManyLinesCostsOneOfThem) {
  std::string text = "1,\"x\n";
  for (int i = 2; i <= 2'000; ++i) text += Concat(i, ",y\n");

  const auto records = ReadAll(text);

  ASSERT_EQ(records.size(), 2'000u);
  EXPECT_THAT(records[0].status,
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("not closed on its first line")));
  for (size_t i = 1; i < records.size(); ++i) {
    ASSERT_OK(records[i].status);
    ASSERT_THAT(records[i].fields, ElementsAre(std::to_string(i + 1), "y"));
    ASSERT_EQ(records[i].line, i + 1);
  }
}

TEST(CsvReader, AQuoteThatOnlyTheNextLinesQuoteClosesCostsItsOwnLine) {
  const auto records = ReadAll("1,\"a\n2,\"b\"\n3,\"c\n4,\"d\"\n");

  ASSERT_EQ(records.size(), 4u);
  EXPECT_FALSE(records[0].status.ok());
  EXPECT_THAT(records[1].fields, ElementsAre("2", "b"));
  EXPECT_FALSE(records[2].status.ok());
  EXPECT_THAT(records[3].fields, ElementsAre("4", "d"));
}

TEST(CsvReader, ALongRecordIsAnErrorAndTheNextIsRead) {
  const auto records = ReadAll(std::string(5'000, 'x') + ",y\nd,e\n");

  ASSERT_EQ(records.size(), 2u);
  EXPECT_THAT(records[0].status, StatusIs(StatusCode::kInvalidArgument, HasSubstr("longer than")));
  EXPECT_LE(records[0].raw.size(), 1'000u);
  EXPECT_THAT(records[1].fields, ElementsAre("d", "e"));
}

TEST(CsvReader, DropsAByteOrderMark) {
  EXPECT_THAT(ReadAll("\xEF\xBB\xBFid,x\n")[0].fields, ElementsAre("id", "x"));
}

TEST(CsvReader, ReadsBackRandomFieldsThatWereQuoted) {
  constexpr unsigned kSeed = 5;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  std::mt19937 random(kSeed);
  constexpr std::string_view kBytes = "ab,\"\r\n ";
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> fields(1 + random() % 4);
    std::string line;
    for (std::string& field : fields) {
      std::string quoted;
      for (size_t n = random() % 8; n > 0; --n) {
        field += kBytes[random() % kBytes.size()];
        quoted += field.back();
        if (field.back() == '"') quoted += '"';
      }
      line += (line.empty() ? "\"" : ",\"") + quoted + "\"";
    }

    const auto records = ReadAll(line + "\n");

    ASSERT_EQ(records.size(), 1u) << line;
    ASSERT_EQ(records[0].fields, fields) << line;
  }
}

}  // namespace
}  // namespace larder::cli
