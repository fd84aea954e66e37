// SPDX-License-Identifier: Apache-2.0
#include "featurestore/dedupe.h"

#include <gtest/gtest.h>

#include <deque>
#include <iostream>
#include <random>
#include <unordered_map>

#include "base/bytes.h"
#include "tests/featurestore/random_batch.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder::featurestore {
namespace {

using testing::_;

Entry EntryWithIds(uint64_t number, std::string source, size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  Entry entry;
  entry.number = number;
  entry.batch.source = std::move(source);
  for (size_t i = 0; i < count; ++i) {
    entry.batch.infos.push_back({RandomHash(random), RandomHash(random), 0, 0, 0});
  }
  return entry;
}

// With a state database of its own.
class DedupeTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(db_, StateDb::Open(dir_.File("state"), nullptr));
  }
  // What a checkpoint does with what is forgotten, at or before `last`.
  void StoreHistory(SourceIds& ids, std::string_view source, Position last) {
    const auto batch = db_->NewBatch();
    for (const HistoryIds::Id& id : ids.history().Take(last, 1'000)) {
      batch->Put(HistoryIdBlobKey(source, id.id), id.original.position, {},
                 EncodeHistoryId(id.original.payload_hash));
    }
    ASSERT_OK(db_->Write(*batch, /*sync=*/false));
    ids.history().Stored();
  }

  static uint64_t OldestEntry(Dedupe& dedupe, std::string_view source) {
    return dedupe.For(source).newest().oldest().entry();
  }

  TempDir dir_;
  std::unique_ptr<StateDb> db_;
};

TEST(DedupeIndex, FindsWhatWasAddedWithItsPayloadAndPosition) {
  DedupeIndex index(10);
  index.Add({1, 2}, {3, 4}, Position::Of(5, 6));

  const auto found = index.Find({1, 2});

  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->payload_hash, (Hash128{3, 4}));
  EXPECT_EQ(found->position, Position::Of(5, 6));
  EXPECT_FALSE(index.Find({2, 1}).has_value());
}

TEST(DedupeIndex, AddingAgainKeepsTheOriginal) {
  DedupeIndex index(10);
  index.Add({1, 2}, {3, 4}, Position::Of(5, 0));
  index.Add({1, 2}, {9, 9}, Position::Of(6, 0));

  EXPECT_EQ(index.size(), 1u);
  EXPECT_EQ(index.Find({1, 2})->position, Position::Of(5, 0));
}

// S1.7: bounded by count; the newest stay. Against a plain map and queue, with ids that collide
// in table, tag and home slot.
TEST(DedupeIndex, KeepsTheNewestLikeAMapAndAQueue) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  for (const size_t capacity : {1, 2, 7, 100, 1'000}) {
    DedupeIndex index(capacity);
    std::unordered_map<Hash128, Position> map;
    std::deque<Hash128> order;
    for (uint64_t i = 1; i < 6'000; ++i) {
      const Hash128 id{(random() % 4) << 58 | (random() % 3), random() % (capacity * 2)};
      const auto it = map.find(id);
      const auto found = index.Find(id);
      ASSERT_EQ(found.has_value(), it != map.end());
      if (found.has_value()) {
        ASSERT_EQ(found->position, it->second);
        continue;
      }
      index.Add(id, id, Position::Of(i, 0));
      map[id] = Position::Of(i, 0);
      order.push_back(id);
      if (order.size() > capacity) {
        map.erase(order.front());
        order.pop_front();
      }
      ASSERT_EQ(index.size(), order.size());
      ASSERT_EQ(index.oldest(), map[order.front()]);
    }
    for (const auto& [id, position] : map) ASSERT_EQ(index.Find(id)->position, position);
  }
}

