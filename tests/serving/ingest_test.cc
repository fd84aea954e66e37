// SPDX-License-Identifier: Apache-2.0
#include "serving/ingest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "featurestore/record_batch.h"
#include "tests/serving/serving_world.h"

namespace larder::serving {
namespace {

using featurestore::IngestRequest;
using featurestore::IngestResult;
using featurestore::Position;
using testing::HasSubstr;

v1::IngestRequest Batch(int records) {
  v1::IngestRequest batch;
  batch.set_source("catalog");
  batch.set_sequence(7);
  for (int i = 0; i < records; ++i) batch.add_records("{}");
  return batch;
}

TEST(IngestBatch, TellsOnlyOfRecordsThatDidNotGoIn) {
  ServingWorld world;
  world.store->on_ingest = [](const IngestRequest& request) -> StatusOr<IngestResult> {
    EXPECT_EQ(request.source, "catalog");
    EXPECT_EQ(request.format, featurestore::RecordFormat::kJsonText);
    EXPECT_EQ(request.records.size(), 4U);
    IngestResult result;
    result.records = {{OkStatus(), Position{10}, false},
                      {InvalidArgument("price: expected double, got 'x'"), {}, false},
                      {OkStatus(), Position{3}, true},
                      {AlreadyExists("id 'a' is at 5"), Position{5}, false}};
    result.last = Position{10};
    return result;
  };
  v1::IngestRequest batch = Batch(4);
  batch.set_format(v1::RECORD_FORMAT_JSON_TEXT);

  const v1::IngestResponse ack = IngestBatch(batch, world.context());

  EXPECT_EQ(ack.code(), 0U);
  EXPECT_EQ(ack.sequence(), 7U);
  EXPECT_EQ(ack.accepted(), 2U);
  EXPECT_EQ(ack.duplicates(), 1U);
  EXPECT_EQ(ack.last_position().value(), 10U);
  ASSERT_EQ(ack.not_ok_size(), 2);
  EXPECT_EQ(ack.not_ok(0).index(), 1U);
  EXPECT_EQ(ack.not_ok(0).code(), static_cast<uint32_t>(StatusCode::kInvalidArgument));
  EXPECT_FALSE(ack.not_ok(0).has_position());
  EXPECT_EQ(ack.not_ok(1).index(), 3U);
  EXPECT_EQ(ack.not_ok(1).position().value(), 5U);
}

TEST(IngestBatch, WaitsWhileAnIndexHasTooManyVectorsOutsideOfItsBase) {
  ServingWorld world(kTestDefinitions, /*max_delta=*/3);
  world.store->on_ingest = [](const IngestRequest& request) -> StatusOr<IngestResult> {
    IngestResult result;
    result.records.resize(request.records.size());
    return result;
  };
  for (const char* key : {"a", "b"}) world.AddItem(key, "apple pie");
  EXPECT_EQ(IngestBatch(Batch(1), world.context()).code(), 0U);

  world.AddItem("c", "green pear");
  const v1::IngestResponse full = IngestBatch(Batch(1), world.context());
  EXPECT_EQ(full.code(), static_cast<uint32_t>(StatusCode::kResourceExhausted));
  EXPECT_THAT(full.message(), HasSubstr("the index of 'text_of.vec' has 3 vectors outside"));
  EXPECT_THAT(full.message(), HasSubstr("once it has another base, which a job makes: `larder "
                                        "status` shows it, and why it fails if it does"));
  v1::IngestRequest clicks = Batch(1);
  clicks.set_source("clicks");
  EXPECT_EQ(IngestBatch(clicks, world.context()).code(), 0U) << "it has no vectors";

  world.store->DeleteRow("catalog", "b");
  EXPECT_EQ(IngestBatch(Batch(1), world.context()).code(), 0U);
}

TEST(IngestBatch, TellsOfABatchThatFailed) {
  ServingWorld world;
  world.store->on_ingest = [](const IngestRequest&) -> StatusOr<IngestResult> {
    return ResourceExhausted("the queue is full");
  };
  const v1::IngestResponse ack = IngestBatch(Batch(1), world.context());
  EXPECT_EQ(ack.code(), static_cast<uint32_t>(StatusCode::kResourceExhausted));
  EXPECT_EQ(ack.message(), "the queue is full");
  EXPECT_FALSE(ack.has_last_position());
}

TEST(IngestBatch, RefusesWhatTheStoreNeedNotSee) {
  ServingWorld world;
  int calls = 0;
  world.store->on_ingest = [&](const IngestRequest&) -> StatusOr<IngestResult> {
    ++calls;
    return IngestResult{};
  };
  const auto message = [&](const v1::IngestRequest& batch) {
    const v1::IngestResponse ack = IngestBatch(batch, world.context());
    EXPECT_EQ(ack.code(), static_cast<uint32_t>(StatusCode::kInvalidArgument));
    EXPECT_EQ(ack.sequence(), 7U);
    return ack.message();
  };
  EXPECT_THAT(message(Batch(0)), HasSubstr("at least one"));
  EXPECT_THAT(message(Batch(featurestore::kMaxBatchRecords + 1)), HasSubstr("at most 10000"));
  v1::IngestRequest batch = Batch(1);
  batch.set_source("");
  EXPECT_THAT(message(batch), HasSubstr("source"));
  batch = Batch(1);
  batch.set_format(static_cast<v1::RecordFormat>(99));
  EXPECT_THAT(message(batch), HasSubstr("format: 99 is unknown"));
  batch = Batch(17);
  for (std::string& record : *batch.mutable_records()) record.assign(1 << 20, 'x');
  EXPECT_THAT(message(batch), HasSubstr("at most 16777216 bytes"));
  batch = Batch(1);
  batch.set_producer("\xff");
  EXPECT_THAT(message(batch), HasSubstr("producer"));
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace larder::serving
