// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieval/channels.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/serving/recipe_fixture.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using testing::HasSubstr;

TEST(RunChannels, ADeadlineOfAChannelHoldsOnlyWhereSomebodyWaits) {  // S9.5
  ServingWorld world;
  for (const char* key : {"a", "b", "c"}) world.AddItem(key, "apple pie");
  TestRun test(world, "plain");
  registry::Retrieval recipe = *test.recipe;
  recipe.channels[0].deadline = 1;  // microsecond
  for (const bool offline : {false, true}) {
    RecipeRun run{recipe,       *test.revision->registry, test.inputs, *test.snapshot,
                  test.context, test.queries,             1,           offline};
    Admission admission(run, {});

    ASSERT_OK_AND_ASSIGN(const ChannelResults results, RunChannels(run, admission));

    ASSERT_EQ(results.outputs.size(), 1U);
    EXPECT_EQ(results.outputs[0].has_value(), offline);
    if (offline) {
      EXPECT_OK(results.dropped[0]);
      EXPECT_EQ(results.outputs[0]->hits.size(), 3U);
    } else {
      EXPECT_THAT(results.dropped[0],
                  StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("its deadline is 1us")));
    }
  }
}

// The most that the compiler lets a channel take, with a condition and without.
TEST(RunChannels, NearTakesAsManyAsItMay) {
  const std::string definitions = std::string(kTestDefinitions) + R"(
---
retrieval: greedy
for: page
candidate: item
channels:
  like: {near: text_of.vec, to: seed.text_of.vec, take: 10000}
  cheap: {near: text_of.vec, to: seed.text_of.vec, take: 10000,
    where: candidate.catalog.price <= 3}
score: rrf(like, cheap)
limit: 10
)";
  ServingWorld world(definitions);
  for (int i = 0; i < 3'000; ++i) {
    world.AddItem(i == 0 ? "a" : std::to_string(i), "apple pie", "en", i % 2 == 0 ? 1 : 9);
  }
  TestRun test(world, "greedy");
  const RecipeRun run = test.run();
  Admission admission(run, {});

  ASSERT_OK_AND_ASSIGN(const ChannelResults results, RunChannels(run, admission));

  ASSERT_EQ(results.outputs.size(), 2U);
  for (const Status& dropped : results.dropped) EXPECT_OK(dropped);
  ASSERT_TRUE(results.outputs[0].has_value() && results.outputs[1].has_value());
  EXPECT_EQ(results.outputs[0]->hits.size(), 1'500U);  // cheap, by name
  EXPECT_EQ(results.outputs[1]->hits.size(), 3'000U);
}

TEST(RunChannels, UsesWhatWasPreparedAndSearchedBefore) {
  ServingWorld world;
  for (const char* key : {"a", "b", "c", "d"}) world.AddItem(key, "apple pie");
  TestRun test(world, "plain");
  const RecipeRun run = test.run();
  const registry::Channel& channel = run.recipe.channels[0];
  Admission admission(run, {});
  ASSERT_OK_AND_ASSIGN(NearSearch search, PrepareNear(channel, run, admission));
  const KeyOrder order(run.snapshot, run.recipe.candidate);
  NearSearch* const searches[] = {&search};
  SearchTogether(searches, order);
  ASSERT_TRUE(search.found.has_value());
  search.found->hits.resize(2);  // so that it shows which result was taken
  PreparedSearches prepared(1);
  prepared[0] = search;

  ASSERT_OK_AND_ASSIGN(const ChannelResults results,
                       RunChannels(run, admission, std::move(prepared)));
  ASSERT_TRUE(results.outputs[0].has_value());
  EXPECT_EQ(results.outputs[0]->hits.size(), 2U);

  prepared.assign(1, StatusOr<NearSearch>(FailedPrecondition("no vector")));
  ASSERT_OK_AND_ASSIGN(const ChannelResults dropped,
                       RunChannels(run, admission, std::move(prepared)));
  EXPECT_THAT(dropped.dropped[0], StatusIs(StatusCode::kFailedPrecondition, "no vector"));
}

}  // namespace
}  // namespace larder::serving
