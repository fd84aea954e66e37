// SPDX-License-Identifier: Apache-2.0
// The quickstart's flow on a small catalog: encoder, definitions, ingest, index, similar items with
// features; the same answers after a restart; what a newer encoder changes (R4, S7).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "base/status.h"
#include "tests/integration/larder_server.h"
#include "tests/support/temp_dir.h"

namespace larder {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class CatalogFlowTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::copy(RepositoryPath("examples/debian"), definitions_);
    TrainEncoder(1);
    server_.Start();
  }

  void TrainEncoder(int seed) {
    std::filesystem::remove_all(Concat(definitions_, "/encoders"));
    const ProcessResult result = server_.Cli(
        {"encoder", "train", "--items", Data("catalog"), "--out",
         Concat(definitions_, "/encoders/debian"), "--pieces", "2000", "--dimensions", "64",
         "--seed", Concat(seed)});
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }

  static std::string Data(const std::string& name) {
    return RepositoryPath(Concat("tests/testdata/debian_small/", name, ".jsonl"));
  }

  void Apply() {
    const ProcessResult result = server_.Cli({"apply", "--yes", definitions_});
    ASSERT_EQ(result.exit_code, 0) << result.err << result.out;
  }

  void Ingest(const std::string& source, const std::string& file) {
    const ProcessResult result = server_.Cli({"ingest", source, Data(file), "--history"});
    ASSERT_EQ(result.exit_code, 0) << result.err << result.out;
  }

  void IngestAll() {
    Ingest("catalog", "catalog");
    Ingest("depends", "edges");
    Ingest("views", "sessions");
  }

  json Similar(const std::string& package) {
    const json reply = server_.Json({"similar", "similar_packages", "--key", "seed=" + package,
                                     "--limit", "10"});
    return reply.value("candidates", json::array());
  }

  const TempDir dir_;
  const std::string definitions_ = dir_.File("definitions");
  LarderServer server_{dir_.File("data")};
};

TEST_F(CatalogFlowTest, SimilarItemsWithFeaturesAreTheSameAfterARestart) {
  Apply();
  IngestAll();
  const json before = Similar("nginx");
  ASSERT_EQ(before.size(), 10u) << before.dump(1);
  for (const json& row : before) {
    EXPECT_NE(row.at("id"), "nginx") << "the seed is excluded";
    EXPECT_TRUE(row.contains("score"));
  }

  EXPECT_EQ(server_.Stop(), 0);
  server_.Start();
  EXPECT_EQ(Similar("nginx"), before);

  // Everything again: all of it is known (S1.7), nothing is encoded again.
  IngestAll();
  EXPECT_EQ(Similar("nginx"), before);
  const json status = server_.Json({"status"});
  for (const json& index : status.at("indexes")) EXPECT_EQ(index.at("encoded"), 0) << index.dump(1);
  EXPECT_EQ(server_.Stop(), 0);
}

// S2.3, and what was history is known to a live append too.
TEST_F(CatalogFlowTest, BulkHistoryComesBeforeTheFirstLiveRecord) {
  Apply();
  IngestAll();
  const json known = server_.Json({"ingest", "views", Data("sessions")});
  EXPECT_EQ(known.at("duplicates"), known.at("accepted"));
  Ingest("views", "sessions");  // nothing went in, so it is not live yet

  std::ofstream(dir_.File("view.jsonl"))
      << R"({"view_id":"live","user_id":"u","package":"nginx","viewed_at":")"
      << FormatTime(Clock::System().Now()) << "\"}\n";
  const ProcessResult live = server_.Cli({"ingest", "views", dir_.File("view.jsonl")});
  ASSERT_EQ(live.exit_code, 0) << live.err;
  const ProcessResult late = server_.Cli({"ingest", "views", Data("sessions"), "--history"});
  EXPECT_NE(late.exit_code, 0);
  EXPECT_THAT(late.err, HasSubstr("source 'views' has live records"));
  Ingest("depends", "edges");  // each source for itself
}

