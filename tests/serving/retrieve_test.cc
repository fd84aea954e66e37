// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieve.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/serving/serving_world.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using testing::HasSubstr;

v1::RetrieveRequest Request(const std::string& recipe, const std::string& seed = "") {
  v1::RetrieveRequest request;
  request.set_recipe(recipe);
  if (!seed.empty()) (*request.mutable_keys())["seed"] = seed;
  (*request.mutable_request())["language"].set_text("en");
  (*request.mutable_request())["max_price"].set_double_value(5);
  return request;
}

const v1::ChannelResult& FindChannel(const v1::RetrieveResponse& reply, std::string_view name) {
  for (const v1::ChannelResult& channel : reply.channels()) {
    if (channel.name() == name) return channel;
  }
  ADD_FAILURE() << "no channel " << name;
  return v1::ChannelResult::default_instance();
}

std::string ItemKey(size_t i) { return "item-" + std::to_string(i); }

// What the test knows about an item.
struct Item {
  std::string title;
  std::string language;
  double price = 0;
  int64_t clicks = 0;
  std::vector<int8_t> codes;
};
using Items = std::map<std::string, Item>;

Items AddRandomItems(ServingWorld& world, size_t count, uint64_t seed) {
  static const std::vector<std::string> kWords = {"apple", "pear", "pie",  "cake",
                                                  "tart",  "red",  "green"};
  std::mt19937_64 random(seed);
  Items items;
  for (size_t i = 0; i < count; ++i) {
    Item item;
    // Few words, so that many items have equal vectors: ties are the rule here.
    item.title = kWords[random() % kWords.size()] + " " + kWords[random() % kWords.size()];
    item.language = random() % 3 == 0 ? "de" : "en";
    item.price = static_cast<double>(random() % 10);
    item.clicks = static_cast<int64_t>(random() % 5);
    const std::string key = ItemKey(i);
    world.AddItem(key, item.title, item.language, item.price);
    if (item.clicks > 0) world.store->SetAggregate("quality.clicks", key, item.clicks);
    item.codes.resize(16);
    const std::string_view text = item.title;
    EXPECT_OK(world.encoders->Embed(world.encoder_digest, registry::TextRole::kDocument,
                                    {&text, 1}, item.codes));
    items[key] = std::move(item);
  }
  return items;
}

double Cosine(const std::vector<int8_t>& a, const std::vector<int8_t>& b) {
  double dot = 0;
  double aa = 0;
  double bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return dot / std::sqrt(aa * bb);
}

// The best `take` of what is admitted: higher score, then key (S9.1, S9.3).
template <typename Admit, typename Score>
std::vector<std::string> Best(const Items& items, size_t take, const Admit& admit,
                              const Score& score) {
  std::vector<std::pair<double, std::string>> all;
  for (const auto& [key, item] : items) {
    if (admit(key, item)) all.emplace_back(-score(item), key);
  }
  std::sort(all.begin(), all.end());
  std::vector<std::string> keys;
  for (size_t i = 0; i < std::min(take, all.size()); ++i) keys.push_back(all[i].second);
  return keys;
}

bool IsZero(const std::vector<int8_t>& codes) {
  return std::all_of(codes.begin(), codes.end(), [](int8_t x) { return x == 0; });
}

std::vector<std::string> SlowSimilar(const Items& items, const std::string& seed,
                                     const std::set<std::string>& recent) {
  const auto admit = [&](const std::string& key, const Item& item) {
    return item.language == "en" && key != seed && !recent.contains(key);
  };
  const Item& seed_item = items.at(seed);
  const auto like = Best(
      items, 20,
      [&](const std::string& key, const Item& item) {
        return admit(key, item) && !IsZero(item.codes) && !IsZero(seed_item.codes);
      },
      [&](const Item& item) { return Cosine(seed_item.codes, item.codes); });
  const auto clicks = [](const Item& item) { return static_cast<double>(item.clicks); };
  const auto hot = Best(items, 10, admit, clicks);
  const auto cheap_hot = Best(
      items, 5,
      [&](const std::string& key, const Item& item) { return admit(key, item) && item.price <= 5; },
      clicks);
  std::map<std::string, double> scores;
  for (size_t i = 0; i < like.size(); ++i) scores[like[i]] += 1.0 / (61.0 + static_cast<double>(i));
  for (size_t i = 0; i < hot.size(); ++i) scores[hot[i]] += 1.0 / (61.0 + static_cast<double>(i));
  for (const std::string& key : cheap_hot) scores[key] += 0;
  std::vector<std::pair<double, std::string>> ranked;
  for (const auto& [key, score] : scores) ranked.emplace_back(-score, key);
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> keys;
  for (size_t i = 0; i < std::min<size_t>(12, ranked.size()); ++i) keys.push_back(ranked[i].second);
  return keys;
}

