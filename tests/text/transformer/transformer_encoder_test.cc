// SPDX-License-Identifier: Apache-2.0
#include "text/transformer/transformer_encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/file_system.h"
#include "base/fixed_point.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/text/text_testing.h"
#include "tests/text/transformer/transformer_testing.h"

namespace larder::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

FileSystem& Fs() { return FileSystem::Posix(); }

// A letter is its own piece; [CLS] is 48, [SEP] 49. Enough to see what is put around a text.
class LetterTokenizer final : public Tokenizer {
 public:
  explicit LetterTokenizer(int32_t vocab_size = kTestVocabulary, std::vector<int32_t> before = {48})
      : Tokenizer(vocab_size, 0, std::move(before), {49}) {}
  bool is_control(int32_t id) const override { return id >= 48; }
  std::string_view piece(int32_t) const override { return ""; }
  std::string_view engine() const override { return "letters"; }

 private:
  Status EncodeText(std::string_view text, std::vector<int32_t>& ids) const override {
    for (const char c : text) {
      if (c != ' ') ids.push_back(c >= 'a' && c <= 'z' ? c - 'a' + 1 : 0);
    }
    return OkStatus();
  }
  Status EncodeTextWithOffsets(std::string_view, std::vector<Token>&) const override {
    return OkStatus();
  }
};

EncoderConfig Config(int32_t max_tokens = 8) {
  EncoderConfig config;
  config.kind = EncoderKind::kTransformer;
  config.dimensions = 64;
  config.max_tokens = max_tokens;
  config.transformer = SmallConfig();
  return config;
}

StatusOr<std::unique_ptr<const Encoder>> Open(const EncoderConfig& config,
                                              std::unique_ptr<const Tokenizer> tokenizer) {
  const EncoderInfo info = {.digest = {}, .kind = config.kind, .dimensions = config.dimensions};
  const std::string model = ModelBytes(RandomWeights(config.transformer, 1));
  return OpenTransformer(info, config, std::move(tokenizer),
                         {.model = model, .model_file = "d/m", .config_file = "d/c"});
}

TEST(TransformerEncoder, SymbolsStandAroundAText) {
  ASSERT_OK_AND_ASSIGN(const auto encoder, Open(Config(), std::make_unique<LetterTokenizer>()));
  TokenizedText out;

  ASSERT_OK(encoder->Tokenize("abc", TextRole::kDocument, out));

  EXPECT_THAT(out.ids, ElementsAre(48, 1, 2, 3, 49));
  EXPECT_FALSE(out.truncated);
  ASSERT_OK(encoder->Tokenize("", TextRole::kDocument, out));
  EXPECT_THAT(out.ids, ElementsAre(48, 49));
}

