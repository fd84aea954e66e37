// SPDX-License-Identifier: Apache-2.0
#include "text/wordpiece/wordpiece_tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <sstream>

#include "base/file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/text/text_testing.h"
#include "text/internal/json.h"

namespace larder::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kData = "tests/testdata/wordpiece/";

std::vector<std::string> LinesOf(const std::string& path) {
  std::istringstream in(ReadFile(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::unique_ptr<const Tokenizer> Open(std::string_view bytes) {
  auto tokenizer = OpenWordPiece(bytes, "t.json");
  EXPECT_OK(tokenizer);
  return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
}

std::vector<int32_t> Ids(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<int32_t> ids;
  EXPECT_OK(tokenizer.Encode(text, ids));
  return ids;
}

std::vector<Token> Tokens(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<Token> tokens;
  EXPECT_OK(tokenizer.EncodeWithOffsets(text, tokens));
  return tokens;
}

// The file of a small tokenizer with one thing replaced by another.
std::string With(std::string_view what, std::string_view by) {
  std::string file = R"({"version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [{"id": 1, "content": "[SEP]", "single_word": false, "lstrip": false,
                      "rstrip": false, "normalized": false, "special": true}],
    "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                   "strip_accents": null, "lowercase": true},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 1], "cls": ["a", 2]},
    "decoder": null,
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
              "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "[SEP]": 1, "a": 2,
                                                         "##b": 3, "ab": 4, ".": 5}}})";
  const size_t at = file.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return file.replace(at, what.size(), by);
}

Status OpenWith(std::string_view what, std::string_view by) {
  return OpenWordPiece(With(what, by), "t.json").status();
}

TEST(WordPieceTokenizer, GivesTheIdsAndPlacesOfTheTokenizersPackage) {
  std::map<std::string, std::unique_ptr<const Tokenizer>> open;
  const auto lines = LinesOf(kData + "cases.jsonl");
  ASSERT_GT(lines.size(), 500u);
  for (const std::string& line : lines) {
    ASSERT_OK_AND_ASSIGN(const internal::Json json, internal::ParseJson(line, "cases"));
    const std::string& name = json.items.at(0).text;
    auto& tokenizer = open[name];
    if (tokenizer == nullptr) tokenizer = Open(ReadFile(kData + name + ".json"));
    ASSERT_NE(tokenizer, nullptr);
    std::vector<Token> expected;
    for (const internal::Json& token : json.items.at(2).items) {
      expected.push_back({static_cast<int32_t>(token.items.at(0).integer),
                          static_cast<uint32_t>(token.items.at(1).integer),
                          static_cast<uint32_t>(token.items.at(2).integer)});
    }
    std::vector<int32_t> ids;
    for (const Token& token : expected) ids.push_back(token.id);

    EXPECT_EQ(Tokens(*tokenizer, json.items.at(1).text), expected) << line;
    EXPECT_EQ(Ids(*tokenizer, json.items.at(1).text), ids) << line;
  }
  EXPECT_EQ(open.size(), 7u);
}

// A token that is looked for in the normalised text sends every text the slow way.
TEST(WordPieceTokenizer, TheFastWayGivesWhatTheSlowOneGives) {
  std::string file = ReadFile(kData + "uncased.json");
  const auto fast = Open(file);
  const std::string added = Concat(
      R"({"id": )", fast->vocab_size(),
      R"(, "content": "neverthere", "single_word": false, "lstrip": false, "rstrip": false,
          "normalized": true, "special": false}, )");
  file.insert(file.find('[', file.find("added_tokens")) + 1, added);
  const auto slow = Open(file);
  ASSERT_NE(slow, nullptr);
  const std::vector<std::string> parts = {"the", "Un", "a", " ", " ", "\t", ".", "[SEP]", "\x01",
                                          "\u00e9", "\u6771", "\u0301", "\xff", "\n", "-", "ing"};
  for (uint64_t seed = 1; seed <= 2'000; ++seed) {
    std::mt19937_64 random(seed);
    std::string text;
    for (uint64_t n = random() % 30; n > 0; --n) text += parts[random() % parts.size()];

    EXPECT_EQ(Tokens(*fast, text), Tokens(*slow, text)) << "seed " << seed;
    EXPECT_EQ(Ids(*fast, text), Ids(*slow, text)) << "seed " << seed;
  }
}

