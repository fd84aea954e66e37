// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/sentencepiece_tokenizer.h"

#include <gtest/gtest.h>

#include <random>
#include <sstream>
#include <thread>

#include "base/bytes.h"
#include "base/file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/text/sentencepiece/model_forging.h"
#include "tests/text/text_testing.h"

namespace larder::text {
namespace {

using internal::PieceType;
using testing::HasSubstr;

std::vector<int32_t> Encode(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<int32_t> ids;
  EXPECT_OK(tokenizer.Encode(text, ids));
  return ids;
}

std::string Spell(const Tokenizer& tokenizer, std::string_view text) {
  std::string spelled;
  for (const int32_t id : Encode(tokenizer, text)) spelled += tokenizer.piece(id);
  return spelled;
}

TEST(Tokenizer, PiecesSpellTheText) {
  const auto tokenizer = SampleTokenizer();

  EXPECT_EQ(Spell(*tokenizer, "A  network server"), "\u2581a\u2581network\u2581server");
}

TEST(Tokenizer, PiecesAreLongerThanCharacters) {
  const auto tokenizer = SampleTokenizer();

  EXPECT_LT(Encode(*tokenizer, "the program is a server").size(), 12u);
}

TEST(Tokenizer, FoldsCaseAndCompatibilityCharacters) {
  const auto tokenizer = SampleTokenizer();

  EXPECT_EQ(Encode(*tokenizer, "SERVER"), Encode(*tokenizer, "server"));
  EXPECT_EQ(Encode(*tokenizer, "\uff53\uff45\uff52ver"), Encode(*tokenizer, "server"));
}

TEST(Tokenizer, AnEmptyTextHasNoPieces) {
  const auto tokenizer = SampleTokenizer();

  EXPECT_TRUE(Encode(*tokenizer, "").empty());
  EXPECT_TRUE(Encode(*tokenizer, "   \n\t ").empty());
}

TEST(Tokenizer, ReplacesWhatWasInTheBuffer) {
  const auto tokenizer = SampleTokenizer();
  std::vector<int32_t> ids = {1, 2, 3};

  ASSERT_OK(tokenizer->Encode("server", ids));

  EXPECT_EQ(ids, Encode(*tokenizer, "server"));
}

TEST(Tokenizer, UnknownCharactersAreOneUnknownPiece) {
  const auto tokenizer = SampleTokenizer();

  const auto ids = Encode(*tokenizer, "\u6f22\u5b57");

  EXPECT_EQ(std::count(ids.begin(), ids.end(), tokenizer->unknown_id()), 1);
}

TEST(Tokenizer, AnyBytesAreEncodedAndAllIdsAreInTheVocabulary) {
  const auto tokenizer = SampleTokenizer();
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    std::string text(random() % 200, '\0');
    for (char& c : text) c = static_cast<char>(random() % 256);

    const auto ids = Encode(*tokenizer, text);

    for (const int32_t id : ids) {
      ASSERT_GE(id, 0);
      ASSERT_LT(id, tokenizer->vocab_size());
      ASSERT_FALSE(tokenizer->is_control(id));
    }
    ASSERT_EQ(Encode(*tokenizer, text), ids);
  }
}

TEST(Tokenizer, NulBytesRightToLeftAndCombiningMarksAreText) {
  const auto tokenizer = SampleTokenizer();
  using std::string_view_literals::operator""sv;

  const auto with_nul = Encode(*tokenizer, "server\0server"sv);

  EXPECT_GE(std::count(with_nul.begin(), with_nul.end(), Encode(*tokenizer, "server")[0]), 1);
  EXPECT_FALSE(Encode(*tokenizer, "\u0633\u0644\u0627\u0645").empty());
  EXPECT_FALSE(Encode(*tokenizer, "e\u0301\u0302\u0303").empty());
}

TEST(Tokenizer, AMegabyteOfOneCharacterIsFineAndOneByteMoreIsRefused) {
  const auto tokenizer = SampleTokenizer();
  std::vector<int32_t> ids;

  EXPECT_OK(tokenizer->Encode(std::string(kMaxTextBytes, 'a'), ids));
  EXPECT_FALSE(ids.empty());

  EXPECT_THAT(tokenizer->Encode(std::string(kMaxTextBytes + 1, 'a'), ids),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("1048577 bytes")));
  EXPECT_TRUE(ids.empty());
}

TEST(Tokenizer, PieceOfAnIdOutsideTheVocabularyIsEmpty) {
  const auto tokenizer = SampleTokenizer();

  EXPECT_EQ(tokenizer->piece(-1), "");
  EXPECT_EQ(tokenizer->piece(tokenizer->vocab_size()), "");
  EXPECT_FALSE(tokenizer->is_control(-1));
}

