// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/word_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "text/sentencepiece/chunk.h"

namespace larder::text::internal {
namespace {

WordCache::Word WordOf(std::string_view text) {
  WordCache::Word word = {{}, static_cast<uint32_t>(text.size())};
  std::memcpy(word.bytes.data(), text.data(), text.size());
  return word;
}

std::string RandomBytes(std::mt19937_64& random, size_t size, int most) {
  std::string bytes(size, ' ');
  for (char& c : bytes) c = static_cast<char>(random() % static_cast<unsigned>(most));
  return bytes;
}

// Of every size and count, with many of a place; what is found is what was last put in.
TEST(WordCache, FindsWhatWasInserted) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  const auto cache = std::make_unique<WordCache>();
  size_t found = 0;
  for (size_t round = 0; round < 20'000; ++round) {
    const WordCache::Word word =
        WordOf(RandomBytes(random, 1 + random() % WordCache::kMaxWordBytes, 256));
    std::vector<int32_t> ids(random() % (WordCache::kMaxIds + 1));
    for (int32_t& id : ids) id = static_cast<int32_t>(random() % (1u << 24));
    const RoundedTrust trust(static_cast<uint32_t>(random() % WordCache::kEndOfCosts),
                             static_cast<uint32_t>(random() % (RoundedTrust::kMaxLimit + 1)));
    const uint64_t hash = random() % 4 << 62;
    std::array<int32_t, WordCache::kMaxIds> got;
    WordCache::Entry entry;
    if (word.size > 3) {
      ASSERT_FALSE(cache->Find(word, hash, got.data(), entry));
    }
    cache->Insert(word, hash, ids, trust);
    if (!cache->Find(word, hash, got.data(), entry)) continue;
    ++found;
    if (word.size <= 3) continue;  // maybe of an earlier round
    ASSERT_TRUE(std::equal(ids.begin(), ids.end(), got.begin(), got.begin() + entry.count));
    ASSERT_EQ(entry.trust.cost, trust.cost);
    ASSERT_EQ(entry.trust.limit, trust.limit);
  }
  EXPECT_GT(found, 5'000u);
}

TEST(WordCache, TellsWordsApartThatAreNearlyTheSame) {
  WordCache cache;
  const std::string text = "abcdefghijklmnopqrstuvwx";
  const int32_t id = 7;
  for (size_t size = 1; size <= text.size(); ++size) {
    cache.Insert(WordOf(text.substr(0, size)), size << 50, {&id, 1}, {});
    for (size_t i = 0; i < size; ++i) {
      std::string other = text.substr(0, size);
      other[i] ^= 1;
      std::array<int32_t, WordCache::kMaxIds> got;
      WordCache::Entry entry;
      EXPECT_FALSE(cache.Find(WordOf(other), size << 50, got.data(), entry)) << other;
      EXPECT_TRUE(cache.Find(WordOf(text.substr(0, size)), size << 50, got.data(), entry));
      EXPECT_EQ(got[0], id);
    }
    const WordCache::Word longer = WordOf(text.substr(0, size - 1) + std::string(1, '\0'));
    std::array<int32_t, WordCache::kMaxIds> got;
    WordCache::Entry entry;
    EXPECT_FALSE(cache.Find(longer, size << 50, got.data(), entry));
  }
}

TEST(WordCache, LimitsAreRoundedDownAndCostsUp) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const WordTrust trust = {std::ldexp(static_cast<float>(random() % 1000), -5),
                             std::ldexp(static_cast<float>(random() % 1000), i % 80 - 10)};
    const RoundedTrust rounded(trust);
    if (rounded.limit == 0) {
      EXPECT_GT(rounded.cost, 0u);
      continue;
    }
    EXPECT_GE(static_cast<float>(rounded.cost), trust.cost * 4);
    if (rounded.limit < RoundedTrust::kMaxLimit) {
      EXPECT_LE(std::ldexp(1.0f, static_cast<int>(rounded.limit)), trust.limit * 4);
    } else {
      EXPECT_GE(trust.limit, 0x1p60f);
    }
  }
}

TEST(Chunk, FindsTheFirstLowByteAsOneByOne) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 10'000; ++i) {
    std::string bytes = RandomBytes(random, kChunkPadding, 256);
    if (i % 2 == 0) {
      for (char& c : bytes) c = static_cast<unsigned char>(c) > ' ' || random() % 8 == 0 ? c : 'x';
    }
    ASSERT_EQ(BytesBeforeLow(bytes.data()), BytesBeforeLowOneByOne(bytes.data())) << i;
  }
}

}  // namespace
}  // namespace larder::text::internal
