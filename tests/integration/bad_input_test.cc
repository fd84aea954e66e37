// SPDX-License-Identifier: Apache-2.0
// What is wrong is named and loses nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/integration/clicks_registry.h"
#include "tests/support/temp_dir.h"

namespace larder {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class BadInputTest : public testing::Test {
 protected:
  void SetUp() override {
    server_.Start();
    ApplyClicksRegistry(server_);
  }

  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(dir_.File(name), std::ios::binary) << text;
    return dir_.File(name);
  }

  const TempDir dir_;
  LarderServer server_{dir_.File("data")};
};

TEST_F(BadInputTest, EachBadLineIsNamedAndRejectedAndTheRestGoesIn) {
  const std::string now = FormatTime(Clock::System().Now());
  const std::string future = FormatTime(Clock::System().Now() + kHourUs);
  const std::string good = R"({"click_id":"a","user_id":"u0","item_id":"i0","at":")" + now + "\"}";
  const std::string file =
      Write("clicks.jsonl",
            good + "\n" + "not json\n" +
                R"({"click_id":"b","user_id":"u0","item_id":"i0","at":"yesterday"})"
                "\n"
                R"({"click_id":"c","user_id":"u0","item_id":"i0","at":")" +
                future + "\"}\n" +
                R"({"click_id":"d","user_id":"u0","item_id":"i0"})"
                "\n"
                R"({"click_id":"e","user_id":"u0","item_id":"i0","at":")" +
                now +
                R"(","dwell_s":"long"})"
                "\n" +
                R"({"click_id":"f","user_id":"u0","item_id":"i0","at":")" + now +
                R"(","dwel_s":1})"
                "\n" +
                R"({"click_id":"g","user_id":"u0","item_id":"i0","at":")" + now +
                R"(","dwell_s":NaN})"
                "\n" +
                "{\"click_id\":\"h\xff\",\"user_id\":\"u0\",\"item_id\":\"i0\",\"at\":\"" + now +
                "\"}\n" + R"({"click_id":"a","user_id":"u1","item_id":"i0","at":")" + now +
                "\"}\n" + R"({"click_id":"i","user_id":"u0","item_id":"i0","at":")" + now +
                R"(","pad":")" + std::string(size_t{1} << 20, 'x') + "\"}\n" + good + "\n" +
                R"({"click_id":"z","user_id":"u0","item_id":"i0","at":")" + now + "\"}");
  const std::string rejects = dir_.File("rejects.jsonl");
  const ProcessResult result = server_.Cli({"ingest", "clicks", file, "--rejects", rejects});

  EXPECT_EQ(result.exit_code, 3) << result.err;
  std::ifstream in(rejects);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  EXPECT_EQ(lines.size(), 10u) << result.err;
  for (const char* expected : {":2", ":3", ":4", ":5", ":6", ":7", ":8", ":9", ":10", ":11"}) {
    EXPECT_THAT(result.err, HasSubstr(Concat("clicks.jsonl", expected)));
  }
  EXPECT_THAT(result.err, HasSubstr("dwell_s"));

  // The two good clicks went in, the repeated one counts once.
  IngestClient client(server_.address());
  EXPECT_EQ(ReadCounts(client, 0)[0], 2);
}

TEST_F(BadInputTest, CsvCellsAreReadByType) {
  const std::string now = FormatTime(Clock::System().Now());
  const std::string file = Write("clicks.csv",
                                 "click_id,user_id,item_id,at,dwell_s\n"
                                 "a,u0,i0," +
                                     now +
                                     ",1.5\n"
                                     "\"b, or not\",u0,i0," +
                                     now +
                                     ",\n"
                                     "c,u0,i0," +
                                     now +
                                     ",long\n"
                                     "d,u0,i0\n");
  const ProcessResult result =
      server_.Cli({"ingest", "clicks", file, "--rejects", dir_.File("rejects")});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, AllOf(HasSubstr("clicks.csv:4"), HasSubstr("clicks.csv:5")));
  IngestClient client(server_.address());
  EXPECT_EQ(ReadCounts(client, 0)[0], 2);
}

