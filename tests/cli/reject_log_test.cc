// SPDX-License-Identifier: Apache-2.0
#include "cli/ingest/reject_log.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/file_system.h"
#include "cli/exit_code.h"
#include "cli/json.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder::cli {
namespace {

using testing::HasSubstr;

class RejectLogTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, std::string_view text) {
    std::ofstream(dir_.File(name), std::ios::binary) << text;
    return dir_.File(name);
  }
  std::string Read(const std::string& path) {
    return FileSystem::Posix().Read(path, 10'000).value_or("(none)");
  }

  const TempDir dir_;
  std::ostringstream err_;
};

TEST_F(RejectLogTest, DoesNotOverwriteAnInput) {
  const std::string input = Write("bad.jsonl", "{}\n");
  std::filesystem::create_symlink(input, dir_.File("link"));
  std::filesystem::create_hard_link(input, dir_.File("hard"));
  for (const char* name : {"bad.jsonl", "link", "hard", "./bad.jsonl"}) {
    RejectLog log(dir_.File(name), err_);

    const Status status = log.Begin({"other.jsonl", input});

    EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, HasSubstr("is the input")));
    EXPECT_EQ(ExitCodeOf(status), kExitUsage);
    EXPECT_EQ(Read(input), "{}\n");
  }
}

// They may be on their way through a pipe, to be sent again.
TEST_F(RejectLogTest, AnEarlierRunsRejectsStayUntilThisOneEndsWell) {
  const std::string path = Write("rejects", "old\n");
  {
    RejectLog failed(path, err_);
    ASSERT_OK(failed.Begin({"-", "items.jsonl"}));
  }
  EXPECT_EQ(Read(path), "old\n");

  RejectLog good(path, err_);
  ASSERT_OK(good.Begin({"items.jsonl"}));
  ASSERT_OK(good.End());
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(Read(path + ".old"), "old\n");
  EXPECT_OK(good.End());
}

TEST_F(RejectLogTest, AnEarlierRunsRejectsArePutAsideByTheFirstNewOne) {
  const std::string path = Write("rejects", "old\n");
  RejectLog log(path, err_);
  ASSERT_OK(log.Begin({"items.jsonl"}));

  ASSERT_OK(log.Add("items.jsonl", 1, InvalidArgument("bad"), "x"));
  ASSERT_OK(log.End());

  EXPECT_THAT(Read(path), HasSubstr("items.jsonl:1"));
  EXPECT_EQ(Read(path + ".old"), "old\n");
}

TEST_F(RejectLogTest, WhereEarlierRejectsGoIsNoInputEither) {
  const std::string input = Write("rejects.old", "{}\n");

  EXPECT_THAT(RejectLog(dir_.File("rejects"), err_).Begin({input}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("is the input")));
}

TEST_F(RejectLogTest, ADeviceStays) {
  RejectLog log("/dev/null", err_);

  ASSERT_OK(log.Begin({"items.jsonl"}));
  EXPECT_OK(log.Add("items.jsonl", 1, InvalidArgument("bad"), "x"));
  EXPECT_TRUE(std::filesystem::exists("/dev/null"));
}

TEST_F(RejectLogTest, StandardOutputIsNoFile) {
  EXPECT_EQ(ExitCodeOf(RejectLog("-", err_).Begin({"items.jsonl"})), kExitUsage);
}

TEST_F(RejectLogTest, BytesThatAreNotUtf8AreKeptInBase64) {
  RejectLog log(dir_.File("rejects"), err_);

  ASSERT_OK(log.Add("a", 1, InvalidArgument("bad"), "f\xFF"));
  ASSERT_OK(log.Add("a", 2, InvalidArgument("bad"), "fo\xFF"));
  ASSERT_OK(log.Add("a", 3, InvalidArgument("bad"), "foo\xFF"));
  ASSERT_OK(log.Add("a", 4, InvalidArgument("bad"), "f\u00fc"));

  std::istringstream lines(Read(dir_.File("rejects")));
  std::vector<Json> read;
  for (std::string line; std::getline(lines, line);) read.push_back(Json::parse(line));
  ASSERT_EQ(read.size(), 4u);
  EXPECT_EQ(read[0]["record"], "f\uFFFD");
  EXPECT_EQ(read[0]["record_base64"], "Zv8=");
  EXPECT_EQ(read[1]["record_base64"], "Zm//");
  EXPECT_EQ(read[2]["record_base64"], "Zm9v/w==");
  EXPECT_EQ(read[3]["record"], "f\u00fc");
  EXPECT_FALSE(read[3].contains("record_base64"));
}

TEST_F(RejectLogTest, WhatIsNotOnTheDiskIsNotCounted) {
  RejectLog log("/dev/full", err_);

  EXPECT_THAT(log.Add("a", 1, InvalidArgument("bad"), "x"),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("No space left on device")));
  EXPECT_EQ(log.count(), 0u);
}

TEST_F(RejectLogTest, AFileThatCannotBeWrittenIsNoMissingServer) {
  RejectLog log(dir_.File("no/such/folder"), err_);

  const Status status = log.Add("a", 1, InvalidArgument("bad"), "x");

  EXPECT_THAT(status, StatusIs(StatusCode::kFailedPrecondition,
                               HasSubstr("cannot be written: No such file or directory")));
  EXPECT_EQ(ExitCodeOf(status), kExitError);
  EXPECT_EQ(log.count(), 0u);
}

}  // namespace
}  // namespace larder::cli
