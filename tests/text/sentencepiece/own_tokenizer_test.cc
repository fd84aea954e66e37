// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/own_tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>
#include <tuple>
#include <utility>

#include "base/file_system.h"
#include "cli/input/record_reader.h"
#include "tests/support/status_matchers.h"
#include "tests/text/sentencepiece/compare.h"
#include "tests/text/sentencepiece/exercise.h"
#include "tests/text/sentencepiece/model_forging.h"
#include "tests/text/sentencepiece/text_generator.h"
#include "tests/text/text_testing.h"
#include "text/sentencepiece/sentencepiece_bridge.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"
#include "text/sentencepiece/tokenizer_trainer.h"

namespace larder::text {
namespace {

using internal::ModelType;
using internal::PieceType;

uint64_t NewSeed() { return std::random_device()(); }

// Compares generated texts until one differs.
void ExpectSame(const Pair& pair, size_t count, uint64_t seed) {
  SCOPED_TRACE(testing::Message() << pair.own->engine() << ", seed " << seed);
  TextGenerator generator(*pair.own, seed);
  for (size_t i = 0; i < count; ++i) {
    const std::string difference = Difference(pair, generator.Next());
    ASSERT_EQ(difference, "") << "text " << i;
  }
}

std::string SampleModel(TokenizerModel model, bool fold_case, bool drop_punctuation = false) {
  std::vector<std::string> texts;
  for (const Document& document : SampleCatalog(300, 3)) texts.push_back(document.content);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  auto trained =
      TrainTokenizer(views, {.model = model,
                             .vocab_size = 300,
                             .fold_case = fold_case,
                             .drop_punctuation = drop_punctuation});
  LARDER_CHECK(trained.ok());
  return *std::move(trained);
}

TEST(OwnTokenizer, IsTheLibraryOnGeneratedTexts) {
  for (const TokenizerModel model : {TokenizerModel::kUnigram, TokenizerModel::kBpe}) {
    for (const bool both : {false, true}) {
      ASSERT_OK_AND_ASSIGN(const Pair pair, Pair::Open(SampleModel(model, both, both), "sample"));
      ASSERT_TRUE(pair.own->engine().starts_with("own ")) << pair.own->engine();
      ExpectSame(pair, 10'000, NewSeed());
    }
  }
}

TEST(OwnTokenizer, IsTheLibraryOnForgedModelsFullOfTies) {
  const uint64_t seed = NewSeed();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    const std::string model = RandomModel(random);
    ASSERT_OK_AND_ASSIGN(const Pair pair, Pair::Open(model, "forged"));
    for (int k = 0; k < 60; ++k) {
      const std::string text = RandomTextForModel(random, k % 20 == 0 ? 300 : 12);
      ASSERT_EQ(Difference(pair, text), "") << "round " << round;
    }
  }
}

TEST(OwnTokenizer, DamagedModelsAreRefusedAsTheLibraryDoesOrAgree) {
  const uint64_t seed = NewSeed();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 500; ++round) {
    ASSERT_EQ(ExerciseModelAndText(SampleModelAndText(random)), "") << "round " << round;
  }
}

// Two ways to write "ab" that differ by less than what a long text rounds away, and a third that
// the cache would remember if it did not ask how sure it is.
TEST(OwnTokenizer, DecidesNearTiesByWhatIsBeforeTheWord) {
  const float a = -1.1f;
  const float b = -2.3f;
  for (int ulps = -3; ulps <= 3; ++ulps) {
    float both = a + b;
    for (int i = 0; i < std::abs(ulps); ++i) {
      both = std::nextafter(both, ulps < 0 ? -100.0f : 0.0f);
    }
    const std::string model =
        Concat(SpecFields({}), PieceField("<unk>", 0, PieceType::kUnknown),
               PieceField("\u2581", -0.7f, PieceType::kNormal),
               PieceField("a", a, PieceType::kNormal),
               PieceField("b", b, PieceType::kNormal), PieceField("ab", both, PieceType::kNormal));
    ASSERT_OK_AND_ASSIGN(const Pair pair, Pair::Open(model, "near ties"));
    std::string text;
    for (int words = 0; words < 400; ++words) {
      text += words % 3 == 0 ? "ab " : "b ";
      if (words % 16 != 0) continue;
      ASSERT_EQ(Difference(pair, text), "") << words << " words, " << ulps << " ulps";
    }
  }
}

// The library's time grows with the square of a run of unknown pieces: it gets a shorter text.
TEST(OwnTokenizer, LongAndUniformTextsAreNeitherWrongNorSlow) {
  using std::string_view_literals::operator""sv;
  for (const TokenizerModel model : {TokenizerModel::kUnigram, TokenizerModel::kBpe}) {
    ASSERT_OK_AND_ASSIGN(const Pair pair, Pair::Open(SampleModel(model, true), "sample"));
    for (const std::string_view unit : {"a"sv, " "sv, "\0"sv, "\u2581"sv, "ab"sv, "server "sv,
                                        "\u4e2d"sv, "\ufdfa"sv, "\xff"sv, "a\u0301"sv}) {
      std::string text;
      while (text.size() + unit.size() <= kMaxTextBytes / 4) text += unit;
      std::vector<int32_t> ids;
      std::vector<Token> tokens;

      ASSERT_OK(pair.own->Encode(text, ids));
      ASSERT_OK(pair.own->EncodeWithOffsets(text, tokens));

      EXPECT_TRUE(std::equal(ids.begin(), ids.end(), tokens.begin(), tokens.end(),
                             [](int32_t id, const Token& token) { return id == token.id; }));
      EXPECT_EQ(Difference(pair, text.substr(0, 6'000)), "") << Escaped(unit);
    }
  }
}

TEST(OwnTokenizer, TheLibraryIsNotGivenTextsThatItWouldTakeMinutesFor) {
  const std::string model =
      Concat(SpecFields({.type = ModelType::kChar}), PieceField("<unk>", 0, PieceType::kUnknown),
             PieceField("a", -1, PieceType::kNormal));
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, OpenSentencePiece(model, "m"));
  std::vector<int32_t> ids;
  std::vector<Token> tokens;

  ASSERT_OK(tokenizer->Encode(std::string(kMaxTextBytes, 'a'), ids));
  EXPECT_LE(ids.size(), 128u << 10);
  EXPECT_GE(ids.size(), (128u << 10) - 16);
  ASSERT_OK(tokenizer->EncodeWithOffsets(std::string(kMaxTextBytes, 'a'), tokens));
  EXPECT_EQ(tokens.size(), ids.size());
  EXPECT_LE(tokens.back().end, 128u << 10);
  // Never in the middle of a character.
  std::string wide;
  while (wide.size() < kMaxTextBytes - 2) wide += "\u4e2d";
  ASSERT_OK(tokenizer->Encode(wide, ids));
  EXPECT_OK(tokenizer->Encode(std::string(kMaxTextBytes, 'x'), ids));
}

// What is stored is encoded again whenever it is replayed: an error would be one for ever.
TEST(OwnTokenizer, ATextThatTheLibraryFailsOnIsUnknown) {
  const std::string model =
      Concat(SpecFields({.type = ModelType::kBpe}), PieceField("<unk>", 0, PieceType::kUnknown),
             PieceField("~", 0, PieceType::kControl), PieceField("a", -1, PieceType::kNormal));
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, OpenSentencePiece(model, "m"));
  ASSERT_EQ(tokenizer->engine(), "libsentencepiece bpe");
  std::vector<int32_t> ids;
  std::vector<Token> tokens;

  ASSERT_OK(tokenizer->Encode("a~a", ids));
  EXPECT_EQ(ids, (std::vector<int32_t>{0}));
  ASSERT_OK(tokenizer->EncodeWithOffsets("a~a", tokens));
  EXPECT_EQ(tokens, (std::vector<Token>{{0, 0, 3}}));
  ASSERT_OK(tokenizer->Encode("aa", ids));
  EXPECT_EQ(ids, (std::vector<int32_t>{0, 2, 2}));  // the space is not known
}

TEST(OwnTokenizer, NestedPiecesAndSymbolsStayLinear) {
  for (const ModelType type : {ModelType::kUnigram, ModelType::kBpe}) {
    std::string model =
        Concat(SpecFields({.type = type}), PieceField("<unk>", 0, PieceType::kUnknown));
    for (size_t size = 1; size <= 512; ++size) {
      const PieceType kind = size % 16 == 15 ? PieceType::kUserDefined : PieceType::kNormal;
      model += PieceField(std::string(size, 'a'), -1 / static_cast<float>(size), kind);
    }
    ASSERT_OK_AND_ASSIGN(const Pair pair, Pair::Open(model, "nested"));
    EXPECT_EQ(Difference(pair, std::string(1u << 13, 'a')), "");
  }
}

// Combinations of what a trainer can be told: all without a rule, else an eighth of them a run
// (tables of rules take their time to load).
class TrainedModels : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(TrainedModels, AreTheSameInTheLibrary) {
  const auto& [type, rule] = GetParam();
  std::vector<std::string> texts;
  for (const Document& document : SampleCatalog(40, 4)) {
    texts.push_back(document.content + " caf\u00e9 \u4e2d\u6587 \u0130 12345 a\u2581b");
  }
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const uint64_t seed = NewSeed();
  const uint32_t step = rule == "identity" ? 1 : 8;
  for (auto mask = static_cast<uint32_t>(seed % step); mask < 128; mask += step) {
    const auto flag = [&](int bit) { return (mask >> bit & 1) != 0 ? "true" : "false"; };
    std::vector<std::pair<std::string, std::string>> flags = {
        {"model_type", type}, {"normalization_rule_name", rule}, {"vocab_size", "420"},
        {"hard_vocab_limit", "false"}, {"minloglevel", "2"}, {"num_threads", "1"},
        {"byte_fallback", flag(0)}, {"treat_whitespace_as_suffix", flag(1)},
        {"add_dummy_prefix", flag(2)}, {"remove_extra_whitespaces", flag(3)},
        {"split_by_whitespace", flag(4)}, {"split_by_number", flag(5)},
        {"split_digits", flag(5)}, {"split_by_unicode_script", flag(5)}};
    if ((mask >> 6 & 1) != 0) {
      flags.push_back({"user_defined_symbols", "<sep>,network pr,\u00e9,aa,aab, x"});
      flags.push_back({"control_symbols", "<ctl>,[CLS]"});
    }
    std::string error;
    const std::string model = internal::TrainSentencePieceModel(views, flags, error);
    ASSERT_NE(model, "") << error;
    SCOPED_TRACE(testing::Message() << "mask " << mask);
    ASSERT_OK_AND_ASSIGN(const Pair pair, Pair::Open(model, "trained"));
    ASSERT_TRUE(pair.own->engine().starts_with("own "));
    ExpectSame(pair, 100, seed + mask);
    for (const std::string& text : texts) ASSERT_EQ(Difference(pair, text), "");
    if (HasFatalFailure()) return;
  }
}

std::string NameOf(const testing::TestParamInfo<TrainedModels::ParamType>& model) {
  std::string name = Concat(std::get<0>(model.param), "_", std::get<1>(model.param));
  // gtest takes letters and digits.
  std::erase(name, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(OwnTokenizer, TrainedModels,
                         testing::Combine(testing::Values("unigram", "bpe"),
                                          testing::Values("nmt_nfkc", "nmt_nfkc_cf", "nfkc",
                                                          "identity")),
                         NameOf);

constexpr std::string_view kShared = "../shared/data/";

std::vector<std::string> SharedModels() {
  std::vector<std::string> models;
  for (const std::string_view name :
       {"blingfire_laser_100k", "blingfire_laser_50k", "bpemb_en.wiki.bpe.vs10000",
        "bpemb_en.wiki.bpe.vs100000", "google_test_ja_model", "google_test_model", "mistral01",
        "nai-t5", "t5_spiece", "xlnet_base_cased"}) {
    models.push_back(Concat(kShared, "tokenizers/sentencepiece/", name, ".model"));
  }
  return models;
}

TEST(OwnTokenizer, IsTheLibraryWithPublishedModels) {
  const std::string texts = Concat(kShared, "text/english.jsonl.zst");
  if (!FileSystem::Posix().Exists(texts)) GTEST_SKIP() << texts << " is not here";
  std::vector<std::string> lines;
  ASSERT_OK_AND_ASSIGN(const auto reader,
                       cli::RecordReader::Open(texts, cli::InputFormat::kJsonLines));
  cli::InputRecord record;
  for (int i = 0; *reader->Next(record); ++i) {
    if (i % 500 == 0) lines.push_back(record.bytes);
  }
  const uint64_t seed = NewSeed();
  for (const std::string& path : SharedModels()) {
    SCOPED_TRACE(path);
    ASSERT_OK_AND_ASSIGN(const Pair pair, Pair::Open(ReadFile(path), path));
    ASSERT_TRUE(pair.own->engine().starts_with("own ")) << pair.own->engine();
    ExpectSame(pair, 500, seed);
    for (const std::string& line : lines) ASSERT_EQ(Difference(pair, line), "");
    for (const std::string_view input : {"mixed", "small", "utf8"}) {
      const std::string golden =
          ReadFile(Concat(kShared, "tokenizers/golden/", input, "_input.txt"));
      ASSERT_EQ(Difference(pair, golden), "");
    }
  }
}

TEST(OwnTokenizer, ThreadsShareTheCacheWithoutHarm) {
  ASSERT_OK_AND_ASSIGN(const Pair pair,
                       Pair::Open(SampleModel(TokenizerModel::kUnigram, true), "sample"));
  std::vector<std::string> texts;
  std::vector<std::vector<int32_t>> expected(2'000);
  const uint64_t seed = NewSeed();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  TextGenerator generator(*pair.own, seed);
  for (auto& ids : expected) {
    texts.push_back(generator.Next());
    ASSERT_OK(pair.library->Encode(texts.back(), ids));
  }
  std::vector<std::jthread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::vector<int32_t> ids;
      for (size_t i = 0; i < 3 * texts.size(); ++i) {
        const size_t at = (i + t * 500) % texts.size();
        ASSERT_OK(pair.own->Encode(texts[at], ids));
        ASSERT_EQ(ids, expected[at]) << Escaped(texts[at]);
      }
    });
  }
}

TEST(OwnTokenizer, SaysWhichEngineIsUsed) {
  const std::string pieces = Concat(PieceField("<unk>", 0, PieceType::kUnknown),
                                    PieceField("a", -1, PieceType::kNormal));
  const auto engine = [&](ModelType type, std::string_view more) {
    auto opened = OpenSentencePiece(Concat(SpecFields({.type = type}), pieces, more), "m");
    return opened.ok() ? std::string((*opened)->engine()) : opened.status().ToString();
  };

  EXPECT_EQ(engine(ModelType::kUnigram, ""), "own unigram");
  EXPECT_EQ(engine(ModelType::kBpe, ""), "own bpe");
  EXPECT_EQ(engine(ModelType::kWord, ""), "libsentencepiece word");
  EXPECT_EQ(engine(ModelType::kChar, ""), "libsentencepiece char");
  // A text can spell the symbol; what becomes of it then is the library's own matter.
  const std::string symbol = PieceField("x", 0, PieceType::kControl);
  EXPECT_EQ(engine(ModelType::kBpe, symbol), "libsentencepiece bpe");
  EXPECT_EQ(engine(ModelType::kUnigram, symbol), "own unigram");
}

TEST(OwnTokenizer, WordAndCharModelsHaveTheLibrarysOffsets) {
  for (const ModelType type : {ModelType::kWord, ModelType::kChar}) {
    const std::string model = Concat(
        SpecFields({.type = type}), PieceField("<unk>", 0, PieceType::kUnknown),
        PieceField("a", -1, PieceType::kNormal), PieceField("\u2581a", -1, PieceType::kNormal));
    ASSERT_OK_AND_ASSIGN(const auto tokenizer, OpenSentencePiece(model, "m"));
    std::vector<Token> tokens;

    ASSERT_OK(tokenizer->EncodeWithOffsets("a  b", tokens));

    ASSERT_FALSE(tokens.empty());
    EXPECT_EQ(tokens.front().begin, 0u);
    EXPECT_EQ(tokens.back().end, 4u);
  }
}

TEST(OwnTokenizer, TheLastByteOfACharacterHasItsPlace) {
  const std::string model =
      Concat(SpecFields({.byte_fallback = true}), PieceField("<unk>", 0, PieceType::kUnknown),
             BytePieceFields(), PieceField("\u2581", -1, PieceType::kNormal));
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, OpenSentencePiece(model, "m"));
  std::vector<Token> tokens;

  ASSERT_OK(tokenizer->EncodeWithOffsets("\u00e9", tokens));

  EXPECT_EQ(tokens, (std::vector<Token>{{257, 0, 0}, {1 + 0xc3, 0, 0}, {1 + 0xa9, 0, 2}}));
}

}  // namespace
}  // namespace larder::text
