// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieve_all.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "serving/retrieve.h"
#include "tests/serving/serving_world.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using testing::HasSubstr;

constexpr std::string_view kRecipes = R"(
---
retrieval: near_only
for: page
candidate: item
channels:
  like: {near: text_of.vec, to: seed.text_of.vec, take: 20}
exclude: [seed]
score: rrf(like)
limit: 20
---
retrieval: full
for: page
candidate: item
channels:
  like: {near: text_of.vec, to: seed.text_of.vec, take: 20}
  cheap: {near: text_of.vec, to: seed.text_of.vec, take: 8, where: candidate.catalog.price <= 3}
  hot: {top: quality.clicks, take: 10}
  explore: {sample: 3}
where: candidate.catalog.language == page.language and candidate.catalog.price != seed.catalog.price
exclude: [seed]
score: rrf(like, cheap, hot)
limit: 12
return: ranker
---
retrieval: same_condition
for: page
candidate: item
channels:
  like: {near: text_of.vec, to: seed.text_of.vec, take: 20}
  cheap: {near: text_of.vec, to: seed.text_of.vec, take: 8, where: candidate.catalog.price <= 3}
  hot: {top: quality.clicks, take: 10}
  explore: {sample: 3}
where: candidate.catalog.language == page.language
exclude: [seed]
score: rrf(like, cheap, hot)
limit: 12
---
retrieval: of_user
for: page
candidate: item
channels:
  hot: {top: quality.clicks, take: 10}
exclude: [user.taste.recent]
score: rrf(hot)
limit: 5
)";

ServingWorld World() { return ServingWorld(std::string(kTestDefinitions) + std::string(kRecipes)); }

v1::RetrieveAllRequest Request(const std::string& recipe) {
  v1::RetrieveAllRequest request;
  request.set_recipe(recipe);
  (*request.mutable_request())["language"].set_text("en");
  return request;
}

// What Retrieve is asked for one key of it.
v1::RetrieveRequest OneOf(const v1::RetrieveAllRequest& all, const std::string& key) {
  v1::RetrieveRequest request;
  request.set_recipe(all.recipe());
  *request.mutable_request() = all.request();
  (*request.mutable_keys())["seed"] = key;
  if (all.has_limit()) request.set_limit(all.limit());
  return request;
}

struct Collected {
  v1::RetrieveAllHead head;
  std::vector<v1::KeyResult> results;
  size_t messages = 0;

  std::vector<std::string> keys() const {
    std::vector<std::string> keys;
    for (const v1::KeyResult& result : results) keys.push_back(result.key());
    return keys;
  }
};

StatusOr<Collected> Collect(const v1::RetrieveAllRequest& request, const Context& context) {
  Collected all;
  LARDER_RETURN_IF_ERROR(
      RetrieveAll(request, context, [&](const v1::RetrieveAllResponse& part) -> Status {
        EXPECT_EQ(part.has_head(), all.messages == 0);
        ++all.messages;
        if (part.has_head()) all.head = part.head();
        for (const v1::KeyResult& result : part.results().results()) all.results.push_back(result);
        return OkStatus();
      }));
  return all;
}