TEST(WordPieceTokenizer, GivesTheGoldenIdsOfPublishedModels) {
  const std::string base = "../shared/data/tokenizers/";
  if (!FileSystem::Posix().Exists(base + "golden/mixed_input.txt")) {
    GTEST_SKIP() << base << " is not here";
  }
  for (const std::string model : {"gte", "bert_base_cased"}) {
    const auto tokenizer = Open(ReadFile(base + "tokenizers_json/" + model + ".json"));
    for (const std::string input : {"mixed", "small"}) {
      const auto texts = LinesOf(base + "golden/" + input + "_input.txt");
      const auto expected =
          LinesOf(Concat(base, "golden/tokenizers/", input, "_tokens_", model, ".txt"));
      ASSERT_EQ(texts.size(), expected.size());
      for (size_t i = 0; i < texts.size(); ++i) {
        if (texts[i].find('\\') != std::string::npos) continue;  // escaped line ends
        std::string ids;
        const std::vector<int32_t> encoded = Ids(*tokenizer, texts[i]);
        // The files of gte hold 512 ids of each text, or zeros.
        const size_t size = model == "gte" ? std::min<size_t>(encoded.size(), 512) : encoded.size();
        for (const int32_t id : std::span(encoded).first(size)) {
          ids += Concat(ids.empty() ? "" : ", ", id);
        }
        std::string padded = expected[i];
        while (padded.ends_with(", 0")) padded.resize(padded.size() - 3);
        ASSERT_EQ(ids, padded) << model << " " << input << " line " << i;
      }
    }
  }
}

TEST(WordPieceTokenizer, TellsAboutItsVocabulary) {
  const auto tokenizer = Open(With("\"##b\": 3", "\"##b\": 9"));

  EXPECT_EQ(tokenizer->vocab_size(), 10);
  EXPECT_EQ(tokenizer->unknown_id(), 0);
  EXPECT_EQ(tokenizer->piece(9), "##b");
  EXPECT_EQ(tokenizer->piece(8), "");
  EXPECT_EQ(tokenizer->piece(10), "");
  EXPECT_TRUE(tokenizer->is_control(1));
  EXPECT_FALSE(tokenizer->is_control(2));
  EXPECT_FALSE(tokenizer->is_control(-1));
  EXPECT_THAT(tokenizer->before(), ElementsAre(2));
  EXPECT_THAT(tokenizer->after(), ElementsAre(1));
  EXPECT_EQ(tokenizer->engine(), "own wordpiece");
}

TEST(WordPieceTokenizer, BytesThatAreNotUtf8CountAsReplacementCharacters) {
  const auto cleaned = Open(With("true,", "true,"));
  const auto kept = Open(With("\"clean_text\": true", "\"clean_text\": false"));

  EXPECT_EQ(Tokens(*cleaned, "a\xff\x62 ab"), (std::vector<Token>{{4, 0, 3}, {4, 4, 6}}));
  EXPECT_EQ(Tokens(*cleaned, "\xe2\x82"), std::vector<Token>());
  EXPECT_EQ(Tokens(*kept, "ab \xe2\x82. a"),
            (std::vector<Token>{{4, 0, 2}, {0, 3, 5}, {5, 5, 6}, {2, 7, 8}}));
  EXPECT_EQ(Ids(*kept, "\xff"), Ids(*kept, "\ufffd"));
}

TEST(WordPieceTokenizer, AWordOverTheLimitIsUnknownAsAWhole) {
  const auto tokenizer = Open(With("word\": 100", "word\": 2"));

  EXPECT_EQ(Tokens(*tokenizer, "ab abb ab\u0301b."),
            (std::vector<Token>{{4, 0, 2}, {0, 3, 6}, {0, 7, 12}, {5, 12, 13}}));
}

TEST(WordPieceTokenizer, OtherKindsAreRefusedByName) {
  const auto refused = [](std::string_view what, std::string_view by, std::string_view message) {
    EXPECT_THAT(OpenWith(what, by),
                StatusIs(StatusCode::kUnimplemented, HasSubstr(std::string(message))));
  };
  refused("\"WordPiece\"", "\"BPE\"", "t.json: model BPE is not supported");
  refused("\"BertNormalizer\"", "\"NFKC\"", "t.json: normalizer NFKC is not supported");
  refused("\"BertPreTokenizer\"", "\"ByteLevel\"", "t.json: pre_tokenizer ByteLevel is not");
  refused("{\"type\": \"BertPreTokenizer\"}", "null", "t.json: pre_tokenizer: none is not");
  refused("\"BertProcessing\"", "\"RobertaProcessing\"",
          "t.json: post_processor RobertaProcessing is not");
  refused("\"1.0\"", "\"2.0\"", "t.json: a version other than 1.0");
}

