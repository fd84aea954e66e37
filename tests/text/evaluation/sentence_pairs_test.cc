// SPDX-License-Identifier: Apache-2.0
#include "text/evaluation/sentence_pairs.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/text/letter_encoder.h"

namespace larder::text {
namespace {

using testing::HasSubstr;

TEST(EvaluatePairs, CorrelatesCosinesWithScores) {
  // By letters the pairs are ever less alike; by words the last three are unlike.
  const std::vector<ScoredPair> pairs = {
      {"same words", "same words", 5}, {"abc", "abd", 4}, {"aab", "bbc", 2}, {"aaa", "bbb", 0}};

  ASSERT_OK_AND_ASSIGN(const PairEvaluation result, EvaluatePairs(LetterEncoder(), pairs));

  EXPECT_EQ(result.pairs, 4u);
  EXPECT_DOUBLE_EQ(result.encoder, 1);
  EXPECT_NEAR(result.words, 0.774597, 1e-6);    // the last three tie at 0
  EXPECT_DOUBLE_EQ(result.tfidf, result.words);
}

TEST(EvaluatePairs, RefusesTooFewAndUnusableScores) {
  EXPECT_THAT(EvaluatePairs(LetterEncoder(), std::vector<ScoredPair>(1)),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("1 pairs")));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<ScoredPair> unusable = {{"a", "b", 1}, {"a", "b", nan}};
  EXPECT_THAT(EvaluatePairs(LetterEncoder(), unusable),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("pair 1")));
}

}  // namespace
}  // namespace larder::text