TEST(Retrieve, AgreesWithASlowOracleOnRandomCatalogs) {
  for (const uint64_t seed : {1U, 2U, 3U}) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    ServingWorld world;
    const Items items = AddRandomItems(world, 150, seed);
    std::mt19937_64 random(seed);
    for (int round = 0; round < 10; ++round) {
      const std::string seed_key = ItemKey(random() % items.size());
      std::set<std::string> recent;
      for (size_t i = random() % 30; i > 0; --i) recent.insert(ItemKey(random() % items.size()));
      world.store->SetAggregate("taste.recent", "u1",
                                std::vector<std::string>(recent.begin(), recent.end()));
      v1::RetrieveRequest request = Request("similar", seed_key);
      (*request.mutable_keys())["user"] = "u1";

      ASSERT_OK_AND_ASSIGN(const auto reply, Retrieve(request, world.context()));

      ASSERT_EQ(Strings(reply.ids()), SlowSimilar(items, seed_key, recent)) << "round " << round;
      EXPECT_EQ(reply.dropped_size(), 0);
    }
  }
}

TEST(Retrieve, NamesChannelsRanksAndFeaturesPerCandidate) {
  ServingWorld world;
  AddRandomItems(world, 60, 7);
  v1::RetrieveRequest request = Request("similar", ItemKey(0));

  ASSERT_OK_AND_ASSIGN(const auto reply, Retrieve(request, world.context()));

  const size_t n = reply.ids().rows();
  ASSERT_EQ(n, 12U);
  ASSERT_EQ(reply.channels_size(), 3);
  EXPECT_EQ(FindChannel(reply, "like").candidates(), 20U);
  EXPECT_FALSE(FindChannel(reply, "like").has_list_position());
  EXPECT_EQ(FindChannel(reply, "hot").list_position().value(), world.store->position().value);
  for (const v1::ChannelResult& channel : reply.channels()) {
    EXPECT_EQ(channel.scores().rows(), n);
    EXPECT_EQ(Validity(channel.scores()), Validity(channel.ranks()));
  }
  // The score is what the ranks say.
  const auto scores = Numbers<double>(reply.scores());
  const auto like = Numbers<int64_t>(FindChannel(reply, "like").ranks());
  const auto hot = Numbers<int64_t>(FindChannel(reply, "hot").ranks());
  for (size_t i = 0; i < n; ++i) {
    const double expected = (like[i] > 0 ? 1.0 / (60.0 + static_cast<double>(like[i])) : 0) +
                            (hot[i] > 0 ? 1.0 / (60.0 + static_cast<double>(hot[i])) : 0);
    EXPECT_DOUBLE_EQ(scores[i], expected);
  }
  EXPECT_EQ(reply.columns_size(), 7);
  EXPECT_EQ(FindColumn(reply.columns(), "candidate.catalog.price").rows(), n);
  EXPECT_FALSE(reply.has_propensities());
  ASSERT_EQ(reply.epochs_size(), 1);
  EXPECT_EQ(reply.epochs(0).feature(), "text_of.vec");
  EXPECT_EQ(reply.epochs(0).space(), world.encoder_digest.Hex());
  EXPECT_EQ(reply.epochs(0).base_digest(), "");
  EXPECT_EQ(reply.epochs(0).delta_vectors(), 60U);
  ASSERT_EQ(reply.read().definitions_size(), 2);
  EXPECT_EQ(reply.read().definitions(0).kind(), "retrieval");
  EXPECT_EQ(reply.read().definitions(1).name(), "ranker");
  EXPECT_EQ(reply.explain_size(), 0);
}

