// SPDX-License-Identifier: Apache-2.0
#include "serving/search.h"

#include <gtest/gtest.h>

#include <cmath>

#include <limits>
#include <string>
#include <vector>

#include "tests/serving/serving_world.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using testing::HasSubstr;

void AddFruit(ServingWorld& world) {
  world.AddItem("a", "apple pie");
  world.AddItem("b", "apple tart");
  world.AddItem("c", "green pear");
  world.AddItem("d", "apple pie");
}

v1::SearchRequest Request() {
  v1::SearchRequest request;
  request.set_feature("text_of.vec");
  return request;
}

TEST(Search, FindsTheItemsNearestToAText) {
  ServingWorld world;
  AddFruit(world);
  v1::SearchRequest request = Request();
  request.set_text("apple pie");
  request.set_k(2);

  ASSERT_OK_AND_ASSIGN(const auto reply, Search(request, world.context()));

  EXPECT_EQ(Strings(reply.ids()), (std::vector<std::string>{"a", "d"}));  // ties by key
  EXPECT_EQ(Numbers<double>(reply.scores()), (std::vector<double>{1, 1}));
  EXPECT_EQ(reply.epoch().delta_vectors(), 4U);
  EXPECT_EQ(reply.read().position().value(), world.store->position().value);
  EXPECT_EQ(reply.read().revision(), 1U);
}

TEST(Search, LeavesTheKeyItselfOut) {
  ServingWorld world;
  AddFruit(world);
  v1::SearchRequest request = Request();
  request.set_key("a");

  ASSERT_OK_AND_ASSIGN(const auto reply, Search(request, world.context()));

  EXPECT_EQ(reply.ids().rows(), 3U);
  EXPECT_EQ(Strings(reply.ids())[0], "d");
}

TEST(Search, TakesVectorsOfItsOwnSpaceOnly) {  // invariant 6
  ServingWorld world;
  AddFruit(world);
  std::vector<int8_t> codes(16);
  const std::string_view text = "apple pie";
  ASSERT_OK(world.encoders->Embed(world.encoder_digest, registry::TextRole::kQuery,
                                  {&text, 1}, codes));
  const std::vector<float> floats(codes.begin(), codes.end());
  v1::SearchRequest request = Request();
  request.mutable_vector()->set_space(world.encoder_digest.Hex());
  request.mutable_vector()->set_codes_i8(std::string(codes.begin(), codes.end()));
  ASSERT_OK_AND_ASSIGN(const auto by_codes, Search(request, world.context()));
  request.mutable_vector()->set_values_f32le(
      std::string(reinterpret_cast<const char*>(floats.data()), 64));
  ASSERT_OK_AND_ASSIGN(const auto by_floats, Search(request, world.context()));
  request.mutable_vector()->set_space(Sha256("another encoder").Hex());

  EXPECT_EQ(Strings(by_codes.ids())[0], "a");
  EXPECT_EQ(Strings(by_floats.ids()), Strings(by_codes.ids()));
  EXPECT_THAT(Search(request, world.context()),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("space")));
}

TEST(Search, RefusesVectorsThatDoNotFit) {
  ServingWorld world;
  AddFruit(world);
  v1::SearchRequest request = Request();
  request.mutable_vector()->set_codes_i8("short");
  EXPECT_THAT(Search(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("needs the digest")));
  request.mutable_vector()->set_space(world.encoder_digest.Hex());
  EXPECT_THAT(Search(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("expected 16 codes, got 5")));
  request.mutable_vector()->set_values_f32le("short");
  EXPECT_THAT(Search(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("expected 16 float32")));
  request.mutable_vector()->set_values_f32le(std::string(64, '\xff'));  // all NaN
  EXPECT_THAT(Search(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("not finite")));
}

// Nothing is near a vector without a direction, in whatever form it comes.
TEST(Search, RefusesVectorsWithoutADirection) {
  ServingWorld world;
  AddFruit(world);
  v1::SearchRequest request = Request();
  request.mutable_vector()->set_space(world.encoder_digest.Hex());
  request.mutable_vector()->set_codes_i8(std::string(16, '\0'));
  EXPECT_THAT(Search(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("zero")));
  request.mutable_vector()->set_values_f32le(std::string(64, '\0'));
  EXPECT_THAT(Search(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("zero")));
  std::vector<float> values(16, 1.0F);
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    values[7] = bad;
    request.mutable_vector()->set_values_f32le(
        std::string(reinterpret_cast<const char*>(values.data()), 64));
    EXPECT_THAT(Search(request, world.context()),
                StatusIs(StatusCode::kInvalidArgument,
                         HasSubstr("the vector has a component that is not finite")));
  }
}

TEST(Search, AMinimumScoreLeavesTheRestOut) {
  ServingWorld world;
  AddFruit(world);
  v1::SearchRequest request = Request();
  request.set_text("apple pie");
  ASSERT_OK_AND_ASSIGN(const auto all, Search(request, world.context()));
  const auto scores = Numbers<double>(all.scores());
  ASSERT_GT(scores.size(), 1U);
  request.set_min_score(scores[0]);
  ASSERT_OK_AND_ASSIGN(const auto best, Search(request, world.context()));
  EXPECT_LT(Numbers<double>(best.scores()).size(), scores.size());
  for (const double score : Numbers<double>(best.scores())) EXPECT_EQ(score, scores[0]);
  for (const double bad : {1.5, -1.5, std::nan("")}) {
    request.set_min_score(bad);
    EXPECT_THAT(Search(request, world.context()),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("min_score: expected -1 to 1")));
  }
}

TEST(Search, NamesWhatIsMissing) {
  ServingWorld world;
  AddFruit(world);
  EXPECT_THAT(Search(Request(), world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("one of text, key or vector")));
  v1::SearchRequest request = Request();
  request.set_key("never seen");
  EXPECT_THAT(Search(request, world.context()),
              StatusIs(StatusCode::kNotFound, HasSubstr("item 'never seen'")));
  request.set_feature("text_of.vce");
  EXPECT_THAT(Search(request, world.context()),
              StatusIs(StatusCode::kNotFound, HasSubstr("expected one of text_of.vec")));
  request = Request();
  request.set_text("\xff");
  EXPECT_THAT(Search(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("UTF-8")));
  request.set_text("");
  EXPECT_THAT(Search(request, world.context()),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("no word of the text")));
}

TEST(Search, RefusesWhatPassesALimit) {
  ServingWorld world;
  v1::SearchRequest request = Request();
  request.set_text(std::string(kMaxSearchTextBytes + 1, 'a'));
  EXPECT_THAT(Search(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("text of 65537 bytes")));
  request.set_text("apple");
  request.set_k(kMaxSearchHits + 1);
  EXPECT_THAT(Search(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("k: expected 1 to")));
  request.set_k(1);
  request.set_effort(1'000'000);
  EXPECT_THAT(Search(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("effort")));
}

}  // namespace
}  // namespace larder::serving
