// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieval/admission.h"

#include <gtest/gtest.h>

#include "serving/retrieval/near_channel.h"
#include "serving/retrieval/sample_channel.h"
#include "serving/retrieval/top_list.h"
#include "tests/serving/recipe_fixture.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using testing::HasSubstr;

class AdmissionTest : public testing::Test {
 protected:
  AdmissionTest() {
    for (const char* key : {"a", "b", "c"}) world_.AddItem(key, "apple pie");
  }
  // A context whose deadline has passed.
  Context Late() { return world_.context(std::chrono::milliseconds(-1)); }

  ServingWorld world_;
};

TEST_F(AdmissionTest, AChannelAsksItsRecipeOnlyWhileItsOwnContextLasts) {  // S9.5
  TestRun test(world_, "similar");
  const RecipeRun run = test.run();
  Admission recipe(run, {});
  const Context late = Late();
  Admission channel(recipe, std::nullopt, late);
  std::vector<registry::Ordinal> ordinals = LiveOrdinals(run);

  EXPECT_THAT(channel.All(), StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("deadline")));
  EXPECT_THAT(channel.Keep(ordinals),
              StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("deadline")));

  // The next channel has its own time.
  Admission next(recipe, std::nullopt, test.context);
  ASSERT_OK_AND_ASSIGN(const ann::Bitmap* all, next.All());
  EXPECT_EQ(all->Count(), 3U);
}

TEST_F(AdmissionTest, EveryKindOfChannelEndsAtItsDeadline) {  // S9.5
  for (const char* name : {"similar", "exploring"}) {
    TestRun test(world_, name);
    const RecipeRun run = test.run();
    Admission recipe(run, {});
    const Context late = Late();
    for (const registry::Channel& channel : test.recipe->channels) {
      SCOPED_TRACE(channel.name);
      Admission admission(recipe, channel.where, late);
      StatusOr<ChannelOutput> output = ChannelOutput{};
      switch (channel.kind) {
        case registry::Channel::Kind::kNear: output = RunNear(channel, run, admission); break;
        case registry::Channel::Kind::kTop: output = RunTop(channel, run, admission); break;
        case registry::Channel::Kind::kSample: output = RunSample(channel, run, admission); break;
      }
      EXPECT_THAT(output, StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("deadline")));
    }
  }
}

TEST_F(AdmissionTest, AppendsAdmittedHitsInTheirOrder) {
  world_.AddItem("d", "apple pie", "de");
  TestRun test(world_, "similar");
  const RecipeRun run = test.run();
  const std::vector<registry::Ordinal> live = LiveOrdinals(run);
  ASSERT_EQ(live.size(), 4U);
  Admission recipe(run, {live[0]});
  std::vector<ChannelHit> hits;
  // Best first: d (another language), c, b, a (excluded).
  for (size_t i = 4; i-- > 0;) hits.push_back({live[i], static_cast<double>(i)});
  std::vector<ChannelHit> out;

  ASSERT_OK(AppendAdmitted(hits, 1, recipe, out));
  EXPECT_EQ(out, (std::vector<ChannelHit>{{live[2], 2}}));

  out.clear();
  ASSERT_OK(AppendAdmitted(hits, 9, recipe, out));
  EXPECT_EQ(out, (std::vector<ChannelHit>{{live[2], 2}, {live[1], 1}}));
}

}  // namespace
}  // namespace larder::serving