// Items with few different titles, so that ties are the rule; an empty one has no vector.
std::vector<std::string> AddItems(ServingWorld& world, size_t count, uint64_t seed) {
  static const std::vector<std::string> kWords = {"apple", "pear", "pie",  "cake",
                                                  "tart",  "red",  "green"};
  std::mt19937_64 random(seed);
  std::vector<std::string> keys;
  for (size_t i = 0; i < count; ++i) {
    const std::string key = "item-" + std::to_string(i);
    std::string title =
        kWords[random() % kWords.size()] + " " + kWords[random() % kWords.size()];
    if (random() % 20 == 0) title.clear();
    world.AddItem(key, title, random() % 3 == 0 ? "de" : "en", static_cast<double>(random() % 6));
    world.store->SetAggregate("quality.clicks", key, static_cast<int64_t>(random() % 5));
    keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

void ExpectSame(const v1::KeyResult& result, const v1::RetrieveResponse& reply) {
  SCOPED_TRACE(result.key());
  EXPECT_EQ(std::vector<std::string>(result.ids().begin(), result.ids().end()),
            Strings(reply.ids()));
  const std::vector<double> scores = Numbers<double>(reply.scores());
  const std::vector<bool> valid = Validity(reply.scores());
  ASSERT_EQ(static_cast<size_t>(result.scores_size()), scores.size());
  for (size_t i = 0; i < scores.size(); ++i) {
    const double score = result.scores(static_cast<int>(i));
    if (valid[i]) {
      EXPECT_EQ(score, scores[i]);
    } else {
      EXPECT_TRUE(std::isnan(score));
    }
  }
}

TEST(RetrieveAll, GivesForEachKeyWhatRetrieveGives) {
  for (const uint64_t seed : {1U, 2U}) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    ServingWorld world = World();
    const std::vector<std::string> keys = AddItems(world, 300, seed);
    const v1::RetrieveAllRequest request = Request("near_only");

    ASSERT_OK_AND_ASSIGN(const Collected all, Collect(request, world.context()));

    ASSERT_EQ(all.keys(), keys);
    size_t dropped = 0;
    for (const v1::KeyResult& result : all.results) {
      ASSERT_OK_AND_ASSIGN(const auto reply, Retrieve(OneOf(request, result.key()),
                                                      world.context()));
      ExpectSame(result, reply);
      ASSERT_EQ(result.dropped_size(), reply.dropped_size());
      for (int i = 0; i < result.dropped_size(); ++i) {
        EXPECT_EQ(result.dropped(i).SerializeAsString(), reply.dropped(i).SerializeAsString());
        EXPECT_EQ(result.ids_size(), 0);
        ++dropped;
      }
    }
    EXPECT_GT(dropped, 0U);
  }
}

TEST(RetrieveAll, RunsEveryKindOfChannelAndCondition) {
  ServingWorld world = World();
  AddItems(world, 120, 3);
  for (const char* recipe : {"full", "same_condition"}) {
    SCOPED_TRACE(recipe);
    v1::RetrieveAllRequest request = Request(recipe);
    request.set_limit(9);

    ASSERT_OK_AND_ASSIGN(const Collected all, Collect(request, world.context()));

    ASSERT_EQ(all.results.size(), 120U);
    bool sampled = false;
    for (const v1::KeyResult& result : all.results) {
      ASSERT_OK_AND_ASSIGN(const auto reply, Retrieve(OneOf(request, result.key()),
                                                      world.context()));
      ExpectSame(result, reply);
      for (const double score : result.scores()) sampled = sampled || std::isnan(score);
    }
    EXPECT_TRUE(sampled);
  }
}

// Reads of one key's vector fail, so many times.
class Trouble {
 public:
  Trouble(ServingWorld& world, const std::string& key, size_t times) : left_(times) {
    ordinal_ = OrdinalOf(world, key);
    world.store->on_read = [this](const registry::StoredFeature& feature,
                                  std::span<const registry::Ordinal> ordinals) -> Status {
      const bool hit = feature.kind == registry::StoredKind::kVector && ordinals.size() == 1 &&
                       ordinals.front() == ordinal_;
      if (!hit || left_ == 0) return OkStatus();
      --left_;
      return Unavailable("a moment's trouble");
    };
  }
  size_t left() const { return left_; }

 private:
  static registry::Ordinal OrdinalOf(ServingWorld& world, const std::string& key) {
    const auto snapshot = *world.store->Read({}, std::chrono::steady_clock::time_point::max());
    const std::string_view keys[] = {key};
    registry::Ordinal ordinal[1];
    snapshot->FindKeys("item", keys, ordinal);
    return ordinal[0];
  }

  registry::Ordinal ordinal_;
  std::atomic<size_t> left_;
};

TEST(RetrieveAll, TriesAgainWhatFails) {
  ServingWorld world = World();
  const std::vector<std::string> keys = AddItems(world, 200, 8);
  ASSERT_OK_AND_ASSIGN(const Collected expected, Collect(Request("near_only"), world.context()));
  const Trouble trouble(world, keys[120], 2);

  ASSERT_OK_AND_ASSIGN(const Collected all, Collect(Request("near_only"), world.context()));

  EXPECT_EQ(trouble.left(), 0U);
  ASSERT_EQ(all.keys(), keys);
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(all.results[i].SerializeAsString(), expected.results[i].SerializeAsString());
  }
}