TEST(Tokenizer, ThreadsGetTheSameIds) {
  const auto tokenizer = SampleTokenizer();
  const auto expected = Encode(*tokenizer, "a network server with a proxy and cache");
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(Encode(*tokenizer, "a network server with a proxy and cache"), expected);
      }
    });
  }
}

TEST(TokenizerOpen, RefusesEmptyAndForeignBytes) {
  EXPECT_THAT(OpenSentencePiece("", "t.model"),
              StatusIs(StatusCode::kDataLoss, HasSubstr("t.model")));
  EXPECT_THAT(OpenSentencePiece("{\"model\": 1}", "t.model"),
              StatusIs(StatusCode::kDataLoss, HasSubstr("t.model")));
  EXPECT_THAT(OpenSentencePiece(std::string(100, '\0'), "t.model"),
              StatusIs(StatusCode::kDataLoss, HasSubstr("t.model")));
}

TEST(TokenizerOpen, RefusesAModelOverTheLimitBeforeReadingIt) {
  EXPECT_THAT(OpenSentencePiece(std::string(kMaxTokenizerBytes + 1, 'x'), "t.model"),
              StatusIs(StatusCode::kDataLoss, HasSubstr("the limit is")));
}

TEST(TokenizerOpen, TruncationIsNeverACrash) {
  const std::string& bytes = SampleTokenizerBytes();
  for (size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 200) {
    const auto opened = OpenSentencePiece(std::string_view(bytes).substr(0, size), "t.model");
    // A cut between two fields is a smaller, valid model.
    if (!opened.ok()) {
      EXPECT_THAT(opened, StatusIs(StatusCode::kDataLoss, HasSubstr("t.model")));
    }
  }
}

TEST(TokenizerOpen, FlippedBitsNeverCrashOpenOrEncode) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  const std::string& bytes = SampleTokenizerBytes();
  for (int round = 0; round < 60; ++round) {
    std::string damaged = bytes;
    for (int k = 0; k < 8; ++k) {
      char& c = damaged[random() % damaged.size()];
      c = static_cast<char>(static_cast<unsigned char>(c) ^ (1u << (random() % 8)));
    }
    const auto opened = OpenSentencePiece(damaged, "t.model");
    if (!opened.ok()) {
      EXPECT_THAT(opened, StatusIs(StatusCode::kDataLoss, HasSubstr("t.model")));
      continue;
    }
    std::vector<int32_t> ids;
    for (const std::string_view text : {"a server", "\uff53\u00c4 \u0130 \u2126", "\xff\x80"}) {
      EXPECT_OK((*opened)->Encode(text, ids));
    }
  }
}

std::string Forged(std::string_view extra) {
  return Concat(PieceField("<unk>", 0, PieceType::kUnknown),
                PieceField("\u2581", -1, PieceType::kNormal),
                PieceField("a", -2, PieceType::kNormal), extra);
}

std::string NormaliserField(const std::vector<uint32_t>& units) {
  return SpecFields({.charsmap = CharsMap(units)});
}

// A double array whose one rule, of the character 'a', has its replacement at `value`.
std::vector<uint32_t> OneRule(uint32_t value) {
  std::vector<uint32_t> units(768, 0x80000000u);
  units[0] = 256u << 10;  // the root's children begin at 256
  units[256 + 'a'] = 'a' | 256u | ((256u + 'a') ^ 512u) << 10;  // a rule, its value is at 512
  units[512] = value | 0x80000000u;
  return units;
}

std::string WithReplacement(std::string_view replacement) {
  std::string map = CharsMap(OneRule(1));
  map += replacement;
  map.push_back('\0');
  return BytesField(3, BytesField(2, map));
}

std::string NestedSymbols(size_t count) {
  std::string fields;
  for (size_t size = 1; size <= count; ++size) {
    fields += PieceField(std::string(size, 'x'), 0, PieceType::kUserDefined);
  }
  return fields;
}

std::string ManySamples(size_t count) {
  std::string fields;
  for (size_t i = 0; i < count; ++i) fields += BytesField(1, "");
  return fields;
}

// Without a self test's samples a model may be anything; with them it is what they say.
TEST(TokenizerOpen, RunsTheSelfTest) {
  const auto sample = [](std::string_view input, std::string_view expected) {
    return Forged(BytesField(4, BytesField(1, BytesField(1, input) + BytesField(2, expected))));
  };

  ASSERT_OK_AND_ASSIGN(const auto tokenizer, OpenSentencePiece(sample("a", "\u2581 a"), "t"));
  EXPECT_EQ(tokenizer->engine(), "own unigram");
  EXPECT_OK(OpenSentencePiece(sample("", ""), "t"));
  EXPECT_THAT(OpenSentencePiece(sample("a", "a a a"), "t"),
              StatusIs(StatusCode::kDataLoss, HasSubstr("libsentencepiece refuses the model")));
}

