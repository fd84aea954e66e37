// SPDX-License-Identifier: Apache-2.0
// `larder retrieve --all`: a whole run, one that goes on after it was interrupted, and what it
// refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "base/clock.h"
#include "base/status.h"
#include "cli/input/byte_source.h"
#include "tests/integration/larder_server.h"
#include "tests/support/temp_dir.h"

namespace larder {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr size_t kItems = 4'000;  // some 2 MB of lines

std::string Key(size_t i) { return Concat("i", i); }

// The text of a file, decompressed.
std::string Text(const std::string& path) {
  auto source = cli::OpenInput(path);
  if (!source.ok()) {
    ADD_FAILURE() << source.status().ToString();
    return "";
  }
  std::string text;
  std::string buffer(1 << 16, '\0');
  for (;;) {
    const auto size = (*source)->Read(buffer);
    if (!size.ok()) ADD_FAILURE() << size.status().ToString();
    if (!size.ok() || *size == 0) return text;
    text.append(buffer, 0, *size);
  }
}

// One server for all tests, which change nothing in it.
class RetrieveAllTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    world_ = new World;
    world_->server.Start();
    const ProcessResult applied = world_->server.Cli(
        {"apply", "--yes", RepositoryPath("tests/testdata/integration/vectors")});
    ASSERT_EQ(applied.exit_code, 0) << applied.err;
    std::mt19937_64 random(7);
    std::string rows;
    for (size_t i = 0; i < kItems; ++i) {
      std::string vec;
      for (int d = 0; d < 4; ++d) {
        vec += Concat(d > 0 ? "," : "", static_cast<int64_t>(random() % 2001) - 1000);
      }
      // Every hundredth has none.
      rows += Concat(R"({"item_id":")", Key(i), R"(","updated_at":"2024-01-01T00:00:00Z")",
                     R"(,"shelf":")", i % 4, "\"");
      rows += i % 100 == 0 ? "}\n" : Concat(R"(,"vec":[)", vec, "]}\n");
    }
    const ProcessResult ingested = world_->server.Cli({"ingest", "catalog", "-"}, rows);
    ASSERT_EQ(ingested.exit_code, 0) << ingested.err;
  }
  static void TearDownTestSuite() {
    delete world_;
    world_ = nullptr;
  }

  static LarderServer& server() { return world_->server; }
  std::string File(const std::string& name) const { return dir_.File(name); }

  static std::vector<std::string> Arguments(const std::string& recipe, const std::string& out,
                                            const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"retrieve", recipe, "--all", "--out", out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  static ProcessResult Run(const std::string& recipe, const std::string& out,
                           const std::vector<std::string>& more = {}) {
    return server().Cli(Arguments(recipe, out, more));
  }

  // The same with no file that grows beyond `blocks` of 1,024 bytes: a disk that gets full.
  static ProcessResult RunOnAFullDisk(const std::string& out, size_t blocks) {
    std::vector<std::string> command{
        "/bin/bash", "-c", Concat("trap '' XFSZ; ulimit -f ", blocks, R"(; exec "$0" "$@")"),
        LarderBinary()};
    const auto arguments = Arguments("near_items", out);
    command.insert(command.end(), arguments.begin(), arguments.end());
    return RunProgram(command, {{"LARDER_SERVER", server().address()}});
  }

  // What every whole run of near_items writes.
  static const std::string& Expected() {
    static const std::string* text = [] {
      const TempDir dir;
      const ProcessResult result = Run("near_items", dir.File("out.jsonl"));
      EXPECT_EQ(result.exit_code, 0) << result.err;
      return new std::string(Text(dir.File("out.jsonl")));
    }();
    return *text;
  }
  bool OnlyFile(const std::string& name) const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      if (entry.path().filename() != name) return false;
      ++count;
    }
    return count == 1;
  }

  struct World {
    TempDir dir;
    LarderServer server{dir.File("data")};
  };
  static World* world_;
  TempDir dir_;
};

RetrieveAllTest::World* RetrieveAllTest::world_ = nullptr;