TEST(RetrieveAll, EndsWithTheKeyAndTheChannelThatFailAndGoesOnBehindWhatItSent) {
  ServingWorld world = World();
  const std::vector<std::string> keys = AddItems(world, 200, 9);
  std::vector<std::string> sent;
  const auto take = [&](const v1::RetrieveAllResponse& part) -> Status {
    for (const v1::KeyResult& result : part.results().results()) sent.push_back(result.key());
    return OkStatus();
  };
  v1::RetrieveAllRequest request = Request("near_only");
  {
    const Trouble trouble(world, keys[120], 1'000'000);
    EXPECT_THAT(
        RetrieveAll(request, world.context(), take),
        StatusIs(StatusCode::kUnavailable,
                 Concat("key '", keys[120], "': channel 'like': a moment's trouble")));
    world.store->on_read = nullptr;
  }
  ASSERT_EQ(sent.size(), 120U);
  EXPECT_TRUE(std::equal(sent.begin(), sent.end(), keys.begin()));
  request.set_after_key(sent.back());

  ASSERT_OK(RetrieveAll(request, world.context(), take));

  EXPECT_EQ(sent, keys);
}

TEST(RetrieveAll, DoesNotTakeVectorsThatAreStillMadeForNone) {
  ServingWorld world = World();
  AddItems(world, 20, 10);
  world.store->SetInactive("text_of.vec", {});
  EXPECT_THAT(Collect(Request("near_only@1"), world.context()),
              StatusIs(StatusCode::kUnavailable,
                       HasSubstr("channel 'like': the query is null (never_computed)")));
}

TEST(RetrieveAll, TheFirstKeyIsSentAlone) {
  ServingWorld world = World();
  AddItems(world, 50, 11);
  std::vector<int> sizes;
  const auto take = [&](const v1::RetrieveAllResponse& part) -> Status {
    if (!part.has_head()) sizes.push_back(part.results().results_size());
    return OkStatus();
  };

  ASSERT_OK(RetrieveAll(Request("near_only"), world.context(), take));

  ASSERT_GT(sizes.size(), 1U);
  EXPECT_EQ(sizes.front(), 1);
}

TEST(RetrieveAll, TheHeadSaysWhatComes) {
  ServingWorld world = World();
  const std::vector<std::string> keys = AddItems(world, 40, 4);
  v1::RetrieveAllRequest request = Request("near_only");
  request.set_after_key(keys[9]);

  ASSERT_OK_AND_ASSIGN(const Collected all, Collect(request, world.context()));

  EXPECT_EQ(all.head.role(), "seed");
  EXPECT_EQ(all.head.entity(), "item");
  EXPECT_EQ(all.head.keys(), 40U);
  EXPECT_EQ(all.head.keys_left(), 30U);
  ASSERT_EQ(all.head.read().definitions_size(), 1);
  EXPECT_EQ(all.head.read().definitions(0).name(), "near_only");
  EXPECT_EQ(all.head.read().definitions(0).version(), 1U);
  EXPECT_EQ(all.head.read().definitions(0).digest().size(), 64U);
  EXPECT_EQ(all.keys(), std::vector<std::string>(keys.begin() + 10, keys.end()));
}

TEST(RetrieveAll, GoesOnBehindAKeyThatIsGone) {
  ServingWorld world = World();
  for (const char* key : {"a", "b", "c", "d"}) world.AddItem(key, "apple pie");
  world.store->DeleteRow("catalog", "b");
  v1::RetrieveAllRequest request = Request("near_only");
  request.set_after_key("b");

  ASSERT_OK_AND_ASSIGN(const Collected rest, Collect(request, world.context()));
  request.set_after_key("d");
  ASSERT_OK_AND_ASSIGN(const Collected none, Collect(request, world.context()));

  EXPECT_EQ(rest.keys(), (std::vector<std::string>{"c", "d"}));
  EXPECT_EQ(rest.head.keys(), 3U);  // without the deleted one
  EXPECT_EQ(none.messages, 1U);
  EXPECT_EQ(none.head.keys_left(), 0U);
}

