// SPDX-License-Identifier: Apache-2.0
#include "serving/embed.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

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
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("text 150: ")));
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
  EXPECT_THAT(Embed(Request({"\xff"}), world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("text 0 is not UTF-8")));
  EXPECT_THAT(Embed(Request({std::string(kMaxTextBytes + 1, 'a')}), world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("passed at text 0")));
  EXPECT_THAT(Embed(Request(std::vector<std::string>(kMaxEmbedTexts + 1, "a")), world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("at most 10000")));
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
