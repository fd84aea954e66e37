// SPDX-License-Identifier: Apache-2.0
// Bulk history (S1.7, S2.3) through the whole store.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "featurestore/rocksdb_log.h"
#include "featurestore/rocksdb_state.h"
#include "tests/featurestore/store_fixture.h"
#include "tests/support/power_cut_file_system.h"

namespace larder::featurestore {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr int kIds = 1'024;  // the least bound of the newest ids
constexpr int kBatches = 8;
constexpr int kRecords = 500;

class HistoryTest : public testing::Test {
 protected:
  void SetUp() override {
    t_.options.dedupe_ids = kIds;
    ASSERT_OK(t_.Open());
    ASSERT_OK(t_.Define());
  }
  static std::vector<std::string> Clicks(int batch) {
    std::vector<std::string> records;
    for (int i = 0; i < kRecords; ++i) {
      records.push_back(Click(Concat("c", batch, "-", i), kStartTime - (batch + 1) * kDayUs + i,
                              Concat("u", i % 7), Concat("i", i % 11)));
    }
    return records;
  }
  // From any thread.
  static StatusOr<IngestResult> SendHistory(TestStore& t, const std::vector<std::string>& records) {
    IngestRequest request;
    request.source = "clicks";
    request.history = true;
    request.records.assign(records.begin(), records.end());
    return t.store->Ingest(request);
  }
  static StatusOr<IngestResult> IngestHistory(TestStore& t,
                                              const std::vector<std::string>& records) {
    LARDER_ASSIGN_OR_RETURN(IngestResult result, SendHistory(t, records));
    t.last = std::max(t.last, result.last);
    return result;
  }
  // As many entries of one record each, so many that the first have no ids of their own any more.
  static constexpr int kEntries = 2'500;
  static std::string OneClick(int i) { return Click(Concat("c", i), kStartTime - i, "u", "i"); }
  void IngestOneByOne() {
    for (int i = 0; i < kEntries; ++i) ASSERT_OK(IngestHistory(t_, {OneClick(i)}));
    ASSERT_OK(t_.Read());
  }
  void ExpectKnownOneByOne() {
    for (int i = 0; i < kEntries; ++i) {
      ASSERT_OK_AND_ASSIGN(const IngestResult result, IngestHistory(t_, {OneClick(i)}));
      ASSERT_TRUE(result.records[0].duplicate) << i;
      ASSERT_EQ(result.records[0].position, Position::Of(2 + static_cast<uint64_t>(i), 0));
    }
  }
  void IngestAllHistory() {
    for (int batch = 0; batch < kBatches; ++batch) {
      ASSERT_OK(IngestHistory(t_, Clicks(batch)));
      if (batch % 3 != 2) continue;
      ASSERT_OK(t_.Read());
      ASSERT_OK(t_.store->Checkpoint());
    }
    ASSERT_OK(t_.Read());
  }
  static void ExpectAllDuplicates(TestStore& t) {
    const uint64_t log = t.store->Stats().synced.entry();
    for (int batch = 0; batch < kBatches; ++batch) {
      ASSERT_OK_AND_ASSIGN(const IngestResult result, IngestHistory(t, Clicks(batch)));
      for (const RecordResult& record : result.records) {
        ASSERT_OK(record.status);
        ASSERT_TRUE(record.duplicate) << batch;
      }
      EXPECT_EQ(result.records[3].position, Position::Of(2 + static_cast<uint64_t>(batch), 3));
    }
    EXPECT_EQ(t.store->Stats().synced.entry(), log);
  }
  // Blobs of a kind; closes the store.
  size_t Stored(BlobKind kind) {
    t_.Close();
    const auto db = StateDb::Open(t_.options.dir + "/state", disk_.env());
    EXPECT_OK(db);
    size_t count = 0;
    EXPECT_OK((*db)->Scan(std::string(1, static_cast<char>(kind)), /*once=*/true,
                          [&](std::string_view, const Blob&) {
                            ++count;
                            return OkStatus();
                          }));
    return count;
  }

