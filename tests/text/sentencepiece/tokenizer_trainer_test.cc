// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/tokenizer_trainer.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/text/text_testing.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"

namespace larder::text {
namespace {

using testing::HasSubstr;

std::vector<std::string> Texts(size_t count) {
  std::vector<std::string> texts;
  for (const Document& document : SampleCatalog(count, 2)) texts.push_back(document.content);
  return texts;
}

StatusOr<std::string> Train(const std::vector<std::string>& texts,
                            const TokenizerTrainingOptions& options,
                            const Progress& progress = {}) {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  return TrainTokenizer(views, options, progress);
}

TEST(TrainTokenizer, GivesTheSameBytesForTheSameTexts) {
  for (const TokenizerModel model : {TokenizerModel::kUnigram, TokenizerModel::kBpe}) {
    const TokenizerTrainingOptions options = {
        .model = model, .vocab_size = 150, .max_sentences = 80};

    ASSERT_OK_AND_ASSIGN(const std::string first, Train(Texts(120), options));
    ASSERT_OK_AND_ASSIGN(const std::string second, Train(Texts(120), options));

    EXPECT_EQ(first, second);
  }
}

TEST(TrainTokenizer, TheSeedChoosesTheSample) {
  TokenizerTrainingOptions options = {.vocab_size = 150, .max_sentences = 60};

  ASSERT_OK_AND_ASSIGN(const std::string first, Train(Texts(120), options));
  options.seed = 2;
  ASSERT_OK_AND_ASSIGN(const std::string second, Train(Texts(120), options));

  EXPECT_NE(first, second);
}

TEST(TrainTokenizer, MakesTheVocabularyThatWasAskedFor) {
  ASSERT_OK_AND_ASSIGN(const std::string bytes,
                       Train(Texts(300), {.model = TokenizerModel::kBpe, .vocab_size = 200}));
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, OpenSentencePiece(bytes, "bpe"));

