// SPDX-License-Identifier: Apache-2.0
#include "featurestore/apply.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/featurestore/store_fixture.h"
#include "tests/support/power_cut_file_system.h"

namespace larder::featurestore {
namespace {

using testing::HasSubstr;

class ApplyTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(t_.Open());
    ASSERT_OK(t_.Define());
  }
  std::string Vector(const std::string& text) {
    std::string codes;
    for (const int8_t code : FakeEmbedder::CodesOf(text)) codes += Concat(int{code}, " ");
    return codes;
  }
  static std::vector<std::string> ClicksOfFiftyUsers() {
    std::vector<std::string> clicks;
    for (int u = 0; u < 50; ++u) {
      clicks.push_back(Click(Concat("c", u), kNow - 5, Concat("u", u), "i"));
    }
    return clicks;
  }
  static constexpr TimeUs kNow = kStartTime;

  TempDir dir_;
  PowerCutFileSystem disk_{dir_.path()};  // only because it does not sync
  TestStore t_{dir_.File("data"), &disk_, disk_.env()};
};

// R3, R4: a row without its vector is another state, so apply stops before it makes one.
TEST_F(ApplyTest, WithoutItsEncoderNothingMoreIsAppliedOrTaken) {
  ASSERT_OK(t_.Ingest("catalog", {ItemRow("i1", kNow - 100, "kettle")}));
  ASSERT_OK(t_.Read());
  EXPECT_OK(t_.store->Health());
  EXPECT_EQ(t_.store->Stats().failure, "");

  t_.embedder.broken = true;
  ASSERT_OK(t_.Ingest("catalog", {ItemRow("i1", kNow - 90, "pot")}));

  const auto says_why = StatusIs(StatusCode::kUnavailable, HasSubstr("encoder artifact"));
  EXPECT_THAT(t_.Read(), says_why);
  EXPECT_THAT(t_.Ingest("catalog", {ItemRow("i2", kNow - 80, "pan")}), says_why);
  EXPECT_THAT(t_.Define("entity: item\nkey: item_id\n"), says_why);
  EXPECT_THAT(t_.store->Health(), says_why);
  EXPECT_THAT(t_.store->Stats().failure, HasSubstr("encoder is not here"));
  // What was applied before is still served.
  t_.last = {};
  EXPECT_EQ(t_.Value("catalog.title", "i1"), "kettle");
  EXPECT_EQ(t_.Value("text_of.vec", "i1"), Vector("kettle\n"));
}

TEST_F(ApplyTest, AnEncoderThatFailsWhileRecoveringFailsOpenAndLosesNoVector) {
  t_.embedder.broken = true;
  ASSERT_OK(t_.Ingest("catalog", {ItemRow("i1", kNow - 90, "pot")}));
  EXPECT_THAT(t_.Read(), StatusIs(StatusCode::kUnavailable, testing::_));
  const Position last = t_.last;

  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_THAT(t_.Reopen(), StatusIs(StatusCode::kNotFound, HasSubstr("encoder artifact")));
  }
  t_.embedder.broken = false;
  ASSERT_OK(t_.Reopen());

  EXPECT_EQ(t_.store->Stats().applied, last);
  EXPECT_EQ(t_.Value("text_of.vec", "i1"), Vector("pot\n"));
}

// A revision that cannot be applied as a whole does not show at all.
TEST_F(ApplyTest, ARevisionWhoseKeysCannotBeLoadedIsNotPublished) {
  t_.options.cached_keys = 10;
  ASSERT_OK(t_.Ingest("clicks", ClicksOfFiftyUsers()));
  ASSERT_OK(t_.Read());
  t_.Close();
  rocksdb::DB* db = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), dir_.File("data/state"), &db).ok());
  {
    const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(rocksdb::ReadOptions()));
    const std::string users = std::string("w\x04") + "user";
    it->Seek(users);
    ASSERT_TRUE(it->Valid() && it->key().starts_with(users));
    ASSERT_TRUE(db->Put(rocksdb::WriteOptions(), it->key(), "damaged").ok());
  }
  delete db;
  ASSERT_OK(t_.Open());

  EXPECT_THAT(t_.Define(Concat(kDefinitions, "---\ntable: profiles\nof: user\ntime: at\n"
                                             "unit: us\ncolumns: {name: string}\n")),
              StatusIs(StatusCode::kUnavailable, HasSubstr("state blob")));

  EXPECT_EQ(t_.store->Stats().revision, 1U);
  EXPECT_EQ(t_.store->Stats().sources.size(), 2U);
  EXPECT_FALSE(t_.store->Health().ok());
}

TEST_F(ApplyTest, AnEntityThatGetsATableHasAllItsKeys) {
  t_.options.cached_keys = 10;
  ASSERT_OK(t_.Ingest("clicks", ClicksOfFiftyUsers()));
  ASSERT_OK(t_.Read());
  ASSERT_OK(t_.Reopen());
  const uint64_t before = t_.store->Stats().keys;

  ASSERT_OK(t_.Define(Concat(kDefinitions, "---\ntable: profiles\nof: user\ntime: at\n"
                                           "unit: us\ncolumns: {name: string}\n")));

  EXPECT_EQ(t_.store->Stats().keys, before + 50);
  EXPECT_EQ(t_.Value("taste.clicks", "u7"), "1");
}

TEST_F(ApplyTest, ClosingAppliesWhatWasAcknowledged) {
  for (int i = 0; i < 30; ++i) {
    ASSERT_OK(t_.Ingest("clicks", {Click(Concat("c", i), kNow - 90, "u1", "i1")}));
    ASSERT_OK(t_.Reopen());
    EXPECT_EQ(t_.store->Stats().replayed_entries, 0U) << i;
  }
  EXPECT_EQ(t_.Value("taste.clicks", "u1"), "30");
}

}  // namespace
}  // namespace larder::featurestore