TEST_F(BadInputTest, DefinitionErrorsNameFileLineAndColumn) {
  std::filesystem::create_directory(dir_.File("bad"));
  Write("bad/a.yaml", "entity: item\nkey: item_id\n---\nview: v\nof: itm\nfrom: clicks\n");
  for (const char* command : {"check", "plan", "apply"}) {
    const ProcessResult result = server_.Cli({command, dir_.File("bad")});
    EXPECT_EQ(result.exit_code, 1) << command;
    EXPECT_THAT(result.out + result.err, AllOf(HasSubstr("a.yaml:5:5"), HasSubstr("itm")))
        << command;
  }
}

TEST_F(BadInputTest, ClientCallsGetClearErrors) {
  const auto fails = [&](const std::vector<std::string>& arguments, const char* what) {
    const ProcessResult result = server_.Cli(arguments);
    EXPECT_EQ(result.exit_code, 1) << arguments[0];
    EXPECT_THAT(result.err, HasSubstr(what)) << arguments[0];
  };
  fails({"ingest", "klicks", Write("x.jsonl", "{}\n"), "--rejects", dir_.File("r")},
        "larder: NOT_FOUND: source 'klicks'");
  fails({"ingest", "clicks", dir_.File("missing.jsonl")}, "missing.jsonl");
  fails({"get", "count", "--key", "candidate=i0"}, "count");
  fails({"get", "counts", "--key", "usr=u0", "--key", "candidate=i0"}, "usr");
  fails({"get", "counts@9", "--key", "candidate=i0"}, "counts@9");
  fails({"similar", "nothing", "--key", "seed=i0"}, "nothing");
  fails({"search", "text.vec", "words"}, "unknown vector feature 'text.vec'; there are none");
}

TEST_F(BadInputTest, ASecondServerOnTheSameDirectoryIsRefused) {
  LarderServer second(server_.data_dir());
  const ProcessResult result = second.StartAndFail();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("another process"));
}

// gRPC logs on its own account what it then also says by a status.
TEST_F(BadInputTest, OnlyOurOwnMessageIsOnStandardError) {
  const TempDir other;
  const ProcessResult taken =
      RunProgram({LarderBinary(), "serve", "--data", other.File("d"), "--listen",
                  server_.address(), "--http", "off", "--ports-file", other.path()});

  EXPECT_EQ(taken.exit_code, 1);
  EXPECT_THAT(taken.err, testing::StartsWith("larder: "));
}

TEST_F(BadInputTest, DamagedLogIsDataLossAndNotAShorterLog) {
  ASSERT_EQ(server_.Stop(), 0);
  size_t damaged = 0;
  for (const auto& entry : std::filesystem::directory_iterator(server_.data_dir() + "/log")) {
    if (entry.path().extension() != ".sst" && entry.path().extension() != ".log") continue;
    if (entry.file_size() == 0) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    for (size_t i = 0; i < bytes.size(); i += 64) bytes[i] = static_cast<char>(bytes[i] ^ 0x20);
    file.clear();
    file.seekp(0);
    file << bytes;
    ++damaged;
  }
  ASSERT_GT(damaged, 0u);
  const ProcessResult result = server_.StartAndFail();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("DATA_LOSS"));
}

TEST_F(BadInputTest, AnotherAddressThanLoopbackNeedsInsecure) {
  const TempDir other;
  const ProcessResult result = RunProgram({LarderBinary(), "serve", "--data", other.File("d"),
                                           "--listen", "0.0.0.0:0", "--http", "off"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("--insecure"));
}

TEST_F(BadInputTest, CommandLineMistakesExitWithTwo) {
  EXPECT_EQ(server_.Cli({"get"}).exit_code, 2);
  EXPECT_EQ(server_.Cli({"no-such-command"}).exit_code, 2);
  EXPECT_EQ(server_.Cli({"status", "--no-such-flag"}).exit_code, 2);
}

}  // namespace
}  // namespace larder
