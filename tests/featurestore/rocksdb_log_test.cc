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
using testing::AllOf;
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

// A log of ten synced appends whose WAL is still there, as after a crash of the process.
class CrashedLog : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(auto log, OpenRocksDbLog(dir_.File("live"), nullptr));
    for (int i = 0; i < 10; ++i) {
      ASSERT_OK(log->Append(std::vector<std::string>{std::string(10'000, 'x')}));
    }
    std::filesystem::copy(dir_.File("live"), path_);
    for (const auto& file : std::filesystem::directory_iterator(path_)) {
      if (file.path().extension() == ".log") wal_ = file.path();
    }
    ASSERT_GT(std::filesystem::file_size(wal_), 100'000u);
  }
  void Flip(std::streamoff at) const {
    std::fstream io(wal_, std::ios::in | std::ios::out | std::ios::binary);
    io.seekg(at);
    const int byte = io.get();
    io.seekp(at);
    io.put(static_cast<char>(byte ^ 8));
  }
  StatusOr<uint64_t> Last() const {
    LARDER_ASSIGN_OR_RETURN(const auto log, OpenRocksDbLog(path_, nullptr));
    return log->last();
  }

  const TempDir dir_;
  const std::string path_ = dir_.File("log");
  std::filesystem::path wal_;
};

TEST_F(CrashedLog, HasEverything) { EXPECT_THAT(Last(), IsOkAndHolds(10)); }

// What was synced is missing: said, and left as it is.
TEST_F(CrashedLog, AFlippedBitIsDataLossAndNothingIsChanged) {
  // Content; then the type (record 6 of 10 begins a block), checksum and length of records.
  const std::streamoff block = 65'536;
  for (const std::streamoff at :
       {std::streamoff{20'000}, std::streamoff{55'000}, std::streamoff{99'000}, block, block + 4,
        block + 5, block + 6, std::streamoff{98'304 + 5}}) {
    Flip(at);
    EXPECT_THAT(Last(), StatusIs(StatusCode::kDataLoss,
                                 AllOf(HasSubstr(path_), HasSubstr("up to 10 were synced"))));
    Flip(at);
  }
  EXPECT_THAT(Last(), IsOkAndHolds(10));
}

TEST_F(CrashedLog, AFileThatIsGoneIsDataLoss) {
  for (const std::filesystem::path& file : {wal_, std::filesystem::path(path_) / "CURRENT"}) {
    std::filesystem::rename(file, dir_.File("aside"));
    EXPECT_THAT(Last(), StatusIs(StatusCode::kDataLoss, HasSubstr(path_))) << file;
    std::filesystem::rename(dir_.File("aside"), file);
  }
  EXPECT_THAT(Last(), IsOkAndHolds(10));
}

TEST_F(CrashedLog, AnEndThatWasCutOffIsDataLoss) {
  std::filesystem::resize_file(wal_, 55'000);
  EXPECT_THAT(Last(), StatusIs(StatusCode::kDataLoss, HasSubstr("can be read up to 5 only")));
}

// S11: without the mark, which a power cut may take, the prefix before a hole is all there was.
TEST_F(CrashedLog, WithoutItsMarkAPrefixIsKept) {
  std::filesystem::remove(path_ + "/SYNCED");
  Flip(55'000);
  EXPECT_THAT(Last(), IsOkAndHolds(5));
  EXPECT_THAT(Last(), IsOkAndHolds(5));
}

TEST_F(CrashedLog, ATornMarkIsNone) {
  for (const size_t bytes : {0, 7, 23, 25}) {
    std::filesystem::resize_file(path_ + "/SYNCED", bytes);
    EXPECT_THAT(Last(), IsOkAndHolds(10)) << bytes;
    std::ofstream(path_ + "/SYNCED") << std::string(24, 'x');
    EXPECT_THAT(Last(), IsOkAndHolds(10));
  }
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