TEST(RetrieveAll, ARunOfManyRoundsIsInOrder) {
  ServingWorld world = World();
  const std::vector<std::string> keys = AddItems(world, 2'000, 5);
  v1::RetrieveAllRequest request = Request("near_only");
  request.set_limit(2);

  ASSERT_OK_AND_ASSIGN(const Collected all, Collect(request, world.context()));

  EXPECT_EQ(all.keys(), keys);
  EXPECT_GT(all.messages, 2U);
}

TEST(RetrieveAll, RefusesRecipesWithoutExactlyOneKey) {
  ServingWorld world = World();
  EXPECT_THAT(Collect(Request("similar"), world.context()),
              StatusIs(StatusCode::kInvalidArgument,
                       HasSubstr("uses 2 keys of its request: seed (item), user (user)")));
  EXPECT_THAT(Collect(Request("exploring"), world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("uses no key")));
  EXPECT_THAT(Collect(Request("of_user"), world.context()),
              StatusIs(StatusCode::kFailedPrecondition,
                       HasSubstr("the keys of user, which role 'user' takes, cannot be listed")));
}

TEST(RetrieveAll, NamesWhatIsWrongWithARequest) {
  ServingWorld world = World();
  EXPECT_THAT(Collect(Request(""), world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("recipe: expected a name")));
  EXPECT_THAT(Collect(Request("near"), world.context()),
              StatusIs(StatusCode::kNotFound, HasSubstr("near")));
  v1::RetrieveAllRequest request = Request("near_only");
  request.set_limit(21);
  EXPECT_THAT(Collect(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("limit: expected 1 to")));
  request = Request("near_only");
  request.set_effort(10'001);
  EXPECT_THAT(Collect(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("effort: at most 10000")));
  request = Request("near_only");
  request.set_after_key(std::string(300, 'x'));
  EXPECT_THAT(Collect(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("after_key")));
  request = Request("near_only");
  (*request.mutable_request())["nothing"].set_int64_value(1);
  EXPECT_THAT(Collect(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("nothing")));
}

TEST(RetrieveAll, EndsWithItsDeadlineItsCallerAndItsStream) {
  ServingWorld world = World();
  AddItems(world, 500, 6);
  EXPECT_THAT(Collect(Request("near_only"), world.context(std::chrono::milliseconds(-1))),
              StatusIs(StatusCode::kDeadlineExceeded, testing::_));

  Context context = world.context();
  size_t looks = 0;
  std::atomic<bool> gone = false;
  context.cancelled = [&] { return gone.load(); };
  const auto leave = [&](const v1::RetrieveAllResponse&) -> Status {
    gone = ++looks == 2;
    return OkStatus();
  };
  EXPECT_THAT(RetrieveAll(Request("near_only"), context, leave),
              StatusIs(StatusCode::kCancelled, testing::_));
  EXPECT_EQ(looks, 2U);

  const auto refuse = [](const v1::RetrieveAllResponse& part) -> Status {
    return part.has_head() ? OkStatus() : Unavailable("full");
  };
  EXPECT_THAT(RetrieveAll(Request("near_only"), world.context(), refuse),
              StatusIs(StatusCode::kUnavailable, "full"));
}

TEST(RetrieveAll, LetsRowsChangeMeanwhile) {
  ServingWorld world = World();
  const std::vector<std::string> keys = AddItems(world, 400, 7);
  std::atomic<bool> done = false;
  std::jthread writer([&] {
    for (size_t i = 0; !done; ++i) {
      world.AddItem("other-" + std::to_string(i % 50), "apple pie");
      if (i % 3 == 0) world.store->DeleteRow("catalog", "other-" + std::to_string(i % 50));
    }
  });

  const StatusOr<Collected> all = Collect(Request("near_only"), world.context());
  done = true;

  ASSERT_OK(all);
  std::vector<std::string> old;
  for (const std::string& key : all->keys()) {
    if (key.starts_with("item-")) old.push_back(key);
  }
  EXPECT_EQ(old, keys);
  const std::vector<std::string> order = all->keys();
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

}  // namespace
}  // namespace larder::serving
