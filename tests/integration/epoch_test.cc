// SPDX-License-Identifier: Apache-2.0
// Epochs of a vector feature (ARCHITECTURE §8): built beside the live one, checked, activated, kept
// up to date for a rollback.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/status.h"
#include "featurestore/position.h"
#include "tests/integration/larder_server.h"
#include "tests/support/temp_dir.h"

namespace larder {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr char kDefinitions[] = R"(
entity: package
key: package
---
encoder: debian
path: encoders/debian
---
table: catalog
of: package
time: updated_at
columns:
  title: string
  content: string
  maintainer: string
  section: string
  priority: string
  version: string
  installed_size_kib: int64
  homepage: string
---
table: drafts
of: package
time: updated_at
columns: {title: string}
---
view: text_of
of: package
)";

class EpochTest : public testing::Test {
 protected:
  void SetUp() override {
    const ProcessResult trained = server_.Cli(
        {"encoder", "train", "--items", kCatalog, "--out", dir_.File("definitions/encoders/debian"),
         "--pieces", "2000", "--dimensions", "64"});
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
    server_.Start();
    Apply("from: catalog\ndefine: {vec: 'embed(debian, title, content)'}\n");
    const ProcessResult ingested = server_.Cli({"ingest", "catalog", kCatalog});
    ASSERT_EQ(ingested.exit_code, 0) << ingested.err;
  }

  // Makes `view` the rest of the view's definition, and waits for what follows from it.
  void Apply(const std::string& view) {
    std::ofstream(dir_.File("definitions/all.yaml")) << kDefinitions << view;
    const ProcessResult applied = server_.Cli({"apply", "--yes", dir_.File("definitions")});
    ASSERT_EQ(applied.exit_code, 0) << applied.err << applied.out;
    const ProcessResult waited = server_.Cli({"status", "--wait"});
    ASSERT_EQ(waited.exit_code, 0) << waited.err;
  }

  // The state of each epoch, the oldest first.
  std::vector<std::string> States() const {
    std::vector<std::string> states;
    const json status = server_.Json({"status"});
    for (const json& index : status.at("indexes")) {
      states.push_back(index.at("state"));
    }
    return states;
  }
  // The log entry of a status' newest applied position.
  static uint64_t Entry(const json& status) {
    return featurestore::Position{status.at("applied").get<uint64_t>()}.entry();
  }
  std::string Epoch(size_t i) const { return server_.Json({"status"})["indexes"][i]["epoch"]; }
  // The reply to a search; with it comes the epoch that answered.
  json Search(const std::string& text) const {
    return server_.Json({"search", "text_of.vec", text, "--limit", "1"});
  }

  const std::string kCatalog = RepositoryPath("tests/testdata/debian_small/catalog.jsonl");
  const TempDir dir_;
  LarderServer server_{dir_.File("data")};
};

TEST_F(EpochTest, ANewViewTakesOverAfterItsCheckAndARollbackIsImmediate) {
  EXPECT_EQ(States(), std::vector<std::string>{"live"});
  const std::string old = Epoch(0);

  Apply("from: catalog\ndefine: {vec: 'embed(debian, title)'}\n");
  EXPECT_EQ(States(), (std::vector<std::string>{"kept", "live"}));
  EXPECT_EQ(Search("web server").at("epoch").at("feature_digest"), Epoch(1));
  const json check = server_.Json({"status"})["indexes"][1]["check"];
  EXPECT_EQ(check.at("queries"), 200);
  EXPECT_EQ(check.at("recall_at_10"), 1.0) << "a small index is scanned";
  EXPECT_GT(check.at("overlap_at_10"), 0.05);
  EXPECT_LT(check.at("overlap_at_10"), 1.0);
  const json draft = server_.Json(
      {"ingest", "catalog", "-"},
      R"({"package":"zzz","updated_at":"2026-01-01T00:00:00Z","title":"gold zebra painting"})");
  EXPECT_EQ(draft.at("accepted"), 1);

  const ProcessResult rollback = server_.Cli({"rollback", "1", "--yes"});
  ASSERT_EQ(rollback.exit_code, 0) << rollback.err;
  EXPECT_THAT(rollback.out, HasSubstr("revision 1 is live again, as revision 3"));

  const json found = Search("gold zebra painting");
  EXPECT_EQ(found.at("epoch").at("feature_digest"), old);
  EXPECT_EQ(found.at("hits").at(0).at("id"), "zzz") << "it was kept up to date";
  EXPECT_EQ(States(), (std::vector<std::string>{"live", "kept"}));
  EXPECT_EQ(server_.Stop(), 0);
  server_.Start();
  EXPECT_EQ(States(), (std::vector<std::string>{"live", "kept"}));
}

// Nothing is computed: no vectors, no base, no check, and one entry in the log.
TEST_F(EpochTest, ARollbackIsOneLogEntryAndNoJob) {
  const std::string old = Epoch(0);
  Apply("from: catalog\ndefine: {vec: 'embed(debian, title)'}\n");
  ASSERT_EQ(States(), (std::vector<std::string>{"kept", "live"}));
  // After a start no job is remembered.
  ASSERT_EQ(server_.Stop(), 0);
  server_.Start();
  const json before = server_.Json({"status", "--wait"});
  ASSERT_EQ(before.at("jobs"), json::array());

  ASSERT_EQ(server_.Cli({"rollback", "1", "--yes"}).exit_code, 0);

  const json after = server_.Json({"status", "--wait"});
  EXPECT_EQ(after.at("revision"), 3);
  EXPECT_EQ(Entry(after), Entry(before) + 1);
  EXPECT_EQ(after.at("jobs"), json::array());
  ASSERT_EQ(after.at("indexes").size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    for (const char* field : {"vectors", "encoded", "bases_written", "base"}) {
      EXPECT_EQ(after.at("indexes")[i].at(field), before.at("indexes")[i].at(field)) << field;
    }
  }
  EXPECT_EQ(after.at("encoders")[0].at("texts"), before.at("encoders")[0].at("texts"));
  EXPECT_EQ(Search("web server").at("epoch").at("feature_digest"), old);
}