TEST_F(RetrieveAllTest, WritesALineForEveryKeyAsRetrieveAnswersIt) {
  const ProcessResult result = Run("near_items", File("out.jsonl"));

  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("near_items@1: 4,000 items in "));
  EXPECT_THAT(result.out, HasSubstr("items without candidates: 40"));
  EXPECT_THAT(result.out, HasSubstr("items without a vector for a channel: 40, the first i0: near: "
                                    "FAILED_PRECONDITION: the query is null"));
  EXPECT_TRUE(OnlyFile("out.jsonl"));
  std::istringstream lines(Text(File("out.jsonl")));
  std::string last;
  size_t count = 0;
  for (std::string text; std::getline(lines, text); ++count) {
    const json line = json::parse(text);
    const std::string key = line.at("key");
    EXPECT_GT(key, last);
    last = key;
    ASSERT_EQ(line.at("ids").size(), line.at("scores").size());
    if (line.at("ids").empty()) {
      EXPECT_THAT(line.at("dropped").at("near").get<std::string>(), HasSubstr("is null"));
    }
    if (count % 200 != 0) continue;
    const json one = server().Json({"retrieve", "near_items", "--key", "seed=" + key});
    json ids = json::array();
    json scores = json::array();
    for (const json& candidate : one.at("candidates")) {
      ids.push_back(candidate.at("id"));
      scores.push_back(candidate.at("score"));
    }
    EXPECT_EQ(line.at("ids"), ids) << key;
    EXPECT_EQ(line.at("scores"), scores) << key;
  }
  EXPECT_EQ(count, kItems);
}

TEST_F(RetrieveAllTest, CompressesWhatIsNamedSo) {
  const ProcessResult result = Run("near_items", File("out.jsonl.zst"), {"--json"});

  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json summary = json::parse(result.out);
  EXPECT_EQ(summary.at("items"), kItems);
  EXPECT_EQ(summary.at("resumed"), 0);
  EXPECT_EQ(summary.at("without_candidates"), 40);
  EXPECT_EQ(Text(File("out.jsonl.zst")), Expected());
  EXPECT_LT(std::filesystem::file_size(File("out.jsonl.zst")), Expected().size() / 2);
}

TEST_F(RetrieveAllTest, RunsARecipeWithAConditionAndALimit) {
  const ProcessResult result =
      Run("on_shelf", File("out.jsonl"), {"--request", "shelf=2", "--limit", "3"});

  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::istringstream lines(Text(File("out.jsonl")));
  size_t count = 0;
  for (std::string text; std::getline(lines, text); ++count) {
    const json line = json::parse(text);
    EXPECT_LE(line.at("ids").size(), 3U);
    for (const std::string id : line.at("ids")) EXPECT_EQ(std::stoi(id.substr(1)) % 4, 2) << text;
  }
  EXPECT_EQ(count, kItems);
}

TEST_F(RetrieveAllTest, GoesOnAfterAFullDisk) {
  for (const std::string name : {"out.jsonl", "out.jsonl.zst"}) {
    SCOPED_TRACE(name);
    ASSERT_EQ(Run("near_items", File("whole-" + name)).exit_code, 0);
    // Blocks are of a megabyte of lines: there is room for one, and not for all.
    const size_t size = std::filesystem::file_size(File("whole-" + name));
    const ProcessResult full = RunOnAFullDisk(File(name), size * 8 / 10 / 1'024);
    EXPECT_EQ(full.exit_code, 1);
    EXPECT_THAT(full.err, HasSubstr(name + ".partial: cannot be written: File too large"));
    EXPECT_THAT(full.err, HasSubstr("the same command again goes on"));
    EXPECT_FALSE(std::filesystem::exists(File(name)));

    const ProcessResult result = Run("near_items", File(name));

    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("going on after "));
    EXPECT_THAT(result.err, HasSubstr("bytes are torn or damaged and made anew"));
    EXPECT_THAT(result.out, HasSubstr(" of an earlier run"));
    EXPECT_EQ(Text(File(name)), Expected());
    EXPECT_FALSE(std::filesystem::exists(File(name + ".partial")));
    EXPECT_FALSE(std::filesystem::exists(File(name + ".partial.json")));
  }
}

