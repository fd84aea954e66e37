// SPDX-License-Identifier: Apache-2.0
#include "text/training/corpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/text/sentencepiece/model_forging.h"

namespace larder::text::internal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The words a, b and c are pieces 1, 2 and 3; others are not known.
const std::vector<std::string> kPieces = {"\u2581a", "\u2581b", "\u2581c"};

StatusOr<Corpus> Read(const std::vector<Document>& documents) {
  std::vector<const Document*> pointers;
  for (const Document& document : documents) pointers.push_back(&document);
  return Corpus::Read(pointers, *TokenizerOf(kPieces), {});
}

TEST(Corpus, HasTitlesAndSentencesWithoutWhatIsUnknown) {
  ASSERT_OK_AND_ASSIGN(const Corpus corpus,
                       Read({{.title = "a b", .content = "b c. zz. a zz b! c"},
                             {.title = "", .content = "c"},
                             {.title = "zz", .content = ""}}));

  ASSERT_EQ(corpus.size(), 3u);
  EXPECT_THAT(corpus.title(0), ElementsAre(1, 2));
  ASSERT_EQ(corpus.sentence_count(0), 3u);  // not the one in which nothing is known
  EXPECT_THAT(corpus.sentence(0, 0), ElementsAre(2, 3));
  EXPECT_THAT(corpus.sentence(0, 1), ElementsAre(1, 2));
  EXPECT_THAT(corpus.sentence(0, 2), ElementsAre(3));
  EXPECT_THAT(corpus.all(0), ElementsAre(1, 2, 2, 3, 1, 2, 3));
  EXPECT_THAT(corpus.title(1), IsEmpty());
  EXPECT_THAT(corpus.all(1), ElementsAre(3));
  EXPECT_THAT(corpus.all(2), IsEmpty());
  EXPECT_EQ(corpus.ids().size(), 8u);
}

TEST(Corpus, LongTextsAreCut) {
  std::string content;
  for (size_t i = 0; i < Corpus::kMaxContentBytes; ++i) content += "a ";

  ASSERT_OK_AND_ASSIGN(const Corpus corpus, Read({{.title = content, .content = content + ". b"}}));

  EXPECT_EQ(corpus.title(0).size(), Corpus::kMaxSentencePieces);
  ASSERT_EQ(corpus.sentence_count(0), 1u);
  EXPECT_EQ(corpus.sentence(0, 0).size(), Corpus::kMaxSentencePieces);
}

TEST(Corpus, ValuesOfSeveralDocumentsHaveIdsBehindThePieces) {
  ASSERT_OK_AND_ASSIGN(const Corpus corpus,
                       Read({{.title = "a", .time = 7, .values = {"by=x", "in=s"}},
                             {.title = "a", .values = {"by=y"}},
                             {.title = "a", .values = {"in=s", "by=x"}}}));

  ASSERT_EQ(corpus.values().size(), 2u);  // nobody else has y
  EXPECT_EQ(corpus.values()[0].name, "by=x");
  EXPECT_EQ(corpus.values()[0].items, 2u);
  EXPECT_THAT(corpus.values_of(0), ElementsAre(4, 5));
  EXPECT_THAT(corpus.values_of(1), IsEmpty());
  EXPECT_THAT(corpus.values_of(2), ElementsAre(5, 4));
  EXPECT_EQ(corpus.time(0), 7);
  EXPECT_EQ(corpus.time(1), 0);
}

TEST(Corpus, NothingKnownIsRefused) {
  EXPECT_THAT(Read({{.title = "zz"}, {.content = "yy. xx"}}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("2 documents hold no piece")));
  EXPECT_THAT(Read({{.title = "a"}, {.content = std::string(kMaxTextBytes + 1, 'b')}}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("document 1: a text of more than")));
}

TEST(Corpus, GainsFallWithFrequency) {
  ASSERT_OK_AND_ASSIGN(const Corpus corpus, Read({{.title = "a a a b"}, {.title = "a"}}));
  const auto tokenizer = TokenizerOf(kPieces);

  const std::vector<float> by_document = DocumentFrequencyGains(corpus, *tokenizer);
  const std::vector<float> by_count = InverseFrequencyGains(corpus, *tokenizer);

  // ln((1 + 2) / (1 + df)) + 1 over ln(3) + 1.
  const float all = std::log(3.0f) + 1;
  EXPECT_THAT(by_document, testing::Pointwise(testing::FloatNear(1e-6f),
                                              {0.0f, 1 / all, (std::log(1.5f) + 1) / all, 1.0f}));
  EXPECT_THAT(by_count, testing::Pointwise(testing::FloatNear(1e-6f),
                                           {0.0f, 0.001f / 0.801f, 0.001f / 0.201f, 1.0f}));
}

}  // namespace
}  // namespace larder::text::internal