TEST(TransformerEncoder, ALongTextLosesItsEndAndKeepsTheSymbol) {
  ASSERT_OK_AND_ASSIGN(const auto encoder, Open(Config(), std::make_unique<LetterTokenizer>()));
  TokenizedText out;

  ASSERT_OK(encoder->Tokenize("abcdef", TextRole::kDocument, out));
  EXPECT_THAT(out.ids, ElementsAre(48, 1, 2, 3, 4, 5, 6, 49));
  EXPECT_FALSE(out.truncated);
  ASSERT_OK(encoder->Tokenize("abcdefg", TextRole::kDocument, out));
  EXPECT_THAT(out.ids, ElementsAre(48, 1, 2, 3, 4, 5, 6, 49));
  EXPECT_TRUE(out.truncated);
  ASSERT_OK(encoder->Tokenize("ab" + std::string(1'000, ' '), TextRole::kDocument, out));
  EXPECT_THAT(out.ids, ElementsAre(48, 1, 2, 49));
  EXPECT_TRUE(out.truncated) << "the rest was not looked at";
}

TEST(TransformerEncoder, ThePromptIsThatOfTheRole) {
  EncoderConfig config = Config();
  config.query_prompt = "q: ";
  config.document_prompt = "d";
  ASSERT_OK_AND_ASSIGN(const auto encoder, Open(config, std::make_unique<LetterTokenizer>()));
  TokenizedText out;

  ASSERT_OK(encoder->Tokenize("a", TextRole::kQuery, out));
  EXPECT_THAT(out.ids, ElementsAre(48, 17, 0, 1, 49));
  ASSERT_OK(encoder->Tokenize("a", TextRole::kDocument, out));
  EXPECT_THAT(out.ids, ElementsAre(48, 4, 1, 49));
}

TEST(TransformerEncoder, ATextOverTheLimitIsRefused) {
  ASSERT_OK_AND_ASSIGN(const auto encoder, Open(Config(), std::make_unique<LetterTokenizer>()));
  TokenizedText out;

  EXPECT_THAT(encoder->Tokenize(std::string(kMaxTextBytes + 1, 'a'), TextRole::kQuery, out),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("1048577 bytes")));
}

TEST(TransformerEncoder, TokensAreThoseThatPositionsHaveRoomFor) {
  EncoderConfig config = Config(1'000);
  config.transformer.position_offset = 2;
  ASSERT_OK_AND_ASSIGN(const auto encoder, Open(config, std::make_unique<LetterTokenizer>()));

  EXPECT_EQ(encoder->max_tokens(), 298u);
  std::vector<float> out(64);
  const TokenizedText longer = {.ids = Tokens(299, 1)};
  EXPECT_THAT(encoder->EncodeTokens(std::span(&longer, 1), out),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("299 tokens, the limit is 298")));
  const TokenizedText unknown = {.ids = {50}};
  EXPECT_THAT(encoder->EncodeTokens(std::span(&unknown, 1), out),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("token 50")));
}

TEST(TransformerEncoder, ATokenizerThatDoesNotFitIsDataLoss) {
  EXPECT_THAT(Open(Config(), std::make_unique<LetterTokenizer>(51)).status(),
              StatusIs(StatusCode::kDataLoss, HasSubstr("50 rows of words, the tokenizer has 51")));
  EXPECT_OK(Open(Config(), std::make_unique<LetterTokenizer>(49)));
}

TEST(TransformerEncoder, NoRoomForATextIsTheFaultOfTheConfiguration) {
  EXPECT_THAT(Open(Config(2), std::make_unique<LetterTokenizer>()).status(),
              StatusIs(StatusCode::kDataLoss,
                       HasSubstr("d/c: 'max_tokens' is 2 tokens for a text, of which 2 are the "
                                 "tokenizer's symbols around it")));
  EXPECT_OK(Open(Config(3), std::make_unique<LetterTokenizer>()));
  EncoderConfig few = Config(8);
  few.transformer.position_offset = few.transformer.max_positions - 1;
  EXPECT_THAT(Open(few, std::make_unique<LetterTokenizer>()).status(),
              StatusIs(StatusCode::kDataLoss,
                       HasSubstr("d/c: transformer: 'max_positions' leaves 1 tokens for a text")));
}

// A directory with the sample's SentencePiece tokenizer.
class TransformerArtifact : public testing::Test {
 protected:
  void SetUp() override {
    config_ = Config(64);
    weights_ = RandomWeights(config_.transformer, 1);
    const auto rows = static_cast<uint64_t>(SampleTokenizer()->vocab_size());
    TestTensor& words = weights_.at("embeddings.word_embeddings.weight");
    std::vector<float> values(rows * 64);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = words.values[i * 7 % words.values.size()];
    }
    words = {{rows, 64}, values};
    WriteFile(dir_.File("encoder.json"), WriteEncoderConfig(config_));
    WriteFile(dir_.File("tokenizer.model"), SampleTokenizerBytes());
    WriteFile(dir_.File("model.safetensors"), ModelBytes(weights_, "bert."));
  }
  TempDir dir_;
  EncoderConfig config_;
  TestWeights weights_;
};

TEST_F(TransformerArtifact, OpensAndEncodesAsItsWeightsSay) {
  ASSERT_OK_AND_ASSIGN(const auto encoder, OpenEncoder(Fs(), dir_.path()));

  EXPECT_EQ(encoder->kind(), EncoderKind::kTransformer);
  EXPECT_EQ(encoder->info().element(), VectorElement::kFloat);
  EXPECT_EQ(encoder->max_tokens(), 64u);
  const std::vector<std::string_view> texts = {"network server", "game player"};
  std::vector<TokenizedText> tokens(2);
  for (size_t i = 0; i < 2; ++i) {
    ASSERT_OK(encoder->Tokenize(texts[i], TextRole::kDocument, tokens[i]));
  }
  std::vector<float> vectors(2 * 64);
  ASSERT_OK(encoder->EncodeTokens(tokens, vectors));
  for (size_t i = 0; i < 2; ++i) {
    const auto vector = std::span(vectors).subspan(i * 64, 64);
    EXPECT_LT(CosineDistance(vector, ReferenceVector(config_.transformer, weights_, tokens[i].ids)),
              1e-3);
  }
  std::vector<int8_t> codes(2 * 128);
  ASSERT_OK(encoder->Encode(texts, codes));
  const std::vector<int8_t> expected = ToFixedPoint(std::span(vectors).subspan(64));
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), codes.begin() + 128));
}

TEST_F(TransformerArtifact, ItsPartsAreChecked) {
  const std::string path = dir_.File("model.safetensors");
  WriteFile(path, ReadFile(path).substr(0, 5'000));
  EXPECT_THAT(OpenEncoder(Fs(), dir_.path()),
              StatusIs(StatusCode::kDataLoss, HasSubstr("model.safetensors")));

  WriteFile(path, WriteStaticModel(RandomTables(64, 1)));
  EXPECT_THAT(OpenEncoder(Fs(), dir_.path()),
              StatusIs(StatusCode::kDataLoss, HasSubstr("word_embeddings")));
}

}  // namespace
}  // namespace larder::text