TEST_F(CatalogFlowTest, FeaturesHaveValuesAgesAndReasons) {
  Apply();
  IngestAll();
  const json reply = server_.Json({"get", "package_ranker", "--key", "seed=nginx", "--key",
                                   "candidate=apache2-utils,no-such-package", "--request", "hour=9",
                                   "--ages"});
  const json& known = reply.at("rows").at(0);
  const json& unknown = reply.at("rows").at(1);
  EXPECT_TRUE(known.at("features").at("like_seed").is_number()) << known.dump(1);
  EXPECT_GT(known.at("ages_s").at("like_seed"), 0) << known.dump(1);
  EXPECT_EQ(unknown.at("reasons").at("like_seed"), "not_found") << unknown.dump(1);
  // The caller sent no user: a null key (S5.2).
  EXPECT_EQ(known.at("reasons").at("like_history"), "not_found") << known.dump(1);
}

TEST_F(CatalogFlowTest, SearchFindsTheTextsOwnPackage) {
  Apply();
  IngestAll();
  std::ifstream catalog(Data("catalog"));
  std::string line;
  ASSERT_TRUE(std::getline(catalog, line));
  const json first = json::parse(line);
  const std::string text =
      Concat(first.at("title").get<std::string>(), "\n", first.at("content").get<std::string>());
  const json reply = server_.Json({"search", "facts.vec", text, "--limit", "1"});
  EXPECT_EQ(reply.at("hits").at(0).at("id"), first.at("package")) << reply.dump(1);
}

TEST_F(CatalogFlowTest, ANewEncoderOverExistingRowsIsAJobAndAnActivate) {
  Apply();
  IngestAll();
  const json before = Similar("nginx");

  TrainEncoder(2);
  const ProcessResult plan = server_.Cli({"plan", definitions_});
  EXPECT_EQ(plan.exit_code, 0) << plan.err;
  EXPECT_THAT(plan.out, HasSubstr("encoder"));
  Apply();
  const ProcessResult wait = server_.Cli({"status", "--wait"});
  ASSERT_EQ(wait.exit_code, 0) << wait.err;

  const json after = Similar("nginx");
  ASSERT_EQ(after.size(), 10u);
  EXPECT_NE(after, before) << "another seed gives another space";
  EXPECT_EQ(server_.Stop(), 0);
  server_.Start();
  EXPECT_EQ(Similar("nginx"), after);
}

TEST_F(CatalogFlowTest, ApplyingAgainRepairsADamagedEncoder) {
  Apply();
  const std::string artifacts = dir_.File("data/artifacts");
  std::string model;
  for (const auto& entry : std::filesystem::directory_iterator(artifacts)) {
    const std::string path = entry.path().string() + "/model.safetensors";
    if (std::filesystem::exists(path)) model = path;
  }
  std::fstream(model, std::ios::in | std::ios::out) << "damaged!";

  const ProcessResult repair = server_.Cli({"apply", definitions_});  // no --yes: nothing changes
  EXPECT_EQ(repair.exit_code, 0) << repair.err;
  EXPECT_THAT(repair.err, HasSubstr("uploading"));
  const ProcessResult again = server_.Cli({"apply", definitions_});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.err, Not(HasSubstr("uploading")));

  EXPECT_EQ(server_.Stop(), 0);
  server_.Start();
}

TEST_F(CatalogFlowTest, AWindowOverOldRecordsIsNeverComputedAndNamesStayOnTheOldVersion) {
  Apply();
  IngestAll();
  std::ofstream(Concat(definitions_, "/more.yaml")) << R"(
view: extra
of: package
from: views
define:
  views_2d: count(over 2d)
---
set: extra_set
for: page
candidate: package
columns:
  - candidate.extra.views_2d
)";
  const ProcessResult plan = server_.Cli({"plan", definitions_});
  EXPECT_THAT(plan.out, HasSubstr("never_computed"));
  Apply();
  const json reply =
      server_.Json({"get", "extra_set", "--key", "candidate=nginx", "--ages"});
  EXPECT_EQ(reply.at("rows").at(0).at("reasons").at("candidate.extra.views_2d"), "never_computed")
      << reply.dump(1);
}

}  // namespace
}  // namespace larder
