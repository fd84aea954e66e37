// SPDX-License-Identifier: Apache-2.0
#include "featurestore/recovery.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "featurestore/rocksdb_log.h"
#include "tests/featurestore/store_fixture.h"
#include "tests/support/power_cut_file_system.h"

namespace larder::featurestore {
namespace {

using testing::AllOf;
using testing::HasSubstr;
namespace stdfs = std::filesystem;

struct Batch {
  std::string source;
  std::vector<std::string> records;
};

// Rows, deletes and events over few keys; late, equal and out-of-order times.
std::vector<Batch> RandomBatches(std::mt19937_64& random, size_t count, size_t records) {
  std::vector<Batch> batches(count);
  int id = 0;
  const auto time = [&] {
    return kStartTime - static_cast<TimeUs>(random() % 4000) * kMinuteUs / 40;
  };
  for (Batch& batch : batches) {
    batch.source = random() % 3 == 0 ? "catalog" : "clicks";
    for (size_t i = 0; i < records; ++i) {
      const std::string item = Concat("i", random() % 12);
      if (batch.source == "clicks") {
        batch.records.push_back(
            Click(Concat("c", id++), time(), Concat("u", random() % 9), item,
                  Concat(R"(,"dwell_s":)", random() % 5000, R"(,"position":)", random() % 9)));
      } else if (random() % 5 == 0) {
        batch.records.push_back(ItemDelete(item, time()));
      } else {
        batch.records.push_back(ItemRow(item, time(), Concat("title", random() % 7),
                                        Concat(R"(,"price":)", id++)));
      }
    }
  }
  return batches;
}

void IngestAll(TestStore& store, const std::vector<Batch>& batches) {
  for (const Batch& batch : batches) {
    ASSERT_OK_AND_ASSIGN(const IngestResult result, store.Ingest(batch.source, batch.records));
    for (const RecordResult& record : result.records) ASSERT_OK(record.status);
  }
  ASSERT_OK(store.Read());
}

// One batch per record, or one per source, of the same records in another order.
std::vector<Batch> Shuffled(std::mt19937_64& random, const std::vector<Batch>& batches,
                            bool together) {
  std::vector<Batch> single;
  for (const Batch& batch : batches) {
    for (const std::string& record : batch.records) single.push_back({batch.source, {record}});
  }
  std::shuffle(single.begin(), single.end(), random);
  if (!together) return single;
  std::vector<Batch> whole = {{"clicks", {}}, {"catalog", {}}};
  for (const Batch& batch : single) {
    whole[batch.source == "clicks" ? 0 : 1].records.push_back(batch.records[0]);
  }
  return whole;
}

// R3: shuffled, twice, in one or many batches, before and after a restart: one state hash.
TEST(Recovery, StateHashDependsOnTheSetOfRecordsAlone) {
  const TempDir dir;
  std::mt19937_64 random(21);
  const std::vector<Batch> batches = RandomBatches(random, 12, 9);
  PowerCutFileSystem disk(dir.path());  // because it does not sync
  std::vector<Hash128> hashes;
  for (int variant = 0; variant < 4; ++variant) {
    TestStore store(dir.File(Concat("v", variant)), &disk, disk.env());
    ASSERT_OK(store.Open());
    ASSERT_OK(store.Define());
    if (variant == 0) IngestAll(store, batches);
    if (variant == 1) IngestAll(store, Shuffled(random, batches, false));
    if (variant == 2) IngestAll(store, Shuffled(random, batches, true));
    if (variant == 3) {
      const std::vector<Batch> some(batches.begin(), batches.begin() + 6);
      IngestAll(store, some);
      ASSERT_OK(store.store->Checkpoint());
      IngestAll(store, Shuffled(random, batches, false));
      IngestAll(store, batches);
    }
    hashes.push_back(store.Hash());
    ASSERT_OK(store.Reopen());
    EXPECT_EQ(store.store->Stats().replayed_entries, 0U);
    hashes.push_back(store.Hash());
    EXPECT_EQ(store.store->Stats().sources.size(), 2U);
  }
  EXPECT_NE(hashes[0], Hash128{});
  for (const Hash128& hash : hashes) EXPECT_EQ(hash, hashes[0]);
}

// Ordinals are another process's own.
std::multiset<std::vector<int8_t>> VectorsOf(const FakeSink& sink) {
  std::multiset<std::vector<int8_t>> vectors;
  for (const auto& [feature, by_ordinal] : sink.vectors) {
    for (const auto& [ordinal, vector] : by_ordinal) vectors.insert(vector);
  }
  return vectors;
}

// The files as a crash of the process leaves them: everything written, no checkpoint at the end.
TEST(Recovery, ReplaysWhatNoCheckpointHas) {
  const TempDir dir;
  std::mt19937_64 random(22);
  const std::vector<Batch> batches = RandomBatches(random, 20, 6);
  TestStore store(dir.File("live"));
  ASSERT_OK(store.Open());
  ASSERT_OK(store.Define());
  for (size_t i = 0; i < batches.size(); ++i) {
    IngestAll(store, {batches[i]});
    if (i == 7) {
      ASSERT_OK(store.store->Checkpoint());
    }
    if (i != 2 && i != 7 && i != 19) continue;
    const std::string copy = dir.File(Concat("copy", i));
    stdfs::copy(dir.File("live"), copy, stdfs::copy_options::recursive);
    TestStore crashed(copy);
    ASSERT_OK(crashed.Open());
    EXPECT_EQ(crashed.store->Stats().replayed_entries, i == 2 ? 3U : (i == 7 ? 0U : 12U));
    EXPECT_EQ(VectorsOf(*crashed.sink), VectorsOf(*store.sink));
    crashed.Close();

    // Once more: what recovery did not store must come again.
    ASSERT_OK(crashed.Open());
    TestStore reference(dir.File(Concat("reference", i)));
    ASSERT_OK(reference.Open());
    ASSERT_OK(reference.Define());
    IngestAll(reference, {batches.begin(), batches.begin() + static_cast<long>(i) + 1});
    EXPECT_EQ(crashed.Hash(), reference.Hash());
    for (const char* feature : {"catalog.title", "quality.clicks_1h", "quality.dwell",
                                "quality.best", "quality.first_user", "text_of.vec"}) {
      for (int item = 0; item < 12; ++item) {
        const std::string key = Concat("i", item);
        EXPECT_EQ(crashed.Value(feature, key), reference.Value(feature, key)) << feature << key;
      }
    }
  }
}

TEST(Recovery, RemembersRecordIdsAcrossRestarts) {
  const TempDir dir;
  TestStore store(dir.File("data"));
  ASSERT_OK(store.Open());
  ASSERT_OK(store.Define());
  ASSERT_OK(store.Ingest("clicks", {Click("c1", kStartTime - 5, "u", "i")}));
  ASSERT_OK(store.Read());
  ASSERT_OK(store.store->Checkpoint());
  ASSERT_OK(store.Ingest("clicks", {Click("c2", kStartTime - 5, "u", "i")}));
  for (int round = 0; round < 2; ++round) {
    ASSERT_OK(store.Reopen());
    ASSERT_OK_AND_ASSIGN(const IngestResult result,
                         store.Ingest("clicks", {Click("c1", kStartTime - 5, "u", "i"),
                                                 Click("c2", kStartTime - 5, "u", "i"),
                                                 Click("c2", kStartTime - 5, "u", "other")}));
    EXPECT_TRUE(result.records[0].duplicate);
    EXPECT_TRUE(result.records[1].duplicate);
    EXPECT_THAT(result.records[2].status, StatusIs(StatusCode::kAlreadyExists, testing::_));
  }
  EXPECT_EQ(store.Value("taste.clicks", "u"), "2");
}

// A log may name far more keys than memory holds.
TEST(Recovery, KeepsToTheCachesSizeDuringALongReplay) {
  constexpr int kEntries = 5'000;
  const TempDir dir;
  PowerCutFileSystem disk(dir.path());  // because it does not sync
  TestStore store(dir.File("data"), &disk, disk.env());
  store.options.cached_keys = 100;
  ASSERT_OK(store.Open());
  ASSERT_OK(store.Define());
  for (int i = 0; i < kEntries; ++i) {
    ASSERT_OK(store.Ingest("clicks", {Click(Concat("c", i), kStartTime - i, Concat("u", i), "i")}));
  }
  ASSERT_OK(store.Read());
  store.Close();
  stdfs::remove_all(dir.File("data/state"));

  ASSERT_OK(store.Open());

  EXPECT_EQ(store.store->Stats().replayed_entries, uint64_t{kEntries} + 1);
  EXPECT_LT(store.store->Stats().keys, 1'500u);
  for (const int user : {0, 1, 4'000, kEntries - 1}) {
    EXPECT_EQ(store.Value("taste.clicks", Concat("u", user)), "1") << user;
  }
}

// As `kill -9` in the middle of a checkpoint leaves the files, however far it came: nothing is
// folded twice or not at all, no record id is forgotten.
TEST(Recovery, TakesUpAnInterruptedCheckpoint) {
  constexpr int kEntries = 4'500;  // recovery writes a checkpoint of its own before their end
  // So long that the checkpoint takes several writes.
  const auto user_key = [](int user) { return Concat(std::string(200, 'u'), user); };
  std::vector<std::string> records;
  for (int i = 0; i < kEntries; ++i) {
    records.push_back(Click(Concat("c", i), kStartTime - i, user_key(i), "i"));
  }
  Status status = Unavailable("");
  for (uint64_t operations = 0; !status.ok(); ++operations) {
    SCOPED_TRACE(operations);
    const TempDir dir;
    stdfs::create_directory(dir.File("disk"));
    PowerCutFileSystem disk(dir.File("disk"));
    TestStore store(dir.File("disk/data"), &disk, disk.env());
    store.options.checkpoint_entries = 10 * kEntries;
    ASSERT_OK(store.Open());
    ASSERT_OK(store.Define());
    for (const std::string& record : records) ASSERT_OK(store.Ingest("clicks", {record}));
    ASSERT_OK(store.Read());
    disk.FreezeAfter(operations);
    status = store.store->Checkpoint();
    stdfs::create_directory(dir.File("copy"));
    stdfs::copy(dir.File("disk/data"), dir.File("copy/data"), stdfs::copy_options::recursive);

    PowerCutFileSystem other(dir.File("copy"));  // because it does not sync
    TestStore killed(dir.File("copy/data"), &other, other.env());
    killed.options.cached_keys = 100;
    for (int start = 0; start < 2; ++start) {
      ASSERT_OK(killed.Open());
      for (int user = 0; user < kEntries; ++user) {
        ASSERT_EQ(killed.Value("taste.clicks", user_key(user)), "1") << start << " " << user;
      }
      ASSERT_OK_AND_ASSIGN(const IngestResult again, killed.Ingest("clicks", records));
      for (const RecordResult& record : again.records) ASSERT_TRUE(record.duplicate);
      killed.Close();
    }
  }
}

// A log of a version that accepted what this one refuses.
TEST(Recovery, ARevisionThatIsRefusedNowIsNotLeftOut) {
  const TempDir dir;
  TestStore store(dir.File("data"));
  ASSERT_OK(store.Open());
  ASSERT_OK(store.Define());
  store.Close();
  const auto append = [&](const registry::RevisionRecord& record) {
    ASSERT_OK_AND_ASSIGN(const auto log, OpenRocksDbLog(dir.File("data/log"), nullptr));
    Entry entry;
    entry.number = log->last() + 1;
    entry.revision = 1;
    entry.arrival = kStartTime;
    entry.kind = EntryKind::kRevision;
    entry.control = EncodeRevision(record);
    ASSERT_OK(log->Read(log->last(), [&](uint64_t, std::string_view bytes) {
      entry.previous_checksum = EntryChecksum(bytes);
      return OkStatus();
    }));
    const std::vector<std::string> bytes = {EncodeEntry(entry)};
    ASSERT_OK(log->Append(bytes));
  };
  registry::RevisionRecord record;
  record.files = {{"larder.yaml", "entity: item\nkey: item_id\n"}};
  append(record);
  ASSERT_OK(store.Reopen());  // it lost a race for its base: nobody was told that it is there
  EXPECT_EQ(store.store->Stats().revision, 1u);
  store.Close();

  record.base = 1;
  record.files = {{"larder.yaml", "entity: item\nkye: item_id\n"}};
  append(record);

  EXPECT_THAT(store.Open(), StatusIs(StatusCode::kUnimplemented,
                                     AllOf(HasSubstr("the revision in entry 3 was accepted"),
                                           HasSubstr("kye"))));
}

// Runs batches until the power fails; then the store must hold a prefix of them, with all that was
// acknowledged, exactly.
void CutPower(PowerCutFileSystem::Mode mode, uint64_t seed) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  const std::vector<Batch> batches = RandomBatches(random, 30, 4);
  const TempDir dir;
  std::vector<Hash128> prefix_hashes;
  {
    stdfs::create_directory(dir.File("other"));
    PowerCutFileSystem other(dir.File("other"));  // because it does not sync
    TestStore reference(dir.File("other/data"), &other, other.env());
    ASSERT_OK(reference.Open());
    ASSERT_OK(reference.Define());
    prefix_hashes.push_back(reference.Hash());
    for (const Batch& batch : batches) {
      IngestAll(reference, {batch});
      prefix_hashes.push_back(reference.Hash());
    }
  }
  stdfs::create_directory(dir.File("disk"));
  PowerCutFileSystem disk(dir.File("disk"));
  size_t acknowledged = 0;
  for (int cut = 0; cut < 3; ++cut) {
    SCOPED_TRACE(testing::Message() << "cut " << cut);
    TestStore store(dir.File("disk/data"), &disk, disk.env());
    ASSERT_OK(store.Open());
    if (store.store->Stats().revision == 0) {
      ASSERT_EQ(cut, 0);
      ASSERT_OK(store.Define());
    }
    const size_t applied = store.store->Stats().applied.entry() - 1;
    ASSERT_GE(applied, acknowledged);
    ASSERT_EQ(store.Hash(), prefix_hashes[applied]);
    acknowledged = applied;
    disk.FreezeAfter(random() % 60);
    while (acknowledged < batches.size()) {
      const Batch& batch = batches[acknowledged];
      if (!store.Ingest(batch.source, batch.records).ok()) break;
      ++acknowledged;
      if (random() % 4 == 0) (void)store.store->Checkpoint();
    }
    disk.Freeze();
    store.Close();
    disk.PowerCut(mode, random());
  }
  TestStore store(dir.File("disk/data"), &disk, disk.env());
  ASSERT_OK(store.Open());
  const size_t applied = store.store->Stats().applied.entry() - 1;
  EXPECT_GE(applied, acknowledged);
  EXPECT_EQ(store.Hash(), prefix_hashes[applied]);
}

TEST(Recovery, PowerCutThatDropsUnsyncedBytesLosesNothingAcknowledged) {
  for (uint64_t seed = 1; seed <= 4; ++seed) CutPower(PowerCutFileSystem::Mode::kDrop, seed);
}

TEST(Recovery, PowerCutThatScramblesUnsyncedBytesLosesNothingAcknowledged) {
  for (uint64_t seed = 11; seed <= 14; ++seed) {
    CutPower(PowerCutFileSystem::Mode::kScramble, seed);
  }
}

class DamagedState : public testing::Test {
 protected:
  void SetUp() override {
    std::mt19937_64 random(23);
    TestStore store(dir_.File("data"));
    ASSERT_OK(store.Open());
    ASSERT_OK(store.Define());
    IngestAll(store, RandomBatches(random, 6, 6));
  }
  Status Open() {
    TestStore store(dir_.File("data"));
    return store.Open();
  }
  // Calls `use(db)` on the closed store's state.
  template <typename Use>
  void WithState(const Use& use) {
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), dir_.File("data/state"), &db).ok());
    use(*db);
    delete db;
  }

