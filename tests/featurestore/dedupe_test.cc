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

TEST(Dedupe, SourcesAreApart) {
  Dedupe dedupe(100);
  dedupe.Add(EntryWithIds(1, "a", 3, 1));
  dedupe.Add(EntryWithIds(2, "b", 2, 1));
  dedupe.For("b").CountDuplicate();

  EXPECT_EQ(dedupe.Stats()["a"].ids, 3u);
  EXPECT_EQ(dedupe.Stats()["b"].ids, 2u);
  EXPECT_EQ(dedupe.Stats()["b"].duplicates, 1u);
  EXPECT_EQ(dedupe.OldestEntry("a"), 1u);
  EXPECT_EQ(dedupe.OldestEntry("b"), 2u);
  EXPECT_EQ(dedupe.OldestEntry("c"), 0u);
}

// Stored ids up to a checkpoint, then replay that overlaps them, is the same as having been there.
TEST(Dedupe, RestoredIdsAndReplayGiveTheLiveIndex) {
  Dedupe live(250);
  Dedupe restored(250);
  std::vector<Entry> entries;
  for (uint64_t number = 1; number <= 8; ++number) {
    entries.push_back(EntryWithIds(number, "a", 50, number));
    live.Add(entries.back());
  }
  EXPECT_EQ(live.OldestEntry("a"), 4u);

  for (size_t i = live.OldestEntry("a") - 1; i < 6; ++i) {
    ASSERT_OK_AND_ASSIGN(const EntryIds ids, DecodeIds(EncodeIds(entries[i])));
    restored.Add(ids);
  }
  for (size_t i = 4; i < 8; ++i) restored.Add(entries[i]);

  EXPECT_EQ(restored.Stats()["a"].ids, live.Stats()["a"].ids);
  for (const Entry& entry : entries) {
    for (const RecordInfo& info : entry.batch.infos) {
      const auto a = live.For("a").Find(info.id);
      const auto b = restored.For("a").Find(info.id);
      ASSERT_EQ(a.has_value(), b.has_value());
      if (!a.has_value()) continue;
      ASSERT_EQ(a->position, b->position);
      ASSERT_EQ(a->payload_hash, b->payload_hash);
    }
  }
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
