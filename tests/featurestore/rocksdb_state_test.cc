// SPDX-License-Identifier: Apache-2.0
#include "featurestore/rocksdb_state.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <string>
#include <vector>

#include "base/bytes.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder::featurestore {
namespace {

using testing::HasSubstr;

TEST(StateDb, GivesBackBlobsWithPositionAndShare) {
  const TempDir dir;
  const std::string key = NamedBlobKey(BlobKind::kRow, "catalog", "k1");
  {
    ASSERT_OK_AND_ASSIGN(auto db, StateDb::Open(dir.File("state"), nullptr));
    const auto batch = db->NewBatch();
    batch->Put(key, Position{77}, {1, 2}, "body");
    ASSERT_OK(db->Write(*batch, true));
  }
  ASSERT_OK_AND_ASSIGN(auto db, StateDb::Open(dir.File("state"), nullptr));
  int visits = 0;
  ASSERT_OK(db->Get(key, [&](const Blob& blob) {
    ++visits;
    EXPECT_EQ(blob.position, Position{77});
    EXPECT_EQ(blob.share, (Hash128{1, 2}));
    EXPECT_EQ(blob.body, "body");
    return OkStatus();
  }));
  EXPECT_EQ(visits, 1);
  EXPECT_THAT(db->Get("rother", [](const Blob&) { return OkStatus(); }),
              StatusIs(StatusCode::kNotFound, HasSubstr("rother")));
}

TEST(StateDb, ScansOnePrefixInOrder) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(auto db, StateDb::Open(dir.File("state"), nullptr));
  const auto batch = db->NewBatch();
  for (const uint64_t number : {300, 2, 70'000}) {
    batch->Put(NumberBlobKey(BlobKind::kControl, number), {}, {}, "");
  }
  batch->Put(NumberBlobKey(BlobKind::kLayout, 5), {}, {}, "");
  batch->Put("b", {}, {}, "");
  ASSERT_OK(db->Write(*batch, false));

  std::vector<uint64_t> numbers;
  ASSERT_OK(db->Scan("c", true, [&](std::string_view rest, const Blob&) {
    numbers.push_back(FromBigEndian(rest).value_or(0));
    return OkStatus();
  }));
  EXPECT_EQ(numbers, (std::vector<uint64_t>{2, 300, 70'000}));
}

TEST(StateDb, KeysComeApartAgain) {
  const Digest digest = Sha256("x");
  const std::string window = WindowBlobKey("item", std::string(200, 'k'), digest);
  std::string_view entity;
  std::string_view key;
  std::string_view prefix;
  ASSERT_TRUE(ParseWindow(std::string_view(window).substr(1), entity, key, prefix));
  EXPECT_EQ(entity, "item");
  EXPECT_EQ(key, std::string(200, 'k'));
  EXPECT_EQ(prefix, DigestPrefix(digest));
  EXPECT_FALSE(ParseWindow(std::string_view(window).substr(1, 100), entity, key, prefix));
  EXPECT_FALSE(ParseNamed(std::string_view(window).substr(1), entity, key));
}

// A blob whose bytes changed behind RocksDB's own checksums, by way of RocksDB.
TEST(StateDb, DamagedBlobsAreDataLossNamingThem) {
  const TempDir dir;
  const std::string key = NamedBlobKey(BlobKind::kRow, "catalog", "k1");
  {
    ASSERT_OK_AND_ASSIGN(auto db, StateDb::Open(dir.File("state"), nullptr));
    const auto batch = db->NewBatch();
    batch->Put(key, Position{77}, {1, 2}, "body");
    ASSERT_OK(db->Write(*batch, true));
  }
  std::string value;
  const auto with_raw = [&](auto use) {
    rocksdb::DB* raw = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), dir.File("state"), &raw).ok());
    use(*raw);
    delete raw;
  };
  with_raw([&](rocksdb::DB& raw) {
    ASSERT_TRUE(raw.Get(rocksdb::ReadOptions(), key, &value).ok());
  });
  for (size_t i = 0; i <= value.size(); i += 7) {
    std::string damaged = value;
    if (i + 7 <= value.size()) {
      damaged[i] = static_cast<char>(damaged[i] ^ 4);
    } else {
      damaged.resize(3);
    }
    with_raw([&](rocksdb::DB& raw) {
      ASSERT_TRUE(raw.Put(rocksdb::WriteOptions(), key, damaged).ok());
    });
    ASSERT_OK_AND_ASSIGN(auto db, StateDb::Open(dir.File("state"), nullptr));
    const auto ignore = [](const Blob&) { return OkStatus(); };
    EXPECT_THAT(db->Get(key, ignore), StatusIs(StatusCode::kDataLoss, HasSubstr("k1")));
    EXPECT_THAT(db->Scan("r", true, [](std::string_view, const Blob&) { return OkStatus(); }),
                StatusIs(StatusCode::kDataLoss, HasSubstr("k1")));
  }
}

}  // namespace
}  // namespace larder::featurestore