TEST(WordPieceTokenizer, DamageIsNamed) {
  const auto damaged = [](std::string_view what, std::string_view by, std::string_view message) {
    EXPECT_THAT(OpenWith(what, by),
                StatusIs(StatusCode::kDataLoss, HasSubstr(std::string(message))));
  };
  damaged("\"version\"", "version", "t.json: not JSON");
  damaged("\"model\"", "\"modell\"", "t.json: 'model' is missing");
  damaged("\"unk_token\"", "\"unknown\"", "t.json: model: 'unk_token' is missing");
  damaged("\"[UNK]\": 0", "\"[unk]\": 0", "unk_token '[UNK]' is not in the vocabulary");
  damaged("\"##b\": 3", "\"##b\": 2", "model: vocab: '##b' and 'a' both have the id 2");
  damaged("\"##b\": 3", "\"a\": 3", "the key 'a' stands twice");
  damaged("\"##b\": 3", "\"##b\": -1", "'##b': the id is no integer from 0 to 999999");
  damaged("\"##b\": 3", "\"##b\": 1000000", "'##b': the id is no integer from 0 to 999999");
  damaged("\"##b\": 3", "\"##b\": 3.5", "'##b': the id is no integer from 0 to 999999");
  damaged("\"##b\": 3", "\"##b\": 99999999999999999999", "t.json");
  damaged("\"##b\"", Concat("\"", std::string(300, 'x'), "\""), "a piece of 300 bytes");
  damaged("word\": 100", "word\": -1", "'max_input_chars_per_word' is -1");
  damaged("\"lowercase\": true", "\"lowercase\": 1", "normalizer: 'lowercase' is no truth value");
  damaged("\"id\": 1", "\"id\": 2", "added token '[SEP]': the id is 2, expected 1");
  damaged("\"content\": \"[SEP]\"", "\"content\": \"\"", "the content is empty");
  damaged("\"content\": \"[SEP]\"", "\"content\": \"new\"", "the id is 1, expected 6");
  damaged("[\"a\", 2]", "[\"a\", 7]", "post_processor: the id 7, the vocabulary ends at 5");
  damaged("[\"a\", 2]", "[2]", "'cls' is no pair of a token and its id");
  damaged("\"decoder\": null", Concat("\"decoder\": ", std::string(100, '[')), "t.json");
}

TEST(WordPieceTokenizer, AddedTokensThatCannotBeFoundAreRefused) {
  const auto token = [](std::string_view content, int id, std::string_view what) {
    std::string out = Concat(R"({"id": )", id, R"(, "content": ")", content,
                             R"(", "single_word": false, "lstrip": false, "rstrip": false,
                                 "normalized": false, "special": false})");
    const size_t at = out.find(Concat("\"", what, "\": false"));
    return what.empty() ? out : out.replace(at + what.size() + 4, 5, "true");
  };
  const auto open_with = [&](const std::string& first, const std::string& second) {
    return OpenWith("\"added_tokens\": [", Concat("\"added_tokens\": [", first, ",", second, ","));
  };

  EXPECT_THAT(open_with(token("Foo", 6, "normalized"), token("foo", 7, "normalized")),
              StatusIs(StatusCode::kDataLoss, HasSubstr("'foo' is there twice")));
  EXPECT_THAT(open_with(token("\\u0001", 6, "normalized"), token("foo", 7, "")),
              StatusIs(StatusCode::kDataLoss, HasSubstr("the normalizer leaves nothing of it")));
  EXPECT_THAT(open_with(token("x", 6, "rstrip"), token(" y", 7, "")),
              StatusIs(StatusCode::kUnimplemented, HasSubstr("'x' with rstrip beside ' y'")));
  EXPECT_OK(open_with(token("x", 6, "lstrip"), token(" y", 7, "")));
}

TEST(VocabTxt, BecomesATokenizerJson) {
  const std::string vocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\ncafe\n##s\nCaf\u00e9\n\"\n";
  ASSERT_OK_AND_ASSIGN(const std::string lower, TokenizerJsonOfVocab(vocab, true, "v.txt"));
  ASSERT_OK_AND_ASSIGN(const std::string cased, TokenizerJsonOfVocab(vocab, false, "v.txt"));

  const auto uncased = Open(lower);
  EXPECT_THAT(Ids(*uncased, "Caf\u00e9s \"[SEP]"), ElementsAre(4, 5, 7, 3));
  EXPECT_THAT(Ids(*Open(cased), "Caf\u00e9s Cafes"), ElementsAre(6, 5, 1));
  EXPECT_THAT(uncased->before(), ElementsAre(2));
  EXPECT_THAT(uncased->after(), ElementsAre(3));
}

TEST(VocabTxt, DamageIsNamed) {
  const auto refused = [](std::string_view vocab, std::string_view message) {
    EXPECT_THAT(TokenizerJsonOfVocab(vocab, true, "v.txt"),
                StatusIs(StatusCode::kDataLoss, HasSubstr(std::string(message))));
  };
  refused("[UNK]\n[CLS]\na\na\n", "v.txt: line 4: the piece 'a' is there twice");
  refused("[UNK]\n[CLS]\n", "v.txt: the piece [SEP] is missing");
  refused("", "v.txt: the piece [UNK] is missing");
  refused("[UNK]\n\xff\n", "v.txt: not UTF-8");
}

}  // namespace
}  // namespace larder::text
