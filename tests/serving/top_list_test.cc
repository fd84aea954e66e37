// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieval/top_list.h"

#include <gtest/gtest.h>

#include <semaphore>
#include <thread>

#include "tests/serving/recipe_fixture.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

// The channel `hot: {top: …}` of the recipe.
const registry::Channel& Hot(const TestRun& test) {
  for (const registry::Channel& channel : test.recipe->channels) {
    if (channel.name == "hot") return channel;
  }
  LARDER_CHECK(false);
  return test.recipe->channels.front();
}

// A call that stops in the middle of building a list until it may go on.
class StoppedBuilder {
 public:
  StoppedBuilder(ServingWorld& world, TopLists& lists) : test_(world, "similar") {
    test_.context.cancelled = [this] {
      if (!stopped_once_) {
        stopped_once_ = true;
        building_.release();
        go_on_.acquire();
      }
      return false;
    };
    thread_ = std::jthread([this, &lists] {
      list_ = lists.Get(Hot(test_), test_.run(), test_.context);
    });
    building_.acquire();
  }
  StatusOr<std::shared_ptr<const TopList>> Finish() {
    go_on_.release();
    thread_.join();
    return list_;
  }

 private:
  TestRun test_;
  bool stopped_once_ = false;
  std::binary_semaphore building_{0};
  std::binary_semaphore go_on_{0};
  StatusOr<std::shared_ptr<const TopList>> list_ = nullptr;
  std::jthread thread_;
};

class TopListsTest : public testing::Test {
 protected:
  TopListsTest() { world_.AddItem("a", "apple pie"); }

  // The list of the same channel as StoppedBuilder's.
  static StatusOr<std::shared_ptr<const TopList>> Get(TopLists& lists, TestRun& test) {
    return lists.Get(Hot(test), test.run(), test.context);
  }

  ServingWorld world_;
};

TEST_F(TopListsTest, OthersUseTheOldListWhileOneCallRebuildsIt) {  // S9.2
  TopLists lists(milliseconds(0), std::chrono::hours(1));
  TestRun test(world_, "similar");
  ASSERT_OK_AND_ASSIGN(const auto old, Get(lists, test));
  StoppedBuilder builder(world_, lists);

  ASSERT_OK_AND_ASSIGN(const auto meanwhile, Get(lists, test));
  EXPECT_EQ(meanwhile, old);

  ASSERT_OK_AND_ASSIGN(const auto rebuilt, builder.Finish());
  EXPECT_NE(rebuilt, old);
}

TEST_F(TopListsTest, WhoWaitsForAListDoesSoWhileItsOwnContextLasts) {  // S9.5
  TopLists lists(milliseconds(0), std::chrono::hours(1));
  TestRun test(world_, "similar");
  StoppedBuilder builder(world_, lists);

  test.context.cancelled = [] { return true; };
  EXPECT_THAT(Get(lists, test), StatusIs(StatusCode::kCancelled, HasSubstr("no longer waits")));
  test.context.cancelled = {};
  test.context.deadline = std::chrono::steady_clock::now();
  EXPECT_THAT(Get(lists, test), StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("deadline")));

  EXPECT_OK(builder.Finish());
}

TEST_F(TopListsTest, ABuildThatFailsLeavesThePlaceToTheNext) {
  TopLists lists;
  TestRun late(world_, "similar");
  late.context.deadline = std::chrono::steady_clock::now();
  TestRun test(world_, "similar");

  EXPECT_THAT(Get(lists, late), StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("deadline")));

  EXPECT_OK(Get(lists, test));
}

}  // namespace
}  // namespace larder::serving
