// SPDX-License-Identifier: Apache-2.0
#include "featurestore/rocksdb_log.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "base/bytes.h"
#include "tests/support/power_cut_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder::featurestore {
namespace {

using testing::_;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

std::vector<std::pair<uint64_t, std::string>> ReadAll(const Log& log, uint64_t from = 1) {
  std::vector<std::pair<uint64_t, std::string>> all;
  const Status status = log.Read(from, [&](uint64_t number, std::string_view bytes) {
    all.emplace_back(number, bytes);
    return OkStatus();
  });
  EXPECT_OK(status);
  return all;
}

TEST(RocksDbLog, NumbersEntriesFromOneAndKeepsThemAcrossAReopen) {
  const TempDir dir;
  {
    ASSERT_OK_AND_ASSIGN(auto log, OpenRocksDbLog(dir.File("log"), nullptr));
    EXPECT_EQ(log->last(), 0u);
    ASSERT_OK(log->Append(std::vector<std::string>{"a", "b"}));
    ASSERT_OK(log->Append(std::vector<std::string>{"c"}));
    EXPECT_EQ(log->last(), 3u);
  }

  ASSERT_OK_AND_ASSIGN(auto log, OpenRocksDbLog(dir.File("log"), nullptr));

  EXPECT_EQ(log->last(), 3u);
  EXPECT_THAT(ReadAll(*log), ElementsAre(Pair(1, "a"), Pair(2, "b"), Pair(3, "c")));
  EXPECT_THAT(ReadAll(*log, 3), ElementsAre(Pair(3, "c")));
  EXPECT_THAT(ReadAll(*log, 4), ElementsAre());
}

TEST(RocksDbLog, ReadStopsAtTheVisitorsError) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(auto log, OpenRocksDbLog(dir.File("log"), nullptr));
  ASSERT_OK(log->Append(std::vector<std::string>{"a", "b"}));
  int visits = 0;

  const Status status = log->Read(1, [&](uint64_t, std::string_view) {
    ++visits;
    return Cancelled("enough");
  });

  EXPECT_THAT(status, StatusIs(StatusCode::kCancelled, "enough"));
  EXPECT_EQ(visits, 1);
}

TEST(RocksDbLog, AMissingEntryIsDataLossAtOpen) {
  const TempDir dir;
  const std::string path = dir.File("log");
  {
    ASSERT_OK_AND_ASSIGN(auto log, OpenRocksDbLog(path, nullptr));
    ASSERT_OK(log->Append(std::vector<std::string>{"a"}));
  }
  {
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), path, &db).ok());
    const std::string key("\0\0\0\0\0\0\0\x03", 8);
    ASSERT_TRUE(db->Put(rocksdb::WriteOptions(), key, "c").ok());
    delete db;
  }

  EXPECT_THAT(OpenRocksDbLog(path, nullptr),
              StatusIs(StatusCode::kDataLoss, HasSubstr("entries are missing")));
}

TEST(RocksDbLog, AMissingBeginningIsDataLossAtOpen) {
  const TempDir dir;
  const std::string path = dir.File("log");
  {
    ASSERT_OK_AND_ASSIGN(auto log, OpenRocksDbLog(path, nullptr));
    ASSERT_OK(log->Append(std::vector<std::string>{"a", "b"}));
  }
  {
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), path, &db).ok());
    ASSERT_TRUE(db->Delete(rocksdb::WriteOptions(), BigEndian(1)).ok());
    delete db;
  }

  EXPECT_THAT(OpenRocksDbLog(path, nullptr),
              StatusIs(StatusCode::kDataLoss, HasSubstr("entries are missing: the first is 2")));
}

TEST(RocksDbLog, AForeignKeyIsDataLossAtOpen) {
  const TempDir dir;
  const std::string path = dir.File("log");
  {
    rocksdb::DB* db = nullptr;
    rocksdb::Options options;
    options.create_if_missing = true;
    ASSERT_TRUE(rocksdb::DB::Open(options, path, &db).ok());
    ASSERT_TRUE(db->Put(rocksdb::WriteOptions(), "hello", "c").ok());
    delete db;
  }

  EXPECT_THAT(OpenRocksDbLog(path, nullptr),
              StatusIs(StatusCode::kDataLoss, HasSubstr("not an entry number")));
}

TEST(RocksDbLog, AFlippedBitInATableIsDataLossNamingTheLog) {
  const TempDir dir;
  const std::string path = dir.File("log");
  for (int run = 0; run < 2; ++run) {  // the second opening writes the first one's WAL to a table
    ASSERT_OK_AND_ASSIGN(auto log, OpenRocksDbLog(path, nullptr));
    const std::vector<std::string> entries(run == 0 ? 100 : 0, std::string(1'000, 'x'));
    ASSERT_OK(log->Append(entries));
  }
  int damaged = 0;
  for (const auto& file : std::filesystem::directory_iterator(path)) {
    if (file.path().extension() != ".sst") continue;
    std::fstream io(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    io.seekp(100);
    io.put('\x7f');
    ++damaged;
  }
  ASSERT_GT(damaged, 0);

  const auto log = OpenRocksDbLog(path, nullptr);
  const Status status =
      log.ok() ? (*log)->Read(1, [](uint64_t, std::string_view) { return OkStatus(); })
               : log.status();

  EXPECT_THAT(status, StatusIs(StatusCode::kDataLoss, HasSubstr(path)));
}

TEST(RocksDbLog, ASecondProcessIsRefused) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(auto log, OpenRocksDbLog(dir.File("log"), nullptr));

  EXPECT_THAT(OpenRocksDbLog(dir.File("log"), nullptr),
              StatusIs(StatusCode::kFailedPrecondition, _));
}

// Invariant 1: what Append acknowledged survives; what was not acknowledged is a prefix or absent.
TEST(RocksDbLog, AcknowledgedEntriesSurviveAPowerCutAnywhere) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(Concat("seed ", seed));
    std::mt19937_64 random(seed);
    const TempDir dir;
    PowerCutFileSystem fs(dir.path());
    const std::string path = dir.File("log");
    ASSERT_OK(fs.MakeDirs(path));  // as the store does: RocksDB does not sync a new directory
    std::vector<std::string> sent;
    size_t acknowledged = 0;
    for (int life = 0; life < 3; ++life) {
      fs.FreezeAfter(20 + random() % 60);
      {
        auto log = OpenRocksDbLog(path, fs.env());
        while (log.ok() && !fs.frozen()) {
          std::vector<std::string> group(1 + random() % 3);
          for (auto& entry : group) {
            entry = Concat("entry ", sent.size(), std::string(random() % 2'000, 'p'));
            sent.push_back(entry);
          }
          if (!(*log)->Append(group).ok()) break;
          acknowledged = sent.size();
        }
      }
      fs.PowerCut(seed % 2 == 0 ? PowerCutFileSystem::Mode::kDrop
                                : PowerCutFileSystem::Mode::kScramble, seed);

      ASSERT_OK_AND_ASSIGN(auto log, OpenRocksDbLog(path, fs.env()));
      const auto all = ReadAll(*log);
      ASSERT_GE(all.size(), acknowledged);
      ASSERT_LE(all.size(), sent.size());
      for (size_t i = 0; i < all.size(); ++i) {
        ASSERT_EQ(all[i].first, i + 1);
        ASSERT_EQ(all[i].second, sent[i]);
      }
      sent.resize(all.size());
      acknowledged = all.size();
    }
    std::cout << "seed " << seed << ": " << sent.size() << " entries kept\n";
  }
}

}  // namespace
}  // namespace larder::featurestore