  TempDir dir_;
};

TEST_F(DamagedState, AFlippedByteInAnyKindOfBlobIsDataLossNamingIt) {
  ASSERT_OK(Open());
  for (const char kind : std::string("rwvklcism")) {
    SCOPED_TRACE(kind);
    std::string key;
    std::string value;
    WithState([&](rocksdb::DB& db) {
      std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(rocksdb::ReadOptions()));
      it->Seek(std::string(1, kind));
      ASSERT_TRUE(it->Valid() && it->key()[0] == kind);
      key = it->key().ToString();
      value = it->value().ToString();
      std::string damaged = value;
      damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 16);
      ASSERT_TRUE(db.Put(rocksdb::WriteOptions(), key, damaged).ok());
    });
    EXPECT_THAT(Open(), StatusIs(StatusCode::kDataLoss, HasSubstr("state blob")));
    WithState([&](rocksdb::DB& db) {
      ASSERT_TRUE(db.Put(rocksdb::WriteOptions(), key, value).ok());
    });
  }
  EXPECT_OK(Open());
}

TEST_F(DamagedState, ABlobOfNoKnownDefinitionIsDataLoss) {
  WithState([&](rocksdb::DB& db) {
    std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(rocksdb::ReadOptions()));
    it->Seek("c");
    ASSERT_TRUE(db.Delete(rocksdb::WriteOptions(), it->key()).ok());
  });
  EXPECT_THAT(Open(), StatusIs(StatusCode::kDataLoss, testing::_));
}

