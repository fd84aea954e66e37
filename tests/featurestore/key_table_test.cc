// SPDX-License-Identifier: Apache-2.0
#include "featurestore/key_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace larder::featurestore {
namespace {

using registry::kNoOrdinal;
using registry::Ordinal;

TEST(KeyTable, FindsWhatWasAddedAndNothingElse) {
  KeyTable keys;

  const Ordinal a = keys.Add("a");
  const Ordinal b = keys.Add("b");

  EXPECT_EQ(keys.Add("a"), a);
  EXPECT_NE(a, b);
  EXPECT_EQ(keys.Find("b"), b);
  EXPECT_EQ(keys.Find("c"), kNoOrdinal);
  EXPECT_EQ(keys.Find(""), kNoOrdinal);
  EXPECT_EQ(keys.KeyOf(a), "a");
  EXPECT_EQ(keys.KeyOf(77), "");
  EXPECT_EQ(keys.size(), 2U);
}

TEST(KeyTable, AgreesWithAMapThroughRandomAddsAndRemoves) {
  std::mt19937_64 random(1);
  KeyTable keys;
  std::map<std::string, Ordinal> model;
  for (int i = 0; i < 50'000; ++i) {
    const std::string key = "key" + std::to_string(random() % 3000);
    if (random() % 3 != 0) {
      const Ordinal ordinal = keys.Add(key);
      const auto [at, added] = model.try_emplace(key, ordinal);
      ASSERT_EQ(at->second, ordinal);
    } else if (const auto found = model.find(key); found != model.end()) {
      keys.Remove(found->second);
      model.erase(found);
    }
    ASSERT_EQ(keys.size(), model.size());
  }

  std::vector<std::string> texts;
  for (int i = 0; i < 3000; ++i) texts.push_back("key" + std::to_string(i));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  std::vector<Ordinal> found(views.size());
  keys.FindAll(views, found);
  for (size_t i = 0; i < views.size(); ++i) {
    const auto expected = model.find(texts[i]);
    ASSERT_EQ(found[i], expected == model.end() ? kNoOrdinal : expected->second);
    if (found[i] != kNoOrdinal) {
      EXPECT_EQ(keys.KeyOf(found[i]), views[i]);
    }
  }
}

TEST(KeyTable, GivesOrdinalsOfRemovedKeysAgain) {
  KeyTable keys;
  for (int i = 0; i < 100; ++i) keys.Add(std::to_string(i));
  for (Ordinal i = 0; i < 100; ++i) keys.Remove(i);
  for (int i = 0; i < 100; ++i) keys.Add(std::to_string(i));

  EXPECT_EQ(keys.end(), 100U);
}

}  // namespace
}  // namespace larder::featurestore
