// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "base/file_system.h"
#include "cli/json.h"

namespace larder::cli {
namespace {

using testing::HasSubstr;

struct Result {
  int code = 0;
  std::string out;
  std::string err;
};

Result RunLarder(const std::vector<std::string>& args) {
  std::ostringstream out;
  std::ostringstream err;
  Result result;
  result.code = RunCli(args, {out, err});
  result.out = out.str();
  result.err = err.str();
  return result;
}

TEST(Cli, HelpIsNoErrorAndHasExamples) {
  const Result help = RunLarder({"get", "--help"});

  EXPECT_EQ(help.code, kExitOk);
  EXPECT_THAT(help.out, HasSubstr("Examples:"));
  EXPECT_THAT(help.out, HasSubstr("--ages"));
}

TEST(Cli, WrongUsageIsItsOwnExitCode) {
  EXPECT_EQ(RunLarder({}).code, kExitUsage);
  EXPECT_EQ(RunLarder({"bake"}).code, kExitUsage);
  EXPECT_EQ(RunLarder({"get"}).code, kExitUsage);
  EXPECT_EQ(RunLarder({"get", "ranker", "--colour"}).code, kExitUsage);
  EXPECT_EQ(RunLarder({"ingest", "a", "b", "--batch", "0"}).code, kExitUsage);
}

TEST(Cli, ErrorsNameTheProgramAndTheCode) {
  const Result result = RunLarder({"check", "/nonexistent"});

  EXPECT_EQ(result.code, kExitError);
  EXPECT_THAT(result.err, HasSubstr("larder: NOT_FOUND: /nonexistent"));
}

TEST(Cli, WithoutAServerItSaysHowToStartOne) {
  // Port 1 of the loopback interface: nobody listens there.
  const Result result = RunLarder({"status", "--server", "127.0.0.1:1"});

  EXPECT_EQ(result.code, kExitNoServer);
  EXPECT_THAT(result.err, HasSubstr("no server answers at 127.0.0.1:1"));
  EXPECT_THAT(result.err, HasSubstr("larder serve"));
}

TEST(Cli, KeysAreReadBeforeAnythingIsAsked) {
  const Result result = RunLarder({"get", "ranker", "--key", "user", "--server", "127.0.0.1:1"});

  EXPECT_EQ(result.code, kExitError);
  EXPECT_THAT(result.err, HasSubstr("--key: expected NAME=VALUE, got 'user'"));
}

TEST(Cli, FunctionsAreListedWithoutAServer) {
  EXPECT_THAT(RunLarder({"functions"}).out, HasSubstr("log1p"));
  EXPECT_THAT(RunLarder({"functions", "cosine"}).out, HasSubstr("nulls:"));
  EXPECT_EQ(RunLarder({"functions", "nothing_like_it"}).code, kExitError);
  const Json one = Json::parse(RunLarder({"functions", "log1p", "--json"}).out);
  EXPECT_EQ(one["name"], "log1p");
}

TEST(Cli, CheckPrintsEveryErrorWithItsPlace) {
  const std::string dir = testing::TempDir() + "/cli_check";
  ASSERT_TRUE(FileSystem::Posix().MakeDirs(dir).ok());
  std::ofstream(dir + "/a.yaml") << "entity: item\nkey: item_id\n---\nentity: item\nkeyy: x\n";

  const Result result = RunLarder({"check", dir});

  EXPECT_EQ(result.code, kExitError);
  EXPECT_THAT(result.out, HasSubstr(dir + "/a.yaml:5:1: "));
  EXPECT_THAT(result.err, HasSubstr("INVALID_ARGUMENT"));
  const Json json = Json::parse(RunLarder({"check", dir, "--json"}).out);
  EXPECT_FALSE(json["ok"].get<bool>());
  EXPECT_EQ(json["diagnostics"][0]["file"], "a.yaml");
}

}  // namespace
}  // namespace larder::cli
