// SPDX-License-Identifier: Apache-2.0
#include "cli/input/record_reader.h"

#include <gmock/gmock.h>

#include <fstream>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder::cli {
namespace {

using testing::HasSubstr;

StatusOr<std::vector<InputRecord>> ReadAll(std::string_view bytes, InputFormat format) {
  const TempDir dir;
  const std::string path = dir.File("input");
  std::ofstream(path, std::ios::binary) << bytes;
  LARDER_ASSIGN_OR_RETURN(const auto reader, RecordReader::Open(path, format));
  std::vector<InputRecord> records;
  InputRecord record;
  for (;;) {
    LARDER_ASSIGN_OR_RETURN(const bool more, reader->Next(record));
    if (!more) break;
    records.push_back(record);
  }
  return records;
}

TEST(RecordReader, TheNameOrTheOptionSaysTheFormat) {
  EXPECT_THAT(FormatOf("a.jsonl.zst", ""), IsOkAndHolds(InputFormat::kJsonLines));
  EXPECT_THAT(FormatOf("a.csv", ""), IsOkAndHolds(InputFormat::kCsv));
  EXPECT_THAT(FormatOf("a.csv.gz", ""), IsOkAndHolds(InputFormat::kCsv));
  EXPECT_THAT(FormatOf("-", "csv"), IsOkAndHolds(InputFormat::kCsv));
  EXPECT_THAT(FormatOf("a.csv", "json"), IsOkAndHolds(InputFormat::kJsonLines));
  EXPECT_THAT(FormatOf("a", "xml"), StatusIs(StatusCode::kInvalidArgument, HasSubstr("xml")));
}

TEST(RecordReader, JsonLinesKeepTheirNumbersAndSkipBlankOnes) {
  ASSERT_OK_AND_ASSIGN(const auto records,
                       ReadAll("{\"a\":1}\n \n{bad\n", InputFormat::kJsonLines));

  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].bytes, "{\"a\":1}");
  EXPECT_EQ(records[1].bytes, "{bad");  // the server says what is wrong with it
  EXPECT_EQ(records[1].line, 3u);
}

TEST(RecordReader, ALineOverTheLimitIsItsOwnErrorAndTheRestGoesOn) {
  ASSERT_OK_AND_ASSIGN(const auto records, ReadAll(std::string(kMaxRecordBytes + 1, 'x') + "\n{}\n",
                                                   InputFormat::kJsonLines));

  ASSERT_EQ(records.size(), 2u);
  EXPECT_THAT(records[0].status, StatusIs(StatusCode::kInvalidArgument, HasSubstr("1048577")));
  EXPECT_LE(records[0].original().size(), 1'000u);
  EXPECT_OK(records[1].status);
}

TEST(RecordReader, CsvBecomesJsonWithTextValues) {
  ASSERT_OK_AND_ASSIGN(const auto records,
                       ReadAll("id,title\n7,\"say \"\"hi\"\"\"\n", InputFormat::kCsv));

  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].bytes, R"({"id":"7","title":"say \"hi\""})");
  EXPECT_EQ(records[0].original(), "7,\"say \"\"hi\"\"\"");
  EXPECT_EQ(records[0].line, 2u);
}

TEST(RecordReader, CsvRecordsOfAnotherLengthAreErrors) {
  ASSERT_OK_AND_ASSIGN(const auto records, ReadAll("a,b\n1\n1,2,3\n1,2\n", InputFormat::kCsv));

  ASSERT_EQ(records.size(), 3u);
  EXPECT_THAT(records[0].status,
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("1 fields, expected 2")));
  EXPECT_THAT(records[1].status, StatusIs(StatusCode::kInvalidArgument, HasSubstr("3 fields")));
  EXPECT_OK(records[2].status);
}

TEST(RecordReader, CsvThatIsNotUtf8IsAnErrorThatNamesTheField) {
  ASSERT_OK_AND_ASSIGN(const auto records, ReadAll("a,b\n1,\xFF\n", InputFormat::kCsv));

  EXPECT_THAT(records[0].status, StatusIs(StatusCode::kInvalidArgument, HasSubstr("field 'b'")));
}

TEST(RecordReader, CsvNeedsUsableNames) {
  EXPECT_THAT(ReadAll("", InputFormat::kCsv),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("is empty")));
  EXPECT_THAT(ReadAll("a,a\n", InputFormat::kCsv),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("'a' is empty, repeated")));
  EXPECT_THAT(ReadAll("a,\n", InputFormat::kCsv),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr(":1:")));
}

}  // namespace
}  // namespace larder::cli
