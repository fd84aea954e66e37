// SPDX-License-Identifier: Apache-2.0
#include "serving/query_vectors.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "serving/features.h"
#include "serving/retrieve.h"
#include "tests/serving/fake_encoder.h"
#include "tests/serving/serving_world.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using registry::TextRole;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

const std::string kDefinitions = std::string(kTestDefinitions) + R"yaml(
---
request: lookup
keys: {seed: item}
columns: {query: string, other: string}
---
set: compared
for: lookup
candidate: item
columns:
  - candidate.catalog.price
  - same: cosine(embed(titles, lookup.query), embed(titles, lookup.other))
---
retrieval: found
for: lookup
candidate: item
channels:
  like: {near: text_of.vec, to: "embed(titles, lookup.query)", take: 5, deadline: 100ms}
  any: {sample: 5}
score: rrf(like)
limit: 5
)yaml";

// A world in which vectors take until the encoder is opened.
struct SlowWorld {
  explicit SlowWorld(EncodersOptions options = {})
      : world(kDefinitions, 1'000'000, options, OpenFakeEncoders(control)) {}

  v1::GetFeaturesRequest Request(const std::string& query, const std::string& other) {
    v1::GetFeaturesRequest request;
    request.set_set("compared");
    request.add_candidates("a");
    (*request.mutable_request())["query"].set_text(query);
    (*request.mutable_request())["other"].set_text(other);
    return request;
  }

  FakeEncoderControl control;
  ServingWorld world;
};

// Ends what waits for the encoder when a test fails in between.
struct Opener {
  ~Opener() { control.Open(); }
  FakeEncoderControl& control;
};

TEST(QueryVectors, NoSnapshotIsHeldWhileAVectorIsMade) {
  SlowWorld slow;
  slow.control.Close();
  auto reply = std::async(std::launch::async, [&] {
    return GetFeatures(slow.Request("pie", "cake"), slow.world.context());
  });
  const Opener opener{slow.control};
  slow.control.WaitForBatches(1);

  auto written = std::async(std::launch::async, [&] {
    slow.world.store->DeleteRow("catalog", "a");  // waits for all snapshots
  });
  EXPECT_EQ(written.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  slow.control.Open();

  ASSERT_OK_AND_ASSIGN(const v1::GetFeaturesResponse got, reply.get());
  EXPECT_THAT(Numbers<float>(FindColumn(got.columns(), "same")), SizeIs(1));
}

TEST(QueryVectors, EachTextIsEncodedOnceAndRight) {
  SlowWorld slow;

  ASSERT_OK_AND_ASSIGN(const auto same,
                       GetFeatures(slow.Request("pie", "pie"), slow.world.context()));
  ASSERT_OK_AND_ASSIGN(const auto other,
                       GetFeatures(slow.Request("pie", "cake"), slow.world.context()));

  EXPECT_THAT(Numbers<float>(FindColumn(same.columns(), "same")),
              ElementsAre(testing::FloatNear(1, 1e-3f)));
  EXPECT_LT(Numbers<float>(FindColumn(other.columns(), "same"))[0], 0.99f);
  EXPECT_EQ(slow.control.CountOf(std::string(kFakePrompt) + "pie"), 1u);
  EXPECT_EQ(slow.control.CountOf(std::string(kFakePrompt) + "cake"), 1u);
}

TEST(QueryVectors, ReadsAgainOnlyForWhatIsMissing) {
  SlowWorld slow;
  const Context context = slow.world.context();
  QueryVectors queries(context);
  const std::vector<std::string_view> texts = {"b", "a", "b"};
  std::vector<int8_t> codes(3 * 32);
  int reads = 0;
  const auto read = [&]() -> StatusOr<int> {
    ++reads;
    LARDER_RETURN_IF_ERROR(
        queries.Embed(slow.world.encoder_digest, TextRole::kQuery, texts, codes));
    return reads;
  };

  EXPECT_THAT(queries.Run(read), IsOkAndHolds(2));
  EXPECT_THAT(queries.Run(read), IsOkAndHolds(3));

  std::vector<int8_t> expected(codes.size());
  ASSERT_OK(slow.world.encoders->Embed(slow.world.encoder_digest, TextRole::kQuery, texts,
                                       expected));
  EXPECT_EQ(codes, expected);
  QueryVectors cached(context);
  reads = 0;
  EXPECT_OK(cached.Run([&]() -> StatusOr<int> {
    ++reads;
    LARDER_RETURN_IF_ERROR(cached.Embed(slow.world.encoder_digest, TextRole::kQuery, texts, codes));
    return 0;
  }));
  EXPECT_EQ(reads, 1);
}

TEST(QueryVectors, ACallEndsAtItsDeadline) {
  SlowWorld slow;
  slow.control.Close();
  const Opener opener{slow.control};

  const auto reply = GetFeatures(slow.Request("pie", "cake"),
                                 slow.world.context(std::chrono::milliseconds(50)));

  EXPECT_THAT(reply, StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("")));
}

TEST(QueryVectors, AChannelsDeadlineEndsTheChannelAlone) {  // S9.5
  SlowWorld slow;
  slow.control.Close();
  const Opener opener{slow.control};
  v1::RetrieveRequest request;
  request.set_recipe("found");
  (*request.mutable_request())["query"].set_text("pie");

  ASSERT_OK_AND_ASSIGN(const auto reply, Retrieve(request, slow.world.context()));

  ASSERT_EQ(reply.dropped_size(), 1);
  EXPECT_EQ(reply.dropped(0).name(), "like");
  EXPECT_THAT(reply.dropped(0).message(), HasSubstr("deadline"));
}

TEST(QueryVectors, AFullQueueIsSaidAtOnce) {
  SlowWorld slow({.batcher = {.queue_tokens = 64}});
  slow.control.Close();
  const Context context = slow.world.context();
  std::vector<std::unique_ptr<QueryVectors>> reads;
  const Opener opener{slow.control};
  Status status = Unavailable("");

  for (int i = 0; i < 1'000 && status.code() == StatusCode::kUnavailable; ++i) {
    const std::string text = "text " + std::to_string(i);
    const std::string_view view = text;
    std::vector<int8_t> codes(32);
    reads.push_back(std::make_unique<QueryVectors>(context));
    status = reads.back()->Embed(slow.world.encoder_digest, TextRole::kQuery, {&view, 1}, codes);
  }

  EXPECT_THAT(status, StatusIs(StatusCode::kResourceExhausted, HasSubstr("")));
}

TEST(QueryVectors, UnknownEncodersAndWrongRoomAreErrors) {
  ServingWorld world;  // of a fast encoder
  const Context context = world.context();
  QueryVectors queries(context);
  const std::vector<std::string_view> texts = {"apple pie"};
  std::vector<int8_t> codes(16);

  EXPECT_THAT(queries.Embed(Digest{}, TextRole::kQuery, texts, codes),
              StatusIs(StatusCode::kNotFound, HasSubstr("")));
  EXPECT_OK(queries.Embed(world.encoder_digest, TextRole::kQuery, texts, codes));
  EXPECT_THAT(queries.Embed(world.encoder_digest, TextRole::kQuery, texts,
                            std::span(codes).first(8)),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("room for 8 codes")));
}

}  // namespace
}  // namespace larder::serving