TEST(Retrieve, AChannelWithoutItsRoleIsDroppedAndNamed) {  // S5.2, S9.5
  ServingWorld world;
  AddRandomItems(world, 30, 7);

  ASSERT_OK_AND_ASSIGN(const auto reply, Retrieve(Request("similar"), world.context()));

  ASSERT_EQ(reply.dropped_size(), 1);
  EXPECT_EQ(reply.dropped(0).name(), "like");
  EXPECT_EQ(reply.dropped(0).code(), static_cast<uint32_t>(StatusCode::kFailedPrecondition));
  EXPECT_THAT(reply.dropped(0).message(), HasSubstr("the query is null (not_found)"));
  EXPECT_EQ(reply.ids().rows(), 10U);  // what `hot` gave
  EXPECT_EQ(FindChannel(reply, "like").candidates(), 0U);
}

TEST(Retrieve, DeletedItemsAreNotFound) {
  ServingWorld world;
  world.AddItem("a", "apple pie");
  world.AddItem("b", "apple pie");
  world.AddItem("c", "apple pie");
  world.store->DeleteRow("catalog", "b");

  ASSERT_OK_AND_ASSIGN(const auto reply, Retrieve(Request("similar", "a"), world.context()));

  EXPECT_EQ(Strings(reply.ids()), std::vector<std::string>{"c"});
}

TEST(Retrieve, ANullConditionKeepsNothing) {  // S4.3
  ServingWorld world;
  AddRandomItems(world, 30, 7);
  v1::RetrieveRequest request = Request("similar", ItemKey(0));
  request.mutable_request()->erase("language");
  ASSERT_OK_AND_ASSIGN(const auto reply, Retrieve(request, world.context()));
  EXPECT_EQ(reply.ids().rows(), 0U);
}

TEST(Retrieve, RunsWithoutAReturnSetOrACondition) {
  ServingWorld world;
  AddRandomItems(world, 30, 7);
  ASSERT_OK_AND_ASSIGN(const auto reply, Retrieve(Request("plain", ItemKey(3)), world.context()));
  EXPECT_EQ(reply.ids().rows(), 5U);
  EXPECT_EQ(reply.columns_size(), 0);
  // Nothing excludes the seed here, and nothing is nearer to it than its equals.
  EXPECT_DOUBLE_EQ(Numbers<double>(reply.channels(0).scores())[0], 1);
}

TEST(Retrieve, TheLimitCanOnlyBeLowered) {
  ServingWorld world;
  AddRandomItems(world, 30, 7);
  v1::RetrieveRequest request = Request("similar", ItemKey(0));
  ASSERT_OK_AND_ASSIGN(const auto all, Retrieve(request, world.context()));
  request.set_limit(4);
  ASSERT_OK_AND_ASSIGN(const auto some, Retrieve(request, world.context()));
  auto first = Strings(all.ids());
  first.resize(4);
  EXPECT_EQ(Strings(some.ids()), first);
  for (const uint32_t limit : {0U, 13U}) {
    request.set_limit(limit);
    EXPECT_THAT(Retrieve(request, world.context()),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("limit: expected 1 to")));
  }
}

TEST(Retrieve, ASampleIsRepeatableAndKnowsItsPropensity) {  // S9.2
  ServingWorld world;
  const Items items = AddRandomItems(world, 100, 7);
  const auto admissible = static_cast<double>(std::count_if(
      items.begin(), items.end(), [](const auto& item) { return item.second.language == "en"; }));

  ASSERT_OK_AND_ASSIGN(const auto first, Retrieve(Request("exploring"), world.context()));
  ASSERT_OK_AND_ASSIGN(const auto again, Retrieve(Request("exploring"), world.context()));

  EXPECT_EQ(Strings(first.ids()), Strings(again.ids()));
  EXPECT_EQ(first.seed(), again.seed());
  ASSERT_EQ(first.ids().rows(), 6U);
  const auto drawn = Validity(first.propensities());
  EXPECT_EQ(std::count(drawn.begin(), drawn.end(), true), 3);
  for (size_t i = 0; i < drawn.size(); ++i) {
    const double expected = drawn[i] ? 3 / admissible : 0;
    EXPECT_DOUBLE_EQ(Numbers<double>(first.propensities())[i], expected);
    EXPECT_EQ(items.at(Strings(first.ids())[i]).language, "en");
  }
}

