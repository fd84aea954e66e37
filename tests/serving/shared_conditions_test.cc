// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieval/shared_conditions.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "serving/retrieval/admission.h"
#include "tests/serving/recipe_fixture.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using registry::Ordinal;
using testing::HasSubstr;

constexpr std::string_view kRecipes = R"(
---
retrieval: same_for_all
for: page
candidate: item
channels:
  cheap: {near: text_of.vec, to: seed.text_of.vec, take: 8, where: candidate.catalog.price <= 3}
  dearer:
    near: text_of.vec
    to: seed.text_of.vec
    take: 8
    where: candidate.catalog.price > seed.catalog.price
  any: {sample: 3}
where: candidate.catalog.language == page.language
exclude: [seed]
score: rrf(cheap, dearer)
limit: 12
---
retrieval: by_key
for: page
candidate: item
channels:
  cheap: {near: text_of.vec, to: seed.text_of.vec, take: 8, where: candidate.catalog.price <= 3}
where: candidate.catalog.price != seed.catalog.price
score: rrf(cheap)
limit: 12
)";

class SharedConditionsTest : public testing::Test {
 protected:
  SharedConditionsTest() : world_(std::string(kTestDefinitions) + std::string(kRecipes)) {
    for (size_t i = 0; i < 200; ++i) {
      world_.AddItem(i == 0 ? "a" : std::to_string(i), "apple pie", i % 3 == 0 ? "de" : "en",
                     static_cast<double>(i % 6));
    }
    for (size_t i = 5; i < 200; i += 7) world_.store->DeleteRow("catalog", std::to_string(i));
    world_.store->on_read = [this](const auto&, std::span<const Ordinal> ordinals) {
      read_ += ordinals.size();
      return OkStatus();
    };
  }

  ServingWorld world_;
  size_t read_ = 0;  // values
};

TEST_F(SharedConditionsTest, AreThoseThatLookAtNoKeyOfTheRequest) {
  const TestRun same(world_, "same_for_all");
  SharedConditions of_same(*same.recipe);
  EXPECT_NE(of_same.Find(&*same.recipe->where), nullptr);
  EXPECT_EQ(of_same.Find(nullptr), nullptr);
  size_t channels = 0;
  for (const registry::Channel& channel : same.recipe->channels) {
    if (!channel.where.has_value()) continue;
    EXPECT_EQ(of_same.Find(&*channel.where) != nullptr, channel.name == "cheap") << channel.name;
    ++channels;
  }
  EXPECT_EQ(channels, 2U);
  const TestRun by_key(world_, "by_key");
  SharedConditions of_by_key(*by_key.recipe);
  EXPECT_EQ(of_by_key.Find(&*by_key.recipe->where), nullptr);
  EXPECT_EQ(of_same.took().count(), 0);
}

TEST_F(SharedConditionsTest, KeepWhatIsKeptWithoutThem) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (const char* name : {"same_for_all", "by_key"}) {
    TestRun test(world_, name);
    SharedConditions conditions(*test.recipe);
    for (int round = 0; round < 20; ++round) {
      RecipeRun run = test.run();
      const std::vector<Ordinal> live = LiveOrdinals(run);
      std::vector<Ordinal> excluded;
      std::vector<Ordinal> asked;
      for (Ordinal ordinal = 0; ordinal < 200; ++ordinal) {  // deleted ones too
        if (random() % 20 == 0) excluded.push_back(ordinal);
        if (random() % 4 == 0) asked.push_back(ordinal);
      }
      const auto& where = test.recipe->channels[random() % test.recipe->channels.size()].where;
      Admission alone(run, excluded);
      Admission alone_channel(alone, where, test.context);
      RecipeRun with = run;
      with.conditions = &conditions;
      Admission shared(with, excluded);
      Admission shared_channel(shared, where, test.context);

      std::vector<Ordinal> expected = asked;
      ASSERT_OK(alone_channel.Keep(expected));
      ASSERT_OK(shared_channel.Keep(asked));
      EXPECT_EQ(asked, expected);
      if (round % 2 == 0) continue;
      ASSERT_OK_AND_ASSIGN(const ann::Bitmap* expected_all, alone_channel.All());
      ASSERT_OK_AND_ASSIGN(const ann::Bitmap* all, shared_channel.All());
      EXPECT_EQ(*all, *expected_all);
    }
  }
}

TEST_F(SharedConditionsTest, AreWorkedOutOnceForEachCandidate) {
  TestRun test(world_, "same_for_all");
  RecipeRun run = test.run();
  SharedConditions conditions(*test.recipe);
  run.conditions = &conditions;
  const std::vector<Ordinal> live = LiveOrdinals(run);
  std::vector<Ordinal> first(live.begin(), live.begin() + 10);
  std::vector<Ordinal> again = first;

  ASSERT_OK(Admission(run, {}).Keep(first));
  EXPECT_EQ(read_, 10U);  // their languages
  ASSERT_OK(Admission(run, {live[1]}).Keep(again));
  EXPECT_EQ(read_, 10U);
  for (int i = 0; i < 3; ++i) ASSERT_OK(Admission(run, {live[2]}).All());
  EXPECT_EQ(read_, live.size());
  EXPECT_GT(conditions.took().count(), 0);
}

TEST_F(SharedConditionsTest, AFailureIsNotKept) {
  TestRun test(world_, "same_for_all");
  RecipeRun run = test.run();
  SharedConditions conditions(*test.recipe);
  run.conditions = &conditions;
  const auto works = world_.store->on_read;
  world_.store->on_read = [](const auto&, const auto&) { return Unavailable("trouble"); };
  EXPECT_THAT(Admission(run, {}).All(), StatusIs(StatusCode::kUnavailable, HasSubstr("trouble")));
  world_.store->on_read = works;

  Admission admission(run, {});
  ASSERT_OK_AND_ASSIGN(const ann::Bitmap* all, admission.All());
  EXPECT_GT(all->Count(), 0U);
}

}  // namespace
}  // namespace larder::serving