TEST_F(RetrieveAllTest, GoesOnAfterAKill) {
  for (const std::string name : {"out.jsonl", "out.jsonl.zst"}) {
    SCOPED_TRACE(name);
    for (int round = 0; round < 3; ++round) {
      std::vector<std::string> command{LarderBinary()};
      const auto arguments =
          Arguments("near_items", File(name), {"--server", server().address()});
      command.insert(command.end(), arguments.begin(), arguments.end());
      BackgroundProgram program(command, File(name + ".log"));
      // Once something is there, or all of it if it was quick.
      while (program.Running()) {
        std::error_code ignored;
        const auto size = std::filesystem::file_size(File(name + ".partial"), ignored);
        if (!ignored && size > 0) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      program.Signal(9);
      program.Wait();
    }

    const ProcessResult result = Run("near_items", File(name));

    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(Text(File(name)), Expected());
  }
}

TEST_F(RetrieveAllTest, MakesDamagedLinesAnew) {
  const size_t half = Expected().find('\n', Expected().size() / 2);
  const std::string name = "out.jsonl";
  ASSERT_EQ(RunOnAFullDisk(File(name), 1'200).exit_code, 1);
  // A zeroed page, as a disk may leave it; a line twice; half a line.
  for (const int damage : {0, 1, 2}) {
    SCOPED_TRACE(damage);
    std::string damaged = Expected().substr(0, half + 1);
    if (damage == 0) damaged.replace(damaged.size() / 3, 512, std::string(512, '\0'));
    if (damage == 1) damaged += damaged.substr(damaged.rfind('\n', damaged.size() - 2) + 1);
    if (damage == 2) damaged += R"({"key":"i)";
    std::ofstream(File(name + ".partial"), std::ios::binary) << damaged;
    const std::string what = Text(File(name + ".partial.json"));

    const ProcessResult result = Run("near_items", File(name));

    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("torn or damaged"));
    EXPECT_EQ(Text(File(name)), Expected());
    std::ofstream(File(name + ".partial.json"), std::ios::binary) << what;
  }
}

TEST_F(RetrieveAllTest, RefusesToGoOnWithAnotherRequest) {
  const std::string out = File("out.jsonl");
  ASSERT_EQ(RunOnAFullDisk(out, 1'200).exit_code, 1);

  const ProcessResult limit = Run("near_items", out, {"--limit", "5"});
  EXPECT_EQ(limit.exit_code, 1);
  EXPECT_THAT(limit.err, HasSubstr("another limit: 0 there, 5 now; add --restart"));
  const ProcessResult recipe = Run("on_shelf", out, {"--request", "shelf=1"});
  EXPECT_THAT(recipe.err, HasSubstr(R"(another recipe: "near_items" there, "on_shelf" now)"));
  const std::string what = Text(out + ".partial.json");
  std::filesystem::remove(out + ".partial.json");
  EXPECT_THAT(Run("near_items", out).err, HasSubstr("does not say of which; add --restart"));
  std::ofstream(out + ".partial.json") << "{";
  EXPECT_THAT(Run("near_items", out).err, HasSubstr("does not say of which; add --restart"));
  EXPECT_FALSE(std::filesystem::exists(out));
  // None of these changed it.
  std::ofstream(out + ".partial.json") << what;
  const ProcessResult restart = Run("near_items", out, {"--limit", "5", "--restart"});

  ASSERT_EQ(restart.exit_code, 0) << restart.err;
  EXPECT_THAT(restart.err, Not(HasSubstr("going on")));
  EXPECT_EQ(json::parse(Text(out).substr(0, Text(out).find('\n'))).at("key"), "i0");
}

TEST_F(RetrieveAllTest, NamesWhatItCannotDo) {
  const ProcessResult personal = Run("personal", File("out.jsonl"));
  EXPECT_EQ(personal.exit_code, 1);
  EXPECT_THAT(personal.err, HasSubstr("INVALID_ARGUMENT: recipe 'personal' uses 2 keys"));
  EXPECT_THAT(Run("nothing", File("out.jsonl")).err, HasSubstr("NOT_FOUND"));
  EXPECT_THAT(Run("near_items", File("no/out.jsonl")).err, HasSubstr("No such file or directory"));
  EXPECT_THAT(Run("near_items", dir_.path()).err, HasSubstr("not a regular file"));
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
  EXPECT_EQ(Run("near_items", "-").exit_code, 2);
  EXPECT_EQ(Run("near_items", File("out.gz")).exit_code, 2);
  EXPECT_EQ(Run("near_items", File("out"), {"--key", "seed=i1"}).exit_code, 2);
  EXPECT_EQ(server().Cli({"retrieve", "near_items", "--all"}).exit_code, 2);
  EXPECT_EQ(server().Cli({"retrieve", "near_items", "--restart"}).exit_code, 2);
}

TEST_F(RetrieveAllTest, LeavesNothingWithoutARecipeOrAServer) {
  const TempDir dir;
  LarderServer other(dir.File("data"));
  other.Start();
  const ProcessResult none = other.Cli(Arguments("near_items", File("out.jsonl")));
  EXPECT_THAT(none.err, HasSubstr("NOT_FOUND"));
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
  EXPECT_EQ(other.Stop(), 0);
  const ProcessResult gone = other.Cli(Arguments("near_items", File("out.jsonl")));
  EXPECT_EQ(gone.exit_code, 4);
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

}  // namespace
}  // namespace larder