TEST(DedupeIndex, HoldsManyIdsOverManyChunks) {
  DedupeIndex index(100'000);
  std::mt19937_64 random(1);
  std::vector<Hash128> ids(150'000);
  for (size_t i = 0; i < ids.size(); ++i) {
    ids[i] = RandomHash(random);
    index.Add(ids[i], ids[i], Position::Of(i + 1, 0));
  }

  EXPECT_EQ(index.size(), 100'000u);
  for (size_t i = 0; i < ids.size(); ++i) ASSERT_EQ(index.Find(ids[i]).has_value(), i >= 50'000);
}

TEST_F(DedupeTest, SourcesAreApart) {
  Dedupe dedupe(100, *db_);
  dedupe.Add(EntryWithIds(1, "a", 3, 1));
  dedupe.Add(EntryWithIds(2, "b", 2, 1));
  dedupe.For("b").newest().CountDuplicate();

  EXPECT_EQ(dedupe.Stats()["a"].ids, 3u);
  EXPECT_EQ(dedupe.Stats()["b"].ids, 2u);
  EXPECT_EQ(dedupe.Stats()["b"].duplicates, 1u);
  EXPECT_EQ(OldestEntry(dedupe, "a"), 1u);
  EXPECT_EQ(OldestEntry(dedupe, "b"), 2u);
  EXPECT_EQ(OldestEntry(dedupe, "c"), 0u);
}

// Stored ids up to a checkpoint, then replay that overlaps them, is the same as having been there.
TEST_F(DedupeTest, RestoredIdsAndReplayGiveTheLiveIndex) {
  Dedupe live(250, *db_);
  Dedupe restored(250, *db_);
  std::vector<Entry> entries;
  for (uint64_t number = 1; number <= 8; ++number) {
    entries.push_back(EntryWithIds(number, "a", 50, number));
    live.Add(entries.back());
  }
  EXPECT_EQ(OldestEntry(live, "a"), 4u);

  for (size_t i = OldestEntry(live, "a") - 1; i < 6; ++i) {
    ASSERT_OK_AND_ASSIGN(const EntryIds ids, DecodeIds(EncodeIds(entries[i])));
    restored.Add(ids);
  }
  for (size_t i = 4; i < 8; ++i) restored.Add(entries[i]);

  EXPECT_EQ(restored.Stats()["a"].ids, live.Stats()["a"].ids);
  for (const Entry& entry : entries) {
    for (const RecordInfo& info : entry.batch.infos) {
      const auto a = live.For("a").newest().Find(info.id);
      const auto b = restored.For("a").newest().Find(info.id);
      ASSERT_EQ(a.has_value(), b.has_value());
      if (!a.has_value()) continue;
      ASSERT_EQ(a->position, b->position);
      ASSERT_EQ(a->payload_hash, b->payload_hash);
    }
  }
}

// S1.7: bulk history is deduplicated exactly, wherever its ids are: among the newest, waiting for a
// checkpoint, stored. A live append looks at the newest only.
TEST_F(DedupeTest, HistoryIsRememberedBeyondTheNewest) {
  Dedupe dedupe(100, *db_);
  SourceIds& ids = dedupe.For("a");
  std::vector<Entry> entries;
  for (uint64_t number = 1; number <= 10; ++number) {
    entries.push_back(EntryWithIds(number, "a", 50, number));
    entries.back().arrival_kind = ArrivalKind::kDeclared;
    dedupe.Add(entries.back());
    if (number == 6) StoreHistory(ids, "a", Position::Of(3, 20));
  }

  for (const Entry& entry : entries) {
    ASSERT_OK(ids.Recall(entry.batch.infos));
    for (size_t i = 0; i < entry.batch.size(); ++i) {
      const RecordInfo& info = entry.batch.infos[i];
      const auto found = ids.FindAny(info.id);
      ASSERT_TRUE(found.has_value()) << entry.number << " " << i;
      EXPECT_EQ(found->position, Position::Of(entry.number, i));
      EXPECT_EQ(found->payload_hash, info.payload_hash);
      EXPECT_EQ(ids.newest().Find(info.id).has_value(), entry.number > 8);
    }
  }
  EXPECT_EQ(ids.first_live(), 0u);
}

// What no checkpoint has covered may never have been synced: it must not be stored.
TEST_F(DedupeTest, OnlyWhatIsAppliedIsTakenForStoring) {
  Dedupe dedupe(10, *db_);
  SourceIds& ids = dedupe.For("a");
  Entry entry = EntryWithIds(5, "a", 40, 1);
  entry.arrival_kind = ArrivalKind::kDeclared;
  dedupe.Add(entry);

  EXPECT_TRUE(ids.history().Take(Position::Of(4, 99), 100).empty());
  EXPECT_EQ(ids.history().Take(Position::Of(5, 9), 4).size(), 4u);
  EXPECT_EQ(ids.history().Take(Position::Of(5, 9), 100).size(), 6u);
  ids.history().Stored();
  EXPECT_EQ(ids.history().Take(Position::Of(5, 99), 100).size(), 20u);
}

// What is forgotten and stored while a batch is looked at is still known to it.
TEST_F(DedupeTest, RecalledIdsOutliveACheckpoint) {
  Dedupe dedupe(10, *db_);
  SourceIds& ids = dedupe.For("a");
  const Entry old = EntryWithIds(5, "a", 20, 1);  // ten in memory, ten among the newest
  dedupe.Add(old);
  ASSERT_OK(ids.Recall(old.batch.infos));

  dedupe.Add(EntryWithIds(6, "a", 10, 2));
  StoreHistory(ids, "a", Position::Of(5, 99));

  for (const RecordInfo& info : old.batch.infos) EXPECT_TRUE(ids.FindAny(info.id).has_value());
}

// S2.3: after the first live append no bulk history comes, so nothing more is kept for it.
TEST_F(DedupeTest, ALiveSourceKeepsNoHistory) {
  Dedupe dedupe(10, *db_);
  SourceIds& ids = dedupe.For("a");
  Entry entry = EntryWithIds(5, "a", 40, 1);
  dedupe.Add(entry);
  EXPECT_EQ(ids.first_live(), 5u);

  ids.history().Close();
  dedupe.Add(EntryWithIds(6, "a", 40, 2));

  EXPECT_TRUE(ids.history().Take(Position::Of(9, 0), 100).empty());
  EXPECT_EQ(ids.first_live(), 5u);
}

TEST_F(DedupeTest, ADamagedStoredIdIsDataLoss) {
  SourceIds ids("a", 1, *db_);
  const RecordInfo info{{1, 2}, {3, 4}, 0, 0, 0};
  const auto batch = db_->NewBatch();
  batch->Put(HistoryIdBlobKey("a", info.id), Position::Of(1, 0), {}, "short");
  ASSERT_OK(db_->Write(*batch, /*sync=*/false));

  EXPECT_THAT(ids.Recall({&info, 1}), StatusIs(StatusCode::kDataLoss, _));
}

TEST(EntryIds, ComeBackAsTheyWere) {
  for (const bool own_ids : {true, false}) {
    Entry entry = EntryWithIds(77, "clicks", 5, 3);
    for (RecordInfo& info : entry.batch.infos) {
      if (!own_ids) info.id = info.payload_hash;
    }

    ASSERT_OK_AND_ASSIGN(const EntryIds ids, DecodeIds(EncodeIds(entry)));

    EXPECT_EQ(ids.entry, 77u);
    EXPECT_EQ(ids.source, "clicks");
    ASSERT_EQ(ids.ids.size(), 5u);
    for (size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(ids.ids[i].id, entry.batch.infos[i].id);
      EXPECT_EQ(ids.ids[i].payload_hash, entry.batch.infos[i].payload_hash);
    }
  }
}

TEST(EntryIds, DamageIsDataLoss) {
  const std::string good = EncodeIds(EntryWithIds(77, "clicks", 3, 3));
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 4);
    EXPECT_THAT(DecodeIds(bad), StatusIs(StatusCode::kDataLoss, _));
    EXPECT_THAT(DecodeIds(good.substr(0, at)), StatusIs(StatusCode::kDataLoss, _));
  }
}

TEST(EntryIds, ForgedCountsAndNewerFormatsAreRefused) {
  const auto seal = [](std::string body) {
    ByteWriter out(body);
    out.Fixed(Hash64(body));
    return body;
  };
  std::string body;
  ByteWriter out(body);
  out.Fixed(uint8_t{1});
  out.Varint(1);
  out.String("s");
  out.Fixed(uint8_t{1});
  out.Varint(uint64_t{1} << 59);

  EXPECT_THAT(DecodeIds(seal(body)), StatusIs(StatusCode::kDataLoss, _));
  body[0] = 5;
  EXPECT_THAT(DecodeIds(seal(body)), StatusIs(StatusCode::kUnimplemented, _));
}

}  // namespace
}  // namespace larder::featurestore
