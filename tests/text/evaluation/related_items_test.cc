// SPDX-License-Identifier: Apache-2.0
#include "text/evaluation/related_items.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/support/status_matchers.h"
#include "tests/text/letter_encoder.h"

namespace larder::text {
namespace {

using testing::HasSubstr;

// Two families of six items each by their letters.
std::vector<Document> TwoFamilies() {
  std::vector<Document> documents;
  for (int i = 0; i < 6; ++i) documents.push_back({"aaaa", "", {}, 0});
  for (int i = 0; i < 6; ++i) documents.push_back({"bbbb", "", {}, 0});
  return documents;
}

TEST(SplitTime, TheLastShareBegins) {
  std::vector<Interaction> interactions;
  for (TimeUs t = 10; t > 0; --t) interactions.push_back({0, 0, t});

  EXPECT_EQ(SplitTime(interactions, 0.2), 9);
  EXPECT_EQ(SplitTime(interactions, 0.9), 2);
  EXPECT_EQ(SplitTime({}, 0.5), std::numeric_limits<TimeUs>::max());
}

TEST(EvaluateRelated, QuestionsAreCountedByHand) {
  // Before the split at 100: items 0 and 6. In the test period user 1 goes 0, 1, 2 and user 2 goes
  // 0, 6; user 3 engages with one item only, twice.
  const std::vector<Interaction> interactions = {
      {1, 0, 1},   {2, 6, 2},   {1, 0, 3},    {2, 6, 4},   {1, 0, 5},
      {1, 0, 100}, {1, 1, 101}, {1, 2, 102},  {2, 0, 100}, {2, 6, 103},
      {3, 4, 100}, {3, 4, 104}};

  ASSERT_OK_AND_ASSIGN(
      const RelatedEvaluation result,
      EvaluateRelated(LetterEncoder(), TwoFamilies(), interactions, {.test_share = 0.58}));

  EXPECT_EQ(result.split, 100);
  // 0 -> {1, 2}, 1 -> {2} of user 1; 0 -> {6} of user 2.
  EXPECT_EQ(result.all.queries, 3u);
  EXPECT_EQ(result.all.users, 2u);
  EXPECT_EQ(result.all.items, 12u);
  // The ten nearest of an a-item: five a-items, then the b-items 6 to 10: all are found.
  EXPECT_DOUBLE_EQ(result.all.encoder, 1);
  // Cold are all but 0 and 6: the question 0 -> {6} is gone.
  EXPECT_EQ(result.cold.queries, 2u);
  EXPECT_EQ(result.cold.users, 1u);
  EXPECT_EQ(result.cold.items, 10u);
  EXPECT_EQ(result.all.difference.low, 0);
  EXPECT_EQ(result.all.difference.high, 0);
}

// How many different items of a user ask: another one of `allowed` comes later in the test period.
uint64_t CountQuestions(const std::vector<Interaction>& interactions, TimeUs split,
                        const std::vector<bool>& allowed) {
  std::map<std::pair<uint32_t, uint32_t>, TimeUs> first;
  for (const Interaction& i : interactions) {
    if (i.time < split) continue;
    const auto [at, inserted] = first.try_emplace({i.user, i.item}, i.time);
    if (!inserted) at->second = std::min(at->second, i.time);
  }
  uint64_t count = 0;
  for (const auto& [asks, time] : first) {
    count += std::any_of(interactions.begin(), interactions.end(), [&](const Interaction& i) {
      return i.user == asks.first && i.item != asks.second && i.time > time && allowed[i.item];
    });
  }
  return count;
}

TEST(EvaluateRelated, QuestionsAreThoseOfTheDefinition) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    std::vector<Interaction> interactions;
    for (int i = 0; i < 60; ++i) {
      interactions.push_back({static_cast<uint32_t>(random() % 8),
                              static_cast<uint32_t>(random() % 12),
                              static_cast<TimeUs>(random() % 12)});
    }
    ASSERT_OK_AND_ASSIGN(
        const RelatedEvaluation result,
        EvaluateRelated(LetterEncoder(), TwoFamilies(), interactions, {.test_share = 0.7}));
    std::vector<bool> allowed(12, true);
    EXPECT_EQ(result.all.queries, CountQuestions(interactions, result.split, allowed));
    for (const Interaction& i : interactions) {
      if (i.time < result.split) allowed[i.item] = false;
    }
    EXPECT_EQ(result.cold.queries, CountQuestions(interactions, result.split, allowed));
  }
}

TEST(EvaluateRelated, TheEncoderThatKnowsMoreIsAhead) {
  // The letters tell the families apart, the words do not: each is another one.
  std::vector<Document> documents;
  for (int i = 0; i < 40; ++i) {
    const char letter = i % 2 == 0 ? 'a' : 'b';
    documents.push_back({std::string(static_cast<size_t>(i) + 2, letter), "", {}, 0});
  }
  std::vector<Interaction> interactions;
  for (uint32_t user = 0; user < 20; ++user) {
    interactions.push_back({user, user % 2, user});
    for (uint32_t k = 0; k < 5; ++k) {
      interactions.push_back({user, (user + 2 * k + 20) % 40, 1'000 + k});
    }
  }

  ASSERT_OK_AND_ASSIGN(const RelatedEvaluation result,
                       EvaluateRelated(LetterEncoder(), documents, interactions,
                                       {.test_share = 0.8}));

  EXPECT_GT(result.all.encoder, result.all.tfidf);
  EXPECT_GT(result.all.difference.low, 0);
  EXPECT_LE(result.all.difference.low, result.all.encoder - result.all.tfidf);
  EXPECT_GE(result.all.difference.high, result.all.encoder - result.all.tfidf);
}

TEST(EvaluateRelated, RefusesWhatAsksNothing) {
  const std::vector<Interaction> one = {{0, 0, 1}};
  const std::vector<Interaction> wrong = {{0, 12, 1}};

  EXPECT_THAT(EvaluateRelated(LetterEncoder(), TwoFamilies(), one, {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("no user engages")));
  EXPECT_THAT(EvaluateRelated(LetterEncoder(), TwoFamilies(), wrong, {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("item 12 of 12")));
  EXPECT_THAT(EvaluateRelated(LetterEncoder(), TwoFamilies(), one, {.test_share = 0}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("test_share is 0")));
  EXPECT_THAT(EvaluateRelated(LetterEncoder(), TwoFamilies(), one, {.max_queries = 0}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("max_queries is 0")));
}

}  // namespace
}  // namespace larder::text