TEST(Retrieve, SamplesEveryAdmissibleCandidateAlike) {
  ServingWorld world;
  const Items items = AddRandomItems(world, 40, 7);
  std::map<std::string, int> drawn;
  v1::RetrieveRequest request = Request("exploring");
  constexpr int kRounds = 2'000;
  for (int seed = 0; seed < kRounds; ++seed) {
    request.set_seed(static_cast<uint64_t>(seed));
    ASSERT_OK_AND_ASSIGN(const auto reply, Retrieve(request, world.context()));
    const auto valid = Validity(reply.propensities());
    const auto ids = Strings(reply.ids());
    for (size_t i = 0; i < ids.size(); ++i) drawn[ids[i]] += valid[i] ? 1 : 0;
  }
  const auto admissible = std::count_if(items.begin(), items.end(), [](const auto& item) {
    return item.second.language == "en";
  });
  const double expected = 3.0 * kRounds / static_cast<double>(admissible);
  const double sigma = std::sqrt(expected);
  int in_all = 0;
  for (const auto& [key, count] : drawn) {
    EXPECT_NEAR(count, expected, 5 * sigma) << key;
    in_all += count;
  }
  EXPECT_EQ(in_all, 3 * kRounds);
}

TEST(Retrieve, ExplainsOnRequest) {
  ServingWorld world;
  AddRandomItems(world, 30, 7);
  v1::RetrieveRequest request = Request("similar", ItemKey(0));
  request.set_explain(true);
  ASSERT_OK_AND_ASSIGN(const auto reply, Retrieve(request, world.context()));
  ASSERT_EQ(reply.explain_size(), 5);
  EXPECT_THAT(reply.explain(0), HasSubstr("exclude: 1"));
  EXPECT_THAT(reply.explain(3), HasSubstr("channel like: near text_of.vec"));
  EXPECT_THAT(reply.explain(3), HasSubstr(": exact, scanned 30 of 30,")) << "how it searched";
}

TEST(Retrieve, KeepsTheOldListOfATopChannelForAWhile) {  // S9.2
  ServingWorld world;
  TopLists slow(std::chrono::hours(1));
  Backend backend{*world.store, *world.artifacts, *world.encoders,   world.indexes,
                  slow,         world.key_hashes, *world.live_recall};
  const Context context{backend, std::chrono::steady_clock::now() + std::chrono::seconds(30)};
  world.AddItem("a", "apple pie");
  world.AddItem("b", "pear cake");
  world.store->SetAggregate("quality.clicks", "a", int64_t{2});
  ASSERT_OK_AND_ASSIGN(const auto before, Retrieve(Request("similar"), context));
  world.store->SetAggregate("quality.clicks", "b", int64_t{3});
  world.store->DeleteRow("catalog", "a");

  ASSERT_OK_AND_ASSIGN(const auto after, Retrieve(Request("similar"), context));

  EXPECT_EQ(Strings(before.ids()), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(FindChannel(after, "hot").list_position().value(), before.read().position().value());
  EXPECT_EQ(Strings(after.ids()), std::vector<std::string>{"b"});  // the list is old, deletes count
}

TEST(Retrieve, NamesWhatItDoesNotKnowAndHonoursDeadlines) {
  ServingWorld world;
  EXPECT_THAT(Retrieve(Request("similra"), world.context()),
              StatusIs(StatusCode::kNotFound, HasSubstr("similra")));
  EXPECT_THAT(Retrieve(Request(""), world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("recipe")));
  EXPECT_THAT(Retrieve(Request("similar"), world.context(std::chrono::milliseconds(-1))),
              StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("deadline")));
  v1::RetrieveRequest request = Request("similar");
  (*request.mutable_request())["huor"].set_int64_value(1);
  EXPECT_THAT(Retrieve(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("huor")));
}

}  // namespace
}  // namespace larder::serving
