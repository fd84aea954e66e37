// SPDX-License-Identifier: Apache-2.0
#include "serving/embed.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/serving/fake_encoder.h"
#include "tests/serving/serving_world.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using testing::HasSubstr;

v1::EmbedRequest Request(const std::vector<std::string>& texts) {
  v1::EmbedRequest request;
  request.set_encoder("titles");
  for (const std::string& text : texts) request.add_texts(text);
  return request;
}

TEST(Embed, GivesUnitVectorsAndCodesInTheOrderOfTheTexts) {
  ServingWorld world;
  v1::EmbedRequest request = Request({"apple pie", "", "green pear"});
  request.set_want_codes(true);
  request.set_want_vectors(true);

  ASSERT_OK_AND_ASSIGN(const auto reply, Embed(request, world.context()));

  EXPECT_EQ(reply.dimensions(), 16U);
  EXPECT_EQ(reply.encoder().digest(), world.encoder_digest.Hex());
  EXPECT_EQ(reply.codes().rows(), 3U);
  EXPECT_EQ(reply.codes().list_size(), 16U);
  const auto codes = Numbers<int8_t>(reply.codes().child());
  const auto floats = Numbers<float>(reply.vectors().child());
  ASSERT_EQ(floats.size(), 48U);
  for (const size_t row : {0U, 2U}) {
    double squares = 0;
    double codes_squares = 0;
    for (size_t i = row * 16; i < (row + 1) * 16; ++i) {
      squares += double{floats[i]} * floats[i];
      codes_squares += codes[i] * codes[i];
    }
    EXPECT_NEAR(squares, 1, 1e-6);
    EXPECT_NEAR(floats[row * 16], codes[row * 16] / std::sqrt(codes_squares), 1e-6);
  }
  EXPECT_EQ(floats[16], 0);  // nothing is known of the empty text
}

TEST(Embed, GivesVectorsWhenNothingIsChosen) {
  ServingWorld world;
  ASSERT_OK_AND_ASSIGN(const auto reply, Embed(Request({"apple"}), world.context()));
  EXPECT_TRUE(reply.has_vectors());
  EXPECT_FALSE(reply.has_codes());
}

TEST(Embed, GivesTheSameCodesInEveryBatch) {
  ServingWorld world;
  std::vector<std::string> texts;
  for (int i = 0; i < 600; ++i) texts.push_back("apple " + std::to_string(i % 7));
  v1::EmbedRequest request = Request(texts);
  request.set_want_codes(true);
  ASSERT_OK_AND_ASSIGN(const auto all, Embed(request, world.context()));
  request = Request({texts[599]});
  request.set_want_codes(true);
  ASSERT_OK_AND_ASSIGN(const auto one, Embed(request, world.context()));
  EXPECT_EQ(all.codes().child().values().substr(599 * 16), one.codes().child().values());
}

TEST(Encoders, NamesTheFirstTextThatIsTooLongByItsPlaceAmongAll) {
  ServingWorld world;
  const std::string too_long(kMaxTextBytes + 1, 'a');
  std::vector<std::string_view> texts(300, "apple");
  texts[150] = texts[290] = too_long;
  ASSERT_OK_AND_ASSIGN(const text::EncoderInfo info, world.encoders->Load(world.encoder_digest));
  std::vector<int8_t> out(texts.size() * info.code_size());
  const auto embed = [&] {
    return world.encoders->Embed(world.encoder_digest, registry::TextRole::kDocument, texts, out);
  };

  EXPECT_THAT(embed(),
              StatusIs(StatusCode::kOutOfRange, HasSubstr("text 150: ")));
  out.pop_back();
  EXPECT_THAT(embed(),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("300 texts need")));
}

