// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "text/evaluation/bm25.h"
#include "text/evaluation/tfidf.h"

namespace larder::text::internal {
namespace {

using testing::ElementsAre;

TEST(TfIdf, SplitsWords) {
  EXPECT_THAT(SplitWords("Hello, W0rld! \u00c4b-c"), ElementsAre("hello", "w0rld", "\u00c4b", "c"));
  EXPECT_TRUE(SplitWords(" ,;").empty());
}

TEST(TfIdf, ScoresAreCosinesTimesTheQuerysLength) {
  TfIdf tfidf;
  for (const std::string_view text : {"a b", "a c", "a a"}) tfidf.AddFrequencies(text);
  for (const std::string_view text : {"a b", "c"}) tfidf.Add(text);
  const double idf_a = 1;                         // in all three texts
  const double idf_rare = std::log(4.0 / 2) + 1;  // in one of three
  std::vector<float> scores(2);

  tfidf.Scores("b b unknown", scores);

  const double query = (1 + std::log(2.0)) * idf_rare;
  EXPECT_NEAR(scores[0], query * idf_rare / std::hypot(idf_a, idf_rare), 1e-5);
  EXPECT_EQ(scores[1], 0);
}

TEST(TfIdf, CosineOfTwoTexts) {
  TfIdf tfidf;
  for (const std::string_view text : {"a b", "a c"}) tfidf.AddFrequencies(text);
  const double rare = std::log(3.0 / 2) + 1;

  EXPECT_NEAR(tfidf.Cosine("a b", "a c"), 1 / (1 + rare * rare), 1e-12);
  EXPECT_NEAR(tfidf.Cosine("b", "b unknown"), 1, 1e-12);
  EXPECT_EQ(tfidf.Cosine("b", "c"), 0);
  EXPECT_EQ(tfidf.Cosine("unknown", "a"), 0);
}

// By the formula in its docstring, worked out for three texts of mean length 2.
TEST(Bm25, ScoresByHand) {
  Bm25 index;
  for (const std::string_view text : {"a b", "a a c", "d"}) index.Add(text);
  index.Finish();
  std::vector<float> scores(3);

  index.Scores("A c c unknown", scores);

  const double idf_a = std::log(1 + (3 - 2 + 0.5) / (2 + 0.5));
  const double idf_c = std::log(1 + (3 - 1 + 0.5) / (1 + 0.5));
  const auto part = [](double tf, double length) {
    return tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * length / 2));
  };
  EXPECT_NEAR(scores[0], idf_a * part(1, 2), 1e-6);
  EXPECT_NEAR(scores[1], idf_a * part(2, 3) + 2 * idf_c * part(1, 3), 1e-6);
  EXPECT_EQ(scores[2], 0);
}

TEST(Bm25, NothingKnownScoresNothing) {
  Bm25 index;
  index.Add("");
  index.Add("a");
  index.Finish();
  std::vector<float> scores(2, 7);

  index.Scores("b", scores);

  EXPECT_THAT(scores, ElementsAre(0, 0));
}

}  // namespace
}  // namespace larder::text::internal
