// SPDX-License-Identifier: Apache-2.0
#include "text/evaluation/evaluate.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/status_matchers.h"
#include "tests/text/letter_encoder.h"
#include "tests/text/text_testing.h"

namespace larder::text {
namespace {

using testing::HasSubstr;

// Refuses everything.
class BrokenEncoder final : public Encoder {
 public:
  BrokenEncoder() : Encoder({.dimensions = 4}, SampleTokenizer(), 100) {}
  Status Tokenize(std::string_view, TextRole, TokenizedText&) const override {
    return Internal("broken");
  }

 private:
  Status EncodeTexts(std::span<const std::string_view>, std::span<int8_t>, size_t,
                     TextRole) const override {
    return Internal("broken");
  }
};

std::vector<Document> FourItems() {
  return {{"aaaa", "aaaa aaaa aaaa aaaa aaaa. more", {}},
          {"bbbb", "bbbb bbbb bbbb bbbb bbbb. more", {}},
          // Its sentence looks like the first title.
          {"cccc", "aaaa aaaa aaaa aaaa aaaa. more", {}},
          {"dddd", "too short.", {}}};
}

TEST(EvaluateEncoder, KnownItemsAreRankedByHand) {
  ASSERT_OK_AND_ASSIGN(const Evaluation e, EvaluateEncoder(LetterEncoder(), FourItems(), {}));

  EXPECT_EQ(e.documents, 4u);
  EXPECT_EQ(e.known_item_queries, 3u);
  EXPECT_DOUBLE_EQ(e.encoder.at_1, 2.0 / 3);
  EXPECT_DOUBLE_EQ(e.encoder.at_10, 1);
  EXPECT_DOUBLE_EQ(e.tfidf.at_1, 2.0 / 3);
  EXPECT_DOUBLE_EQ(e.tfidf.at_10, 1);
  EXPECT_EQ(e.tag_queries, 0u);
}

TEST(EvaluateEncoder, ItemsWithoutATitleAskNothing) {
  std::vector<Document> documents = FourItems();
  documents[1].title.clear();

  ASSERT_OK_AND_ASSIGN(const Evaluation e, EvaluateEncoder(LetterEncoder(), documents, {}));

  EXPECT_EQ(e.documents, 4u);
  EXPECT_EQ(e.known_item_queries, 2u);
}

TEST(EvaluateEncoder, ItemsBeyondTheTenthAreMissed) {
  std::vector<Document> documents;
  for (int i = 0; i < 12; ++i) documents.push_back({"same title", "", {}});
  documents[10].content = "no letter in common: xxxxxxxxxx";
  documents[2].content = "no letter in common: xxxxxxxxxx";

  ASSERT_OK_AND_ASSIGN(const Evaluation e, EvaluateEncoder(LetterEncoder(), documents, {}));

  // All titles tie, so the order of the items decides.
  EXPECT_EQ(e.known_item_queries, 2u);
  EXPECT_DOUBLE_EQ(e.encoder.at_1, 0);
  EXPECT_DOUBLE_EQ(e.encoder.at_10, 0.5);
  EXPECT_DOUBLE_EQ(e.tfidf.at_10, 0.5);
}

TEST(EvaluateEncoder, TagSharesAreCountedByHand) {
  std::vector<Document> documents;
  for (int i = 0; i < 12; ++i) documents.push_back({"aaaa", "", {"x", "a"}});
  for (int i = 0; i < 12; ++i) documents.push_back({"bbbb", "", {"b", "y"}});
  documents.push_back({"aabb", "untagged", {}});

  ASSERT_OK_AND_ASSIGN(const Evaluation e, EvaluateEncoder(LetterEncoder(), documents, {}));

  EXPECT_EQ(e.tagged_documents, 24u);
  EXPECT_EQ(e.tag_queries, 24u);
  EXPECT_DOUBLE_EQ(e.tag_share_encoder, 1);
  EXPECT_DOUBLE_EQ(e.tag_share_tfidf, 1);
  EXPECT_NEAR(e.tag_share_random, 11.0 / 23, 1e-12);
}

TEST(EvaluateEncoder, SamplesAreBoundedAndSeeded) {
  const std::vector<Document> documents = SampleCatalog(300, 3);
  const EvaluationOptions options = {
      .max_known_item_queries = 20, .max_tag_queries = 10, .max_documents = 200, .seed = 5};

  ASSERT_OK_AND_ASSIGN(const Evaluation one, EvaluateEncoder(LetterEncoder(), documents, options));
  ASSERT_OK_AND_ASSIGN(const Evaluation two, EvaluateEncoder(LetterEncoder(), documents, options));

  EXPECT_EQ(one.documents, 200u);
  EXPECT_EQ(one.known_item_queries, 20u);
  EXPECT_EQ(one.tag_queries, 10u);
  EXPECT_EQ(one.encoder.at_10, two.encoder.at_10);
  EXPECT_EQ(one.tag_share_encoder, two.tag_share_encoder);
}

TEST(EvaluateEncoder, RefusesOptionsOutOfRangeAndPassesErrorsOn) {
  EXPECT_THAT(EvaluateEncoder(LetterEncoder(), FourItems(), {.max_known_item_queries = 0}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("max_known_item_queries is 0")));
  EXPECT_THAT(EvaluateEncoder(LetterEncoder(), FourItems(), {.max_tag_queries = 100'001}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("max_tag_queries is 100001")));
  EXPECT_THAT(EvaluateEncoder(LetterEncoder(), FourItems(), {.max_documents = 1}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("max_documents is 1")));
  EXPECT_THAT(EvaluateEncoder(LetterEncoder(), std::vector<Document>(1), {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("1 documents")));
  EXPECT_THAT(EvaluateEncoder(BrokenEncoder(), FourItems(), {}),
              StatusIs(StatusCode::kInternal, HasSubstr("broken")));
}

TEST(EvaluateEncoder, Bm25IsMeasuredOnTheSameQuestions) {
  ASSERT_OK_AND_ASSIGN(const Evaluation e, EvaluateEncoder(LetterEncoder(), FourItems(), {}));

  // "cccc" asks for its item with the words of the first: only the other two come first.
  EXPECT_DOUBLE_EQ(e.bm25.at_1, 2.0 / 3);
  EXPECT_DOUBLE_EQ(e.bm25.at_10, 1);
  // The third title shares no word with its question: it comes after "aaaa" and the tied "bbbb".
  EXPECT_DOUBLE_EQ(e.bm25.mrr_10, (1 + 1 + 1.0 / 3) / 3);
}

TEST(EvaluateEncoder, AsksOnlyForTheNewest) {
  std::vector<Document> documents = FourItems();
  documents[0].time = 5;
  documents[1].time = 7;
  documents[2].time = 7;
  documents[3].time = 1;

  ASSERT_OK_AND_ASSIGN(const Evaluation one,
                       EvaluateEncoder(LetterEncoder(), documents, {.newest = 1}));
  ASSERT_OK_AND_ASSIGN(const Evaluation two,
                       EvaluateEncoder(LetterEncoder(), documents, {.newest = 2}));

  EXPECT_EQ(one.known_item_queries, 1u);  // the third: of two as new the later one
  EXPECT_DOUBLE_EQ(one.encoder.at_1, 0);
  EXPECT_EQ(two.known_item_queries, 2u);
  EXPECT_DOUBLE_EQ(two.encoder.at_1, 0.5);
}

TEST(EvaluateEncoder, AsksOnlyForTheDocumentsNamed) {
  ASSERT_OK_AND_ASSIGN(const Evaluation e,
                       EvaluateEncoder(LetterEncoder(), FourItems(), {.asked = {2, 3}}));

  EXPECT_EQ(e.known_item_queries, 1u);  // the fourth has no sentence that is long enough
  EXPECT_DOUBLE_EQ(e.encoder.at_1, 0);
}

TEST(EvaluateEncoder, AnySentenceMayAsk) {
  std::vector<Document> documents = FourItems();
  for (Document& document : documents) document.content = "short. " + document.content;

  ASSERT_OK_AND_ASSIGN(const Evaluation first, EvaluateEncoder(LetterEncoder(), documents, {}));
  ASSERT_OK_AND_ASSIGN(
      const Evaluation any,
      EvaluateEncoder(LetterEncoder(), documents, {.sentence = QuerySentence::kAny}));

  EXPECT_EQ(first.known_item_queries, 0u);
  EXPECT_EQ(any.known_item_queries, 3u);
  EXPECT_DOUBLE_EQ(any.encoder.at_1, 2.0 / 3);
}

}  // namespace
}  // namespace larder::text