  TempDir dir_;
  PowerCutFileSystem disk_{dir_.path()};  // because it does not sync
  TestStore t_{dir_.File("data"), &disk_, disk_.env()};
};

TEST_F(HistoryTest, IsDeduplicatedExactlyBeyondTheNewestIds) {
  IngestAllHistory();
  ExpectAllDuplicates(t_);
  ASSERT_OK(t_.Reopen());
  ExpectAllDuplicates(t_);
  EXPECT_EQ(Stored(BlobKind::kHistoryId), kBatches * kRecords - kIds);
}

// Entries all of whose ids are forgotten have no ids of their own any more.
TEST_F(HistoryTest, IdsOutliveThoseOfTheirEntries) {
  IngestOneByOne();
  ASSERT_OK(t_.store->Checkpoint());
  EXPECT_EQ(Stored(BlobKind::kIds), kIds);
  ASSERT_OK(t_.Open());
  ExpectKnownOneByOne();
}

// With room for more ids than before, those on disk still count.
TEST_F(HistoryTest, IsDeduplicatedExactlyAfterAStartWithMoreRoom) {
  IngestOneByOne();
  t_.options.dedupe_ids = 10 * kIds;
  ASSERT_OK(t_.Reopen());
  ExpectKnownOneByOne();
}

// As a crash of the process leaves the files, before and after checkpoints.
TEST_F(HistoryTest, IdsOutliveACrash) {
  for (int batch = 0; batch < kBatches; ++batch) {
    ASSERT_OK(IngestHistory(t_, Clicks(batch)));
    if (batch == 2 || batch == 5) {
      ASSERT_OK(t_.Read());
      ASSERT_OK(t_.store->Checkpoint());
    }
  }
  ASSERT_OK(t_.Read());
  disk_.Freeze();
  t_.Close();
  disk_.PowerCut(PowerCutFileSystem::Mode::kDrop, 1);

  ASSERT_OK(t_.Open());
  EXPECT_GT(t_.store->Stats().replayed_entries, 0u);
  ExpectAllDuplicates(t_);
}

// Each record once, while checkpoints move ids from memory to the disk and clients send them again.
TEST_F(HistoryTest, IsDeduplicatedExactlyWhileCheckpointsRun) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "RocksDB is not instrumented: ThreadSanitizer takes a read of its memtable "
                  "during a write for a race";
#endif
  std::atomic<bool> done{false};
  std::thread checkpoints([&] {
    while (!done.load()) ASSERT_OK(t_.store->Checkpoint());
  });
  std::vector<std::thread> clients;
  for (int client = 0; client < 2; ++client) {
    clients.emplace_back([this, client] {
      std::mt19937_64 random(static_cast<uint64_t>(client));
      for (int batch = 0; batch < 2 * kBatches; ++batch) {
        // One sends everything in order, the other batches at random.
        const int sent = client == 0 ? batch : static_cast<int>(random() % (2 * kBatches));
        ASSERT_OK(SendHistory(t_, Clicks(sent)));
      }
    });
  }
  for (std::thread& client : clients) client.join();
  done = true;
  checkpoints.join();
  IngestAllHistory();

  uint64_t records = 0;
  for (const SourceStats& source : t_.store->Stats().sources) records += source.records;
  EXPECT_EQ(records, uint64_t{2} * kBatches * kRecords);
}

TEST_F(HistoryTest, AnotherPayloadOfAForgottenIdIsRefused) {
  IngestAllHistory();
  const std::string other = Click("c0-7", kStartTime - kDayUs, "somebody", "i1");

  ASSERT_OK_AND_ASSIGN(const IngestResult result, IngestHistory(t_, {other}));

  EXPECT_THAT(result.records[0].status,
              StatusIs(StatusCode::kAlreadyExists,
                       AllOf(HasSubstr("field 'click_id': "), HasSubstr("entry 2, record 7"))));
}

// S2.3: until the first live append; what was kept for history goes with it.
TEST_F(HistoryTest, EndsWithTheFirstLiveAppend) {
  IngestAllHistory();
  ASSERT_OK(t_.Ingest("clicks", {Click("live", kStartTime, "u", "i")}));
  const auto expect_refused = [&] {
    EXPECT_THAT(IngestHistory(t_, {Click("late", kStartTime - kDayUs, "u", "i")}),
                StatusIs(StatusCode::kFailedPrecondition,
                         HasSubstr(Concat("source 'clicks' has live records, the first in entry ",
                                          2 + kBatches))));
  };
  expect_refused();
  ASSERT_OK(t_.Reopen());
  expect_refused();
  ASSERT_OK(t_.store->Checkpoint());
  EXPECT_EQ(Stored(BlobKind::kHistoryId), 0u);
}

// A batch that brings nothing new is no live append; nor is one of another source.
TEST_F(HistoryTest, OnlyRecordsThatGoInMakeASourceLive) {
  ASSERT_OK(IngestHistory(t_, Clicks(0)));
  ASSERT_OK(t_.Ingest("clicks", Clicks(0)));
  ASSERT_OK(t_.Ingest("catalog", {ItemRow("i1", kStartTime, "title")}));

  EXPECT_OK(IngestHistory(t_, Clicks(1)));
}

// S1.10: the log says which arrivals were declared; S2.3: declared or not, the state is the same.
TEST_F(HistoryTest, IsDeclaredInTheLogAndTheSameInTheState) {
  TestStore live(dir_.File("live"), &disk_, disk_.env());
  ASSERT_OK(live.Open());
  ASSERT_OK(live.Define());
  for (int batch = 0; batch < 2; ++batch) {
    ASSERT_OK(IngestHistory(t_, Clicks(batch)));
    ASSERT_OK(live.Ingest("clicks", Clicks(batch)));
  }
  ASSERT_OK(t_.Read());
  ASSERT_OK(live.Read());
  EXPECT_EQ(t_.Hash(), live.Hash());

  for (TestStore* t : {&t_, &live}) {
    t->Close();
    ASSERT_OK_AND_ASSIGN(const auto log, OpenRocksDbLog(t->options.dir + "/log", disk_.env()));
    ASSERT_OK(log->Read(1, [&](uint64_t, std::string_view bytes) -> Status {
      LARDER_ASSIGN_OR_RETURN(const Entry entry, DecodeEntry(bytes));
      const bool declared = entry.arrival_kind == ArrivalKind::kDeclared;
      EXPECT_EQ(declared, t == &t_ && entry.kind == EntryKind::kData) << entry.number;
      EXPECT_EQ(entry.arrival, kStartTime);
      return OkStatus();
    }));
  }
}

}  // namespace
}  // namespace larder::featurestore
