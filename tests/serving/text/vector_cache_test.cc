// SPDX-License-Identifier: Apache-2.0
#include "serving/text/vector_cache.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

namespace larder::serving {
namespace {

constexpr size_t kCodes = 64;
constexpr size_t kEntry = kCodes + VectorCache::kEntryBytes;

// Keys of one sixteenth: their hashes have the same upper half.
VectorCache::Key KeyOf(uint64_t number) {
  return {.text = {.high = 0, .low = number}, .text_bytes = 5, .encoder = 1};
}

std::vector<int8_t> CodesOf(uint64_t number) {
  return std::vector<int8_t>(kCodes, static_cast<int8_t>(number));
}

bool Has(VectorCache& cache, const VectorCache::Key& key, uint64_t number) {
  std::vector<int8_t> codes(kCodes);
  VectorCache::Facts facts;
  if (!cache.Find(key, codes, facts)) return false;
  EXPECT_EQ(codes, CodesOf(number));
  EXPECT_EQ(facts.tokens, number);
  return true;
}

void Insert(VectorCache& cache, uint64_t number, bool may_evict = true) {
  cache.Insert(KeyOf(number), CodesOf(number), {static_cast<uint32_t>(number), false}, may_evict);
}

TEST(VectorCache, FindsWhatWasInsertedUnderTheWholeKey) {
  VectorCache cache(size_t{1} << 20);
  Insert(cache, 3);
  EXPECT_TRUE(Has(cache, KeyOf(3), 3));

  VectorCache::Key other = KeyOf(3);
  other.text.high = 16;  // the same sixteenth
  EXPECT_FALSE(Has(cache, other, 3));
  other = KeyOf(3);
  other.text_bytes = 6;
  EXPECT_FALSE(Has(cache, other, 3));
  other = KeyOf(3);
  other.encoder = 2;
  EXPECT_FALSE(Has(cache, other, 3));
  other = KeyOf(3);
  other.role = text::TextRole::kQuery;
  EXPECT_FALSE(Has(cache, other, 3));
  std::vector<int8_t> shorter(kCodes - 1);
  VectorCache::Facts facts;
  EXPECT_FALSE(cache.Find(KeyOf(3), shorter, facts));
}

TEST(VectorCache, TheLeastRecentlyUsedGoFirst) {
  VectorCache cache(16 * 3 * kEntry);
  for (uint64_t i = 0; i < 3; ++i) Insert(cache, i);
  EXPECT_TRUE(Has(cache, KeyOf(0), 0));

  Insert(cache, 3);

  EXPECT_TRUE(Has(cache, KeyOf(0), 0));
  EXPECT_FALSE(Has(cache, KeyOf(1), 1));
  EXPECT_TRUE(Has(cache, KeyOf(2), 2));
  EXPECT_TRUE(Has(cache, KeyOf(3), 3));
  EXPECT_EQ(cache.GetStats().evictions, 1U);
  EXPECT_EQ(cache.GetStats().bytes, 3 * kEntry);
}

TEST(VectorCache, WhatMayNotEvictTakesOnlyWhatIsFree) {
  VectorCache cache(16 * 2 * kEntry);
  Insert(cache, 0);
  Insert(cache, 1, /*may_evict=*/false);
  Insert(cache, 2, /*may_evict=*/false);
  EXPECT_TRUE(Has(cache, KeyOf(0), 0));
  EXPECT_TRUE(Has(cache, KeyOf(1), 1));
  EXPECT_FALSE(Has(cache, KeyOf(2), 2));
}

TEST(VectorCache, KeepsNothingWithoutRoom) {
  for (const size_t bytes : {size_t{0}, 16 * (kEntry - 1)}) {
    VectorCache cache(bytes);
    Insert(cache, 1);
    EXPECT_FALSE(Has(cache, KeyOf(1), 1));
    EXPECT_EQ(cache.GetStats().bytes, 0U);
  }
}

TEST(VectorCache, StaysWithinItsBytesUnderManyThreads) {
  constexpr uint64_t kSeed = 11;
  RecordProperty("seed", std::to_string(kSeed));
  constexpr size_t kBytes = 16 * 10 * kEntry;
  VectorCache cache(kBytes);
  std::vector<std::jthread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&cache, t] {
      std::mt19937_64 random(kSeed + t);
      for (int i = 0; i < 2'000; ++i) {
        const uint64_t number = random() % 100;
        VectorCache::Key key = KeyOf(number);
        key.text.high = number;
        if (Has(cache, key, number)) continue;
        cache.Insert(key, CodesOf(number), {static_cast<uint32_t>(number), false},
                     random() % 2 == 0);
      }
    });
  }
  threads.clear();
  const VectorCache::Stats stats = cache.GetStats();
  EXPECT_LE(stats.bytes, kBytes);
  EXPECT_EQ(stats.bytes, stats.entries * kEntry);
  EXPECT_GT(stats.entries, 0U);
}

}  // namespace
}  // namespace larder::serving