TEST_F(EpochTest, OneThatFailsItsCheckIsRefusedUnlessForced) {
  Apply("from: drafts\ndefine: {vec: 'embed(debian, title)'}\n");
  EXPECT_EQ(States(), (std::vector<std::string>{"live", "refused"}));
  EXPECT_EQ(Search("web server").at("epoch").at("feature_digest"), Epoch(0));
  EXPECT_THAT(server_.Cli({"status"}).out, HasSubstr("REFUSED: it has a vector for 0 of the keys"));

  const ProcessResult waited = server_.Cli({"status", "--wait"});
  EXPECT_THAT(waited.err, HasSubstr("the new epoch of text_of.vec does not take over: it has a "
                                    "vector for 0 of the keys"));

  const ProcessResult asked = server_.Cli({"activate", "text_of.vec"});
  EXPECT_NE(asked.exit_code, 0);
  EXPECT_THAT(asked.err, HasSubstr("it has a vector for 0 of the keys"));
  EXPECT_EQ(States(), (std::vector<std::string>{"live", "refused"}));

  const ProcessResult forced = server_.Cli({"activate", "text_of.vec", "--force"});
  EXPECT_EQ(forced.exit_code, 0) << forced.err;
  EXPECT_EQ(States(), (std::vector<std::string>{"kept", "live"}));
  const ProcessResult again = server_.Cli({"activate", "text_of.vec", "--force"});
  EXPECT_THAT(again.err, HasSubstr("is live already"));
}

TEST_F(EpochTest, ARefusedOneIsCheckedAgainOnceItHasOtherVectors) {
  Apply("from: drafts\ndefine: {vec: 'embed(debian, title)'}\n");
  EXPECT_EQ(States(), (std::vector<std::string>{"live", "refused"}));
  std::ifstream catalog(kCatalog);
  std::string drafts;
  for (std::string line; std::getline(catalog, line);) {
    const json item = json::parse(line);
    drafts += json{{"package", item.at("package")},
                   {"updated_at", item.at("updated_at")},
                   {"title", item.at("title")}}
                  .dump() +
              "\n";
  }
  const ProcessResult ingested = server_.Cli({"ingest", "drafts", "-"}, drafts);
  ASSERT_EQ(ingested.exit_code, 0) << ingested.err;
  ASSERT_EQ(server_.Cli({"status", "--wait"}).exit_code, 0);
  EXPECT_EQ(States(), (std::vector<std::string>{"kept", "live"}));
}

TEST_F(EpochTest, ARollbackToARefusedOneSaysThatItIsNotLive) {
  Apply("from: drafts\ndefine: {vec: 'embed(debian, title)'}\n");
  ASSERT_EQ(server_.Cli({"rollback", "1", "--yes"}).exit_code, 0);

  const ProcessResult back = server_.Cli({"rollback", "2", "--yes"});

  EXPECT_EQ(back.exit_code, 0) << back.err;
  EXPECT_THAT(back.err, HasSubstr("'text_of.vec' of that revision is not live yet"));
  EXPECT_EQ(server_.Json({"rollback", "1", "--yes"}).at("waiting"), json::array());
  EXPECT_EQ(Search("web server").at("epoch").at("feature_digest"), Epoch(0));
}

// A name that is gone finds nothing, one that is new finds the vectors that were there already.
TEST_F(EpochTest, ARenamedFeatureIsLiveAtOnceAndSoIsItsOldNameAfterARollback) {
  const std::string epoch = Epoch(0);
  Apply("from: catalog\ndefine: {text: 'embed(debian, title, content)'}\n");
  EXPECT_THAT(server_.Cli({"search", "text_of.vec", "web server"}).err,
              HasSubstr("text_of.vec"));
  const json renamed = server_.Json({"search", "text_of.text", "web server", "--limit", "1"});
  EXPECT_EQ(renamed.at("epoch").at("feature_digest"), epoch);
  EXPECT_EQ(States(), std::vector<std::string>{"live"});
  EXPECT_EQ(server_.Json({"status"})["indexes"][0]["feature"], "text_of.text");

  ASSERT_EQ(server_.Cli({"rollback", "1", "--yes"}).exit_code, 0);

  EXPECT_EQ(Search("web server").at("epoch").at("feature_digest"), epoch);
  EXPECT_EQ(server_.Json({"status"})["indexes"][0]["feature"], "text_of.vec");
}

TEST_F(EpochTest, RollbackShowsWhatChangesAndRefusesWhatIsNotThere) {
  const ProcessResult unknown = server_.Cli({"rollback", "7", "--yes"});
  EXPECT_NE(unknown.exit_code, 0);
  EXPECT_THAT(unknown.err, HasSubstr("there is no revision 7; there are 1"));

  const ProcessResult same = server_.Cli({"rollback", "1", "--yes"});
  EXPECT_EQ(same.exit_code, 0) << same.err;
  EXPECT_EQ(server_.Json({"status"}).at("revision"), 1) << "nothing changes, so nothing is made";

  Apply("from: catalog\ndefine: {vec: 'embed(debian, title)'}\n");
  const ProcessResult asked = server_.Cli({"rollback", "1"});
  EXPECT_THAT(asked.out, HasSubstr("text_of"));
  EXPECT_THAT(asked.err, HasSubstr("without a terminal, say --yes"));
  EXPECT_EQ(server_.Json({"status"}).at("revision"), 2);
}

}  // namespace
}  // namespace larder