TEST(Embed, RefusesWhatItDoesNotKnowOrWhatPassesALimit) {
  ServingWorld world;
  v1::EmbedRequest request = Request({"apple"});
  request.set_encoder("title");
  EXPECT_THAT(Embed(request, world.context()),
              StatusIs(StatusCode::kNotFound, HasSubstr("expected one of titles")));
  EXPECT_THAT(Embed(Request(std::vector<std::string>(17, std::string(kMaxTextBytes, ' '))),
                    world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("passed at text 16")));
  EXPECT_THAT(Embed(Request(std::vector<std::string>(kMaxEmbedTexts + 1, "a")), world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("at most 10000")));
  request = Request({"a"});
  request.set_role(static_cast<v1::TextRole>(7));
  EXPECT_THAT(Embed(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("role: 7")));
  request = Request({"a"});
  request.set_truncate(static_cast<v1::Truncate>(7));
  EXPECT_THAT(Embed(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("truncate: 7")));
  request = Request({"a"});
  request.set_invalid_utf8(static_cast<v1::InvalidUtf8>(-1));
  EXPECT_THAT(Embed(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("invalid_utf8: -1")));
  request = Request({"a"});
  request.add_raw_texts("b");
  EXPECT_THAT(Embed(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("got both")));
  request = Request({"a"});
  request.set_dimensions(8);
  EXPECT_THAT(Embed(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("has 16, got 8")));
}

// A world whose encoder reads 64 tokens, one per byte, and has vectors of 16 dimensions.
struct FakeWorld {
  FakeEncoderControl control;
  ServingWorld world{kEncoderDefinition, 1'000'000, {}, OpenFakeEncoders(control)};
};

TEST(Embed, NamesTextsWithoutAVectorAndGivesTheOthersTheirs) {
  FakeWorld fake;
  v1::EmbedRequest request;
  request.set_encoder("titles");
  request.add_raw_texts("a");
  request.add_raw_texts("\xff");
  request.add_raw_texts(std::string(63, 'x'));
  request.add_raw_texts(std::string(kMaxTextBytes + 1, 'x'));
  request.add_raw_texts("b");
  request.set_truncate(v1::TRUNCATE_ERROR);
  request.set_want_codes(true);
  request.set_want_vectors(true);
  request.set_want_halves(true);

  ASSERT_OK_AND_ASSIGN(const auto reply, Embed(request, fake.world.context()));

  ASSERT_EQ(reply.not_ok_size(), 3);
  EXPECT_EQ(reply.not_ok(0).index(), 1U);
  EXPECT_EQ(reply.not_ok(0).code(), static_cast<uint32_t>(StatusCode::kInvalidArgument));
  EXPECT_EQ(reply.not_ok(1).index(), 2U);
  EXPECT_EQ(reply.not_ok(1).code(), static_cast<uint32_t>(StatusCode::kOutOfRange));
  EXPECT_THAT(reply.not_ok(1).message(), HasSubstr("more tokens than the 64"));
  EXPECT_EQ(reply.not_ok(2).index(), 3U);
  EXPECT_EQ(reply.not_ok(2).code(), static_cast<uint32_t>(StatusCode::kOutOfRange));
  const std::vector<bool> valid = {true, false, false, false, true};
  EXPECT_EQ(Validity(reply.codes()), valid);
  EXPECT_EQ(Validity(reply.vectors()), valid);
  EXPECT_EQ(Validity(reply.halves()), valid);
  EXPECT_EQ(reply.halves().child().type(), v1::COLUMN_TYPE_FLOAT16);
  EXPECT_EQ(reply.halves().child().values().size(), 5 * 16 * 2U);
  EXPECT_THAT(reply.tokens(), testing::ElementsAre(3, 0, 64, 0, 3));
  EXPECT_THAT(reply.truncated(), testing::ElementsAre(false, false, true, false, false));
  const auto floats = Numbers<float>(reply.vectors().child());
  EXPECT_EQ(std::vector<float>(floats.begin() + 16, floats.begin() + 64), std::vector<float>(48));
}