  EXPECT_EQ(tokenizer->vocab_size(), 200);
}

TEST(TrainTokenizer, ASmallCorpusGetsASmallerVocabulary) {
  ASSERT_OK_AND_ASSIGN(const std::string bytes, Train(Texts(20), {.vocab_size = 16'000}));
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, OpenSentencePiece(bytes, "small"));

  EXPECT_LT(tokenizer->vocab_size(), 16'000);
  EXPECT_GT(tokenizer->vocab_size(), 20);
}

TEST(TrainTokenizer, FoldCaseIsAnOption) {
  ASSERT_OK_AND_ASSIGN(const std::string bytes,
                       Train(Texts(100), {.vocab_size = 150, .fold_case = false}));
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, OpenSentencePiece(bytes, "cased"));
  std::vector<int32_t> upper;
  std::vector<int32_t> lower;

  ASSERT_OK(tokenizer->Encode("THE", upper));
  ASSERT_OK(tokenizer->Encode("the", lower));

  EXPECT_NE(upper, lower);
}

std::vector<std::string> Pieces(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<int32_t> ids;
  EXPECT_OK(tokenizer.Encode(text, ids));
  std::vector<std::string> pieces;
  for (const int32_t id : ids) pieces.emplace_back(tokenizer.piece(id));
  return pieces;
}

TEST(TrainTokenizer, PunctuationIsASpace) {
  ASSERT_OK_AND_ASSIGN(const std::string bytes, Train(Texts(300), {.vocab_size = 300}));
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, OpenSentencePiece(bytes, "dropped"));
  const auto plain = Pieces(*tokenizer, "the graph based way");

  EXPECT_EQ(Pieces(*tokenizer, "(the) graph-based, way!"), plain);
  EXPECT_EQ(Pieces(*tokenizer, "«The» graph—based… “way”"), plain);
  EXPECT_EQ(Pieces(*tokenizer, "the_graph/based`way`"), plain);
  // Of a character that becomes several, the punctuation goes: ⑴ is (1).
  EXPECT_EQ(Pieces(*tokenizer, "⑴ ＜the＞"), Pieces(*tokenizer, "1 the"));
  // Other rules stay: case, compatibility forms, combining marks.
  EXPECT_EQ(Pieces(*tokenizer, "ＴＨＥ e\u0301"), Pieces(*tokenizer, "the \u00e9"));
  EXPECT_TRUE(Pieces(*tokenizer, ".,;:!?()[]{}<>=$%&/\\|~^'\"").empty());
  EXPECT_NE(Pieces(*tokenizer, "c++"), Pieces(*tokenizer, "c"));
  EXPECT_NE(Pieces(*tokenizer, "c#"), Pieces(*tokenizer, "c"));
}

TEST(TrainTokenizer, PunctuationIsKeptIfWanted) {
  ASSERT_OK_AND_ASSIGN(const std::string bytes,
                       Train(Texts(300), {.vocab_size = 300, .drop_punctuation = false}));
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, OpenSentencePiece(bytes, "kept"));

  EXPECT_NE(Pieces(*tokenizer, "the, way"), Pieces(*tokenizer, "the way"));
}

TEST(TrainTokenizer, SurvivesOddTexts) {
  std::vector<std::string> texts = Texts(100);
  texts.push_back("");
  texts.push_back("\n\n \n");
  texts.push_back(std::string("nul \0 byte", 10));
  texts.push_back("\xff\xfe not utf-8 \x80");
  texts.push_back(std::string(100'000, 'z'));
  std::string wide;
  for (int i = 0; i < 5'000; ++i) wide += "\u6f22";
  texts.push_back(wide);
  texts.push_back("tab\tseparated\r");

  ASSERT_OK_AND_ASSIGN(const std::string bytes, Train(texts, {.vocab_size = 150}));

  EXPECT_OK(OpenSentencePiece(bytes, "odd"));
}

TEST(TrainTokenizer, ReportsProgress) {
  std::vector<std::pair<uint64_t, uint64_t>> steps;

  ASSERT_OK(Train(Texts(50), {.vocab_size = 100},
                  [&](std::string_view stage, uint64_t done, uint64_t total) {
                    EXPECT_EQ(stage, "train tokenizer");
                    steps.emplace_back(done, total);
                  }));

  // Between the first and the last there is one for every second that it took.
  ASSERT_GE(steps.size(), 2u);
  EXPECT_THAT(steps.back(), testing::Pair(1, 1));
  steps.pop_back();
  EXPECT_THAT(steps, testing::Each(testing::Pair(0, 1)));
}

TEST(TrainTokenizer, RefusesWhatCannotWork) {
  EXPECT_THAT(Train({}, {}), StatusIs(StatusCode::kInvalidArgument, HasSubstr("no text")));
  EXPECT_THAT(Train({"", " \n "}, {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("no text")));
  EXPECT_THAT(Train(Texts(9), {.vocab_size = 31}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("vocab_size is 31")));
  EXPECT_THAT(Train(Texts(9), {.max_sentences = 0}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("max_sentences is 0")));
  EXPECT_THAT(Train(Texts(9), {.character_coverage = 0.5}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("character_coverage is 0.5")));
  for (const TokenizerModel model : {TokenizerModel::kUnigram, TokenizerModel::kBpe}) {
    for (const std::string& text : std::initializer_list<std::string>{
             "\u3000\u00a0", "\x01\x02\x7f", "\ufffd \ufffd", "\xff\xfe\x80", "\u2581",
             "\u2585 word", std::string("\0 \0", 3)}) {
      EXPECT_THAT(Train({text, text}, {.model = model, .drop_punctuation = false}),
                  StatusIs(StatusCode::kInvalidArgument, HasSubstr("no text to train")))
          << text;
    }
    EXPECT_THAT(Train({"?! (-)", "...\u3000"}, {.model = model}),
                StatusIs(StatusCode::kInvalidArgument,
                         HasSubstr("2 lines hold only punctuation and spaces")));
  }
  std::string alphabet;
  for (char c = 'a'; c <= 'z'; ++c) alphabet += Concat(c, " ", static_cast<char>(c - 32), " ");
  EXPECT_THAT(Train({alphabet}, {.vocab_size = 32, .fold_case = false}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("vocab_size 32")));
}

}  // namespace
}  // namespace larder::text
