// SPDX-License-Identifier: Apache-2.0
#include "serving/features.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/serving/serving_world.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using testing::HasSubstr;

v1::GetFeaturesRequest Request(const std::vector<std::string>& candidates) {
  v1::GetFeaturesRequest request;
  request.set_set("ranker");
  for (const std::string& key : candidates) request.add_candidates(key);
  return request;
}

TEST(GetFeatures, AnswersOneRowPerCandidateInTheirOrder) {
  ServingWorld world;
  world.AddItem("i1", "apple pie", "en", 2.5);
  world.AddItem("i2", "pear cake", "en", 4);
  world.store->SetAggregate("quality.clicks", "i2", int64_t{3});
  v1::GetFeaturesRequest request = Request({"i2", "i1", "i2"});
  (*request.mutable_request())["hour"].set_int64_value(9);

  ASSERT_OK_AND_ASSIGN(const auto reply, GetFeatures(request, world.context()));

  EXPECT_EQ(Strings(reply.ids()), (std::vector<std::string>{"i2", "i1", "i2"}));
  EXPECT_EQ(reply.columns_size(), 7);
  EXPECT_EQ(Numbers<float>(FindColumn(reply.columns(), "candidate.catalog.price")),
            (std::vector<float>{4, 2.5, 4}));
  EXPECT_EQ(Numbers<int64_t>(FindColumn(reply.columns(), "candidate.quality.clicks")),
            (std::vector<int64_t>{3, 0, 3}));
  EXPECT_EQ(Numbers<double>(FindColumn(reply.columns(), "twice")),
            (std::vector<double>{8, 5, 8}));  // `as: double`, S4.4
  const v1::Column& hour = FindColumn(reply.columns(), "page.hour");
  EXPECT_EQ(hour.rows(), 1U);  // the same for all candidates, sent once
  EXPECT_EQ(Numbers<int64_t>(hour), std::vector<int64_t>{9});
  EXPECT_EQ(reply.read().position().value(), world.store->position().value);
  EXPECT_EQ(reply.read().semantics(), registry::kSemantics);
  ASSERT_EQ(reply.read().definitions_size(), 1);
  EXPECT_EQ(reply.read().definitions(0).name(), "ranker");
  EXPECT_EQ(reply.read().definitions(0).version(), 1U);
  EXPECT_EQ(reply.read().definitions(0).digest().size(), 64U);
}

TEST(GetFeatures, AKeyThatIsNoCandidateReadsNullWithTheReason) {  // S5.2
  ServingWorld world;
  world.AddItem("i1", "apple pie");
  world.AddItem("gone", "pear cake");
  world.store->SetAggregate("quality.clicks", "gone", int64_t{3});
  world.store->DeleteRow("catalog", "gone");
  v1::GetFeaturesRequest request = Request({"i1", "gone", "never seen"});
  request.set_want_reasons(true);
  request.set_want_ages(true);

  ASSERT_OK_AND_ASSIGN(const auto reply, GetFeatures(request, world.context()));

  for (const char* name : {"candidate.quality.clicks", "candidate.catalog.title"}) {
    EXPECT_EQ(FindColumn(reply.columns(), name).ages_us().substr(8), std::string(16, '\xff'));
    const v1::Column& column = FindColumn(reply.columns(), name);
    EXPECT_EQ(Validity(column), (std::vector<bool>{true, false, false})) << name;
    EXPECT_EQ(column.reasons(),
              std::string({'\0', v1::NULL_REASON_DELETED, v1::NULL_REASON_NOT_FOUND}))
        << name;
  }
  EXPECT_EQ(Numbers<int64_t>(FindColumn(reply.columns(), "candidate.quality.clicks")),
            (std::vector<int64_t>{0, 0, 0}));  // what it held does not leak
}

TEST(GetFeatures, ARoleThatIsNotSentReadsNotFound) {  // S5.2
  ServingWorld world;
  world.AddItem("i1", "apple pie");
  v1::GetFeaturesRequest request = Request({"i1"});
  request.set_want_reasons(true);

  ASSERT_OK_AND_ASSIGN(const auto reply, GetFeatures(request, world.context()));

  EXPECT_EQ(FindColumn(reply.columns(), "like").reasons()[0], v1::NULL_REASON_NOT_FOUND);
}

TEST(GetFeatures, SendsAgesOnlyOnRequest) {  // S4.4
  ServingWorld world;
  world.AddItem("i1", "apple pie");
  v1::GetFeaturesRequest request = Request({"i1"});
  ASSERT_OK_AND_ASSIGN(const auto without, GetFeatures(request, world.context()));
  request.set_want_ages(true);
  ASSERT_OK_AND_ASSIGN(const auto with, GetFeatures(request, world.context()));

  EXPECT_EQ(without.columns(0).ages_us(), "");
  int64_t age = 0;
  std::memcpy(&age, with.columns(0).ages_us().data(), sizeof age);
  EXPECT_EQ(age, 1'000'000 - 1'000);  // the fake's clock minus the row's time
}

TEST(GetFeatures, AnswersForNoCandidates) {
  ServingWorld world;
  ASSERT_OK_AND_ASSIGN(const auto reply, GetFeatures(Request({}), world.context()));
  EXPECT_EQ(reply.ids().rows(), 0U);
  EXPECT_EQ(reply.columns_size(), 7);
}

TEST(GetFeatures, RefusesWhatPassesALimit) {
  ServingWorld world;
  v1::GetFeaturesRequest request = Request({std::string(257, 'a')});
  EXPECT_THAT(GetFeatures(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("candidate 0: a key has 1 to 256")));
  request = Request(std::vector<std::string>(kMaxCandidates + 1, "i"));
  EXPECT_THAT(GetFeatures(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("at most 10000")));
  request = Request({"\xff"});
  EXPECT_THAT(GetFeatures(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("UTF-8")));
}

TEST(GetFeatures, NamesWhatItDoesNotKnow) {
  ServingWorld world;
  v1::GetFeaturesRequest request = Request({});
  request.set_set("rankre");
  EXPECT_THAT(GetFeatures(request, world.context()),
              StatusIs(StatusCode::kNotFound, HasSubstr("rankre")));
  request = Request({});
  (*request.mutable_keys())["sead"] = "i1";
  EXPECT_THAT(GetFeatures(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("unknown role 'sead'")));
  request = Request({});
  (*request.mutable_request())["huor"].set_int64_value(1);
  EXPECT_THAT(GetFeatures(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("unknown request column 'huor'")));
}

TEST(GetFeatures, APositionThatIsNotReachedAnswersUnavailable) {  // S2.4
  ServingWorld world;
  v1::GetFeaturesRequest request = Request({});
  request.mutable_min_position()->set_value(world.store->position().value + 1);
  EXPECT_THAT(GetFeatures(request, world.context()),
              StatusIs(StatusCode::kUnavailable, HasSubstr("position")));
}

TEST(GetFeatures, APassedDeadlineStopsTheWork) {
  ServingWorld world;
  EXPECT_THAT(GetFeatures(Request({}), world.context(std::chrono::milliseconds(-1))),
              StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("deadline")));
}

}  // namespace
}  // namespace larder::serving