TEST(Embed, CutsTextsAndSaysSo) {
  FakeWorld fake;
  ASSERT_OK_AND_ASSIGN(const auto reply,
                       Embed(Request({std::string(62, 'x'), std::string(63, 'x')}),
                             fake.world.context()));
  EXPECT_TRUE(reply.not_ok().empty());
  EXPECT_THAT(reply.tokens(), testing::ElementsAre(64, 64));
  EXPECT_THAT(reply.truncated(), testing::ElementsAre(false, true));
}

TEST(Embed, ReplacesWhatIsNotUtf8IfAsked) {
  ServingWorld world(kEncoderDefinition);
  v1::EmbedRequest request;
  request.set_encoder("titles");
  request.add_raw_texts("apple \xff\xfe pie");
  request.add_raw_texts("apple \xc0\x80 pie");  // other bytes, as many
  request.set_invalid_utf8(v1::INVALID_UTF8_REPLACE);
  ASSERT_OK_AND_ASSIGN(const auto reply, Embed(request, world.context()));
  EXPECT_TRUE(reply.not_ok().empty());
  const auto floats = Numbers<float>(reply.vectors().child());
  EXPECT_EQ(std::vector<float>(floats.begin(), floats.begin() + 16),
            std::vector<float>(floats.begin() + 16, floats.end()));
}

TEST(Embed, CutsVectorsToAsked) {
  FakeWorld fake;
  v1::EmbedRequest request = Request({"a", "b"});
  request.set_want_codes(true);
  request.set_want_vectors(true);
  ASSERT_OK_AND_ASSIGN(const auto whole, Embed(request, fake.world.context()));
  request.set_dimensions(4);
  ASSERT_OK_AND_ASSIGN(const auto cut, Embed(request, fake.world.context()));
  EXPECT_EQ(cut.dimensions(), 4U);
  EXPECT_EQ(cut.codes().list_size(), 4U);
  EXPECT_EQ(cut.codes().child().values().substr(4), whole.codes().child().values().substr(16, 4));
  const auto floats = Numbers<float>(cut.vectors().child());
  ASSERT_EQ(floats.size(), 8U);
  double squares = 0;
  for (size_t d = 4; d < 8; ++d) squares += double{floats[d]} * floats[d];
  EXPECT_NEAR(squares, 1, 1e-6);
}

// A megabyte of one character, right to left, combining marks, NUL, a private character.
TEST(Embed, TakesEveryTextThereIs) {
  const std::vector<std::string> texts = {
      "", std::string(kMaxTextBytes, 'a'), std::string(kMaxTextBytes, ' '),
      "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", "e\xcc\x81\xcc\x81\xcc\x81",
      std::string("a\0b\0", 4), "\xee\x80\x80", "\xf0\x9f\x98\x80"};
  ServingWorld world(kEncoderDefinition);
  ASSERT_OK_AND_ASSIGN(const auto reply, Embed(Request(texts), world.context()));
  EXPECT_TRUE(reply.not_ok().empty());
  EXPECT_EQ(reply.vectors().rows(), texts.size());
  EXPECT_TRUE(reply.truncated(1));
  EXPECT_EQ(reply.tokens(0), 0U);
  FakeWorld fake;
  ASSERT_OK_AND_ASSIGN(const auto slow, Embed(Request(texts), fake.world.context()));
  EXPECT_TRUE(slow.not_ok().empty());
  EXPECT_EQ(slow.tokens(0), 2U);
  EXPECT_NE(Numbers<float>(slow.vectors().child())[0], 0);
}

