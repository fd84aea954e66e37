// SPDX-License-Identifier: Apache-2.0
#include "featurestore/checkpoint.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/featurestore/store_fixture.h"
#include "tests/support/power_cut_file_system.h"

namespace larder::featurestore {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() { t_.options.checkpoint_entries = 10; }
  void SetUp() override {
    ASSERT_OK(t_.Open());
    ASSERT_OK(t_.Define());
  }
  // `users` clicks, one of each user, with keys so long that a few thousand take several writes.
  static std::vector<std::string> Clicks(int round, int users) {
    std::vector<std::string> records;
    for (int u = 0; u < users; ++u) {
      records.push_back(Click(Concat("c", round, "-", u), kStartTime - 1000 + round,
                              Concat(std::string(200, 'u'), u), Concat("i", round)));
    }
    return records;
  }
  // The hash of a store that has had no trouble.
  Hash128 ReferenceHash(int rounds, int users) {
    TestStore reference(dir_.File("reference"), &disk_, disk_.env());
    EXPECT_OK(reference.Open());
    EXPECT_OK(reference.Define());
    for (int round = 1; round <= rounds; ++round) {
      EXPECT_OK(reference.Ingest("clicks", Clicks(round, users)));
    }
    EXPECT_OK(reference.Read());
    return reference.Hash();
  }

  TempDir dir_;
  PowerCutFileSystem disk_{dir_.path()};
  TestStore t_{dir_.File("data"), &disk_, disk_.env()};
};

TEST(CheckpointRecord, ComesBackAndOtherFormatsAreRefused) {
  CheckpointRecord record;
  record.checksum = 77;
  record.last_arrival = -5;
  record.sources["clicks"] = {3, 1, 12};
  record.keys["user"] = 9;
  std::string bytes = EncodeCheckpoint(record);
  ASSERT_OK_AND_ASSIGN(const CheckpointRecord decoded, DecodeCheckpoint(bytes));
  EXPECT_EQ(decoded.checksum, 77U);
  EXPECT_EQ(decoded.last_arrival, -5);
  EXPECT_EQ(decoded.sources.at("clicks").records, 3U);
  EXPECT_EQ(decoded.sources.at("clicks").first_live, 12U);
  EXPECT_EQ(decoded.keys.at("user"), 9U);

  EXPECT_THAT(DecodeCheckpoint(bytes.substr(0, bytes.size() - 1)),
              StatusIs(StatusCode::kDataLoss, testing::_));
  for (const char format : {char{3}, char{5}}) {
    bytes[0] = format;
    EXPECT_THAT(DecodeCheckpoint(bytes),
                StatusIs(StatusCode::kUnimplemented, HasSubstr("from the log")));
  }
}

TEST_F(CheckpointTest, AWriteThatFailedIsTriedAgain) {
  constexpr int kUsers = 3'000;
  ASSERT_OK(t_.Ingest("clicks", Clicks(1, kUsers)));
  ASSERT_OK(t_.Read());
  const Position before = t_.store->Stats().checkpoint;
  disk_.SetFull(true);
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_FALSE(t_.store->Checkpoint().ok());
    EXPECT_THAT(t_.store->Health(), StatusIs(StatusCode::kUnavailable,
                                             AllOf(HasSubstr("checkpoint"), HasSubstr("space"))));
  }
  EXPECT_EQ(t_.store->Stats().checkpoint, before);

  disk_.SetFull(false);
  ASSERT_OK(t_.Ingest("clicks", Clicks(2, kUsers)));
  ASSERT_OK(t_.Read());
  // RocksDB looks for room every few seconds.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!t_.store->Checkpoint().ok() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }

  EXPECT_OK(t_.store->Health());
  EXPECT_EQ(t_.store->Stats().failure, "");
  EXPECT_EQ(t_.store->Stats().dirty_blobs, 0U);
  const Hash128 expected = ReferenceHash(2, kUsers);
  EXPECT_EQ(t_.Hash(), expected);
  ASSERT_OK(t_.Reopen());
  EXPECT_EQ(t_.store->Stats().replayed_entries, 0U);
  EXPECT_EQ(t_.Hash(), expected);
}

// Invariant 10: memory is bounded also when the disk of the state is gone for good.
TEST_F(CheckpointTest, IngestIsRefusedWhenTooMuchWaitsForACheckpointThatFails) {
  ASSERT_OK(t_.Ingest("clicks", Clicks(0, 1)));
  ASSERT_OK(t_.Read());
  disk_.Freeze();
  EXPECT_FALSE(t_.store->Checkpoint().ok());
  disk_.Thaw();  // RocksDB does not trust this disk again until it is opened anew
  EXPECT_FALSE(t_.store->Checkpoint().ok());

  Status refused;
  int taken = 0;
  while (refused.ok() && taken < 1'000) {
    refused = t_.Ingest("clicks", Clicks(++taken, 1)).status();
  }

  EXPECT_THAT(refused, StatusIs(StatusCode::kUnavailable,
                                AllOf(HasSubstr("checkpoint"), HasSubstr("the power is off"))));
  EXPECT_LT(taken, 50);
  ASSERT_OK(t_.Reopen());
  EXPECT_OK(t_.store->Health());
  EXPECT_OK(t_.Ingest("clicks", Clicks(taken, 1)));
}

// S10: what a crash leaves of a checkpoint must not be counted twice, or for ever.
TEST_F(CheckpointTest, ACrashInTheMiddleKeepsTheHashOfAnEntityThatIsNotInMemory) {
  constexpr int kUsers = 2'000;
  const Hash128 expected = ReferenceHash(2, kUsers);
  size_t crashes = 0;
  for (uint64_t writes = 0; writes < 40; ++writes) {
    SCOPED_TRACE(writes);
    TestStore crashed(dir_.File(Concat("crashed", writes)), &disk_, disk_.env());
    crashed.options.cached_keys = 50;
    ASSERT_OK(crashed.Open());
    ASSERT_OK(crashed.Define());
    ASSERT_OK(crashed.Ingest("clicks", Clicks(1, 100)));  // more than are loaded at start
    ASSERT_OK(crashed.Reopen());  // so from here on users are loaded key by key
    ASSERT_OK(crashed.Ingest("clicks", Clicks(1, kUsers)));
    ASSERT_OK(crashed.Ingest("clicks", Clicks(2, kUsers)));
    ASSERT_OK(crashed.Read());

    disk_.FreezeAfter(writes);
    const bool done = crashed.store->Checkpoint().ok();
    disk_.Freeze();
    crashed.Close();
    disk_.Thaw();  // what was written is there, as after kill -9

    ASSERT_OK(crashed.Open());
    ASSERT_EQ(crashed.Hash(), expected);
    crashed.Close();
    if (done) break;
    ++crashes;
  }
  EXPECT_GT(crashes, 2U);
  EXPECT_LT(crashes, 40U);
}

}  // namespace
}  // namespace larder::featurestore