TEST_F(DamagedState, ALogThatEndsBeforeTheCheckpointIsDataLoss) {
  stdfs::remove_all(dir_.File("data/log"));
  EXPECT_THAT(Open(), StatusIs(StatusCode::kDataLoss, HasSubstr("checkpoint")));
}

TEST_F(DamagedState, ALogWithAnotherEntryAtTheCheckpointIsDataLoss) {
  {
    std::mt19937_64 random(24);
    TestStore other(dir_.File("other"));
    ASSERT_OK(other.Open());
    ASSERT_OK(other.Define());
    IngestAll(other, RandomBatches(random, 6, 6));
  }
  stdfs::remove_all(dir_.File("data/log"));
  stdfs::rename(dir_.File("other/log"), dir_.File("data/log"));
  EXPECT_THAT(Open(), StatusIs(StatusCode::kDataLoss, HasSubstr("not the one that the state has")));
}

TEST_F(DamagedState, ABlobPastTheEndOfTheLogIsDataLoss) {
  stdfs::copy(dir_.File("data/log"), dir_.File("old-log"), stdfs::copy_options::recursive);
  std::string checkpoint;
  WithState([&](rocksdb::DB& db) {
    ASSERT_TRUE(db.Get(rocksdb::ReadOptions(), "m", &checkpoint).ok());
  });
  {
    TestStore store(dir_.File("data"));
    ASSERT_OK(store.Open());
    ASSERT_OK(store.Ingest("clicks", {Click("later", kStartTime - 5, "u", "i")}));
  }
  stdfs::remove_all(dir_.File("data/log"));
  stdfs::rename(dir_.File("old-log"), dir_.File("data/log"));
  WithState([&](rocksdb::DB& db) {
    ASSERT_TRUE(db.Put(rocksdb::WriteOptions(), "m", checkpoint).ok());
  });
  EXPECT_THAT(Open(), StatusIs(StatusCode::kDataLoss, HasSubstr("state blob")));
}

TEST_F(DamagedState, WithoutItsStateTheStoreComesBackFromTheLog) {
  Hash128 hash;
  {
    TestStore store(dir_.File("data"));
    ASSERT_OK(store.Open());
    hash = store.Hash();
  }
  stdfs::remove_all(dir_.File("data/state"));
  TestStore store(dir_.File("data"));
  ASSERT_OK(store.Open());
  EXPECT_EQ(store.Hash(), hash);
}

}  // namespace
}  // namespace larder::featurestore