TEST(Tokenize, SaysWhereTokensStandInTheText) {
  FakeWorld fake;
  v1::TokenizeRequest request;
  request.set_encoder("titles");
  request.add_texts("ab");
  request.set_role(v1::TEXT_ROLE_QUERY);
  ASSERT_OK_AND_ASSIGN(const auto reply, Tokenize(request, fake.world.context()));
  EXPECT_EQ(reply.max_tokens(), 64U);
  EXPECT_EQ(reply.encoder().name(), "titles");
  const v1::TokenizedText& text = reply.texts(0);
  // [CLS] query:_ a b [SEP]
  EXPECT_THAT(text.begin(), testing::ElementsAre(0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2));
  EXPECT_THAT(text.end(), testing::ElementsAre(0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2));
  EXPECT_EQ(text.pieces(0), "[CLS]");
  EXPECT_EQ(text.pieces(1), "q");
  EXPECT_EQ(text.pieces(8), "a");
  EXPECT_EQ(text.pieces(10), "[SEP]");
  for (int i = 0; i < 11; ++i) EXPECT_EQ(text.special(i), i != 8 && i != 9) << i;
  EXPECT_EQ(text.total(), 11U);
  EXPECT_FALSE(text.truncated());
}

TEST(Tokenize, ListsWhatTheEncoderReadsAndCountsAll) {
  FakeWorld fake;
  v1::TokenizeRequest request;
  request.set_encoder("titles");
  request.add_texts(std::string(100, 'x'));
  ASSERT_OK_AND_ASSIGN(const auto reply, Tokenize(request, fake.world.context()));
  EXPECT_EQ(reply.texts(0).ids_size(), 64);
  EXPECT_EQ(reply.texts(0).end(62), 62U);
  EXPECT_EQ(reply.texts(0).total(), 102U);
  EXPECT_TRUE(reply.texts(0).truncated());
}

TEST(Tokenize, PiecesOfAStaticEncoderCoverTheText) {
  ServingWorld world(kEncoderDefinition);
  v1::TokenizeRequest request;
  request.set_encoder("titles");
  request.add_texts("Apple pie");
  const auto reply = Tokenize(request, world.context());
  if (reply.status().code() == StatusCode::kUnimplemented) {
    GTEST_SKIP() << "this tokenizer does not say where its tokens stand";
  }
  ASSERT_OK(reply.status());
  const v1::TokenizedText& text = reply->texts(0);
  ASSERT_GT(text.ids_size(), 0);
  EXPECT_EQ(text.begin(0), 0U);
  EXPECT_EQ(text.end(text.end_size() - 1), 9U);
  for (int i = 0; i < text.ids_size(); ++i) EXPECT_FALSE(text.special(i));
}

TEST(Tokenize, RefusesTooMuchText) {
  ServingWorld world(kEncoderDefinition);
  v1::TokenizeRequest request;
  request.set_encoder("titles");
  request.add_texts(std::string(kMaxTokenizeBytes, 'a'));
  request.add_texts("a");
  EXPECT_THAT(Tokenize(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("1048576 bytes together")));
}

TEST(Embed, LooksAtItsDeadlineBetweenLongTexts) {
  ServingWorld world;
  const std::string text(size_t{256} << 10, 'a');
  Context context = world.context();
  int looks = 0;
  context.cancelled = [&looks] { return ++looks == 3; };

  EXPECT_THAT(Embed(Request({text, text, text, text}), context),
              StatusIs(StatusCode::kCancelled, HasSubstr("no longer waits")));
}

TEST(Embed, RefusesAnExternalEncoder) {
  ServingWorld world;
  auto apply = world.Definitions<v1::ApplyRequest>(std::string(kTestDefinitions) +
                                                   "---\nencoder: visual\nexternal: 4\n");
  apply.set_base_revision(1);
  featurestore::Position position;
  registry::RevisionRecord record;
  record.base = 1;
  record.files = {{"test.yaml", apply.files(0).text()}};
  record.encoders = {{"encoders/titles", world.encoder_digest, 16}};
  ASSERT_OK(world.store->Propose(record, &position));
  v1::EmbedRequest request = Request({"apple"});
  request.set_encoder("visual");
  EXPECT_THAT(Embed(request, world.context()),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("external")));
}

}  // namespace
}  // namespace larder::serving