TEST(TokenizerOpen, AcceptsASmallHandMadeModel) {
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, OpenSentencePiece(Forged(""), "t.model"));

  EXPECT_EQ(tokenizer->vocab_size(), 3);
  EXPECT_EQ(Encode(*tokenizer, "a a"), (std::vector<int32_t>{1, 2, 1, 2}));
}

TEST(TokenizerOpen, NamesTheForgedField) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto normal = [](std::string_view text, float score) {
    return PieceField(text, score, PieceType::kNormal);
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {Forged(normal("", -1)), "piece 3 has 0 bytes"},
      {Forged(normal(std::string(2000, 'x'), -1)), "piece 3 has 2000 bytes"},
      {Forged(normal("\xff", -1)), "piece 3 is not UTF-8"},
      {Forged(normal(std::string_view("b\0", 2), -1)), "piece 3 is not UTF-8"},
      {Forged(normal("b", nan)), "piece 3 has a score"},
      {Forged(normal("b", 1e30f)), "piece 3 has a score"},
      {Forged(PieceField("b", -1, static_cast<PieceType>(9))), "piece 3 has the unknown type 9"},
      {Forged(PieceField("<unk2>", 0, PieceType::kUnknown)), "2 unknown pieces"},
      {normal("a", 0), "0 unknown pieces"},
      {Forged(normal("a", -2)), "piece 3 is the same as one before it"},
      {PieceField("<unk>", 0, PieceType::kUnknown), "without a piece for any text"},
      {Forged(PieceField("<0x41>", 0, PieceType::kByte)), "1 byte pieces, expected none"},
      {Forged(SpecFields({.byte_fallback = true})), "0 byte pieces, expected 256"},
      {Forged(PieceField("<0xZZ>", 0, PieceType::kByte)), "piece 3 is a byte but not like"},
      {Forged(SpecFields({.type = static_cast<internal::ModelType>(7)})), "unknown model type 7"},
      {Forged(NestedSymbols(65)), "user-defined symbols begin one another"},
      {Forged(BytesField(4, std::string("\x0a\xff", 2))), "the self test is not well formed"},
      {Forged(BytesField(4, ManySamples(10'001))), "a self test of more than"},
      {Forged(NormaliserField({})), "double array of 0 bytes"},
      {Forged(NormaliserField(std::vector<uint32_t>(7))), "double array of 28 bytes"},
      {Forged(NormaliserField(std::vector<uint32_t>(2u << 20))), "the limit is 4194304"},
      {Forged(NormaliserField(std::vector<uint32_t>(256, 256u << 10))), "points outside"},
      {Forged(NormaliserField(std::vector<uint32_t>(256))), "goes round in a circle"},
      {Forged(NormaliserField(OneRule(9))), "names replacement 9 of 1 bytes"},
      {Forged(WithReplacement(std::string(33, 'b'))), "makes more than 32 times as many bytes"},
      {Forged(WithReplacement("\xff")), "is not UTF-8"},
      {Forged(BytesField(3, BytesField(2, "\xff\xff\xff\xff"))), "double array"},
      {Forged(BytesField(5, BytesField(2, "\xff\xff\xff\xff"))), "the denormaliser's table"},
  };
  for (const auto& [bytes, message] : cases) {
    EXPECT_THAT(OpenSentencePiece(bytes, "t.model"),
                StatusIs(StatusCode::kDataLoss, HasSubstr(message)));
  }
}

std::vector<std::string> LinesOf(const std::string& path) {
  std::istringstream in(ReadFile(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(Tokenizer, GivesTheGoldenIdsOfPublishedModels) {
  const std::string base = "../shared/data/tokenizers/";
  if (!FileSystem::Posix().Exists(base + "golden/mixed_input.txt")) {
    GTEST_SKIP() << base << " is not here";
  }
  const auto inputs = LinesOf(base + "golden/mixed_input.txt");
  for (const std::string model : {"nai-t5", "mistral01", "xlnet_base_cased"}) {
    ASSERT_OK_AND_ASSIGN(
        const auto tokenizer,
        OpenSentencePiece(ReadFile(base + "sentencepiece/" + model + ".model"), model));
    const auto expected =
        LinesOf(base + "golden/sentencepiece/mixed_tokens_" + model + ".txt");
    ASSERT_EQ(inputs.size(), expected.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].find('\\') != std::string::npos) continue;  // escaped line ends
      std::string ids;
      for (const int32_t id : Encode(*tokenizer, inputs[i])) {
        ids += Concat(ids.empty() ? "" : ", ", id);
      }
      ASSERT_EQ(ids, expected[i]) << model << " line " << i;
    }
  }
}

}  // namespace
}  // namespace larder::text
