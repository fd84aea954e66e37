// SPDX-License-Identifier: Apache-2.0
#include "serving/grpc_text.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "larder/v1/text_service.grpc.pb.h"
#include "serving/grpc_server.h"
#include "tests/serving/fake_encoder.h"
#include "tests/serving/serving_world.h"
#include "tests/support/eventually.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using testing::HasSubstr;

EncodersOptions OneThread() {
  return {.batcher = {.threads = 1, .wait = std::chrono::microseconds(0)}};
}

// A server whose encoder is a fake one, and a channel to it.
struct Wire {
  explicit Wire(std::chrono::milliseconds stream_idle = std::chrono::minutes(10),
                int32_t dimensions = 16)
      : world(kEncoderDefinition, 1'000'000, OneThread(), OpenFakeEncoders(control, dimensions)) {
    auto started = GrpcServer::Start({.address = "127.0.0.1:0", .stream_idle = stream_idle},
                                     {*world.backend, FileSystem::Posix(), facts, metrics});
    LARDER_CHECK(started.ok());
    server = *std::move(started);
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kMaxSendBytes);
    stub = v1::TextService::NewStub(
        grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server->port()),
                                  grpc::InsecureChannelCredentials(), arguments));
  }
  ~Wire() { control.Open(); }

  static v1::EmbedStreamRequest Request(const std::string& text) {
    v1::EmbedStreamRequest request;
    request.mutable_request()->set_encoder("titles");
    request.mutable_request()->add_texts(text);
    return request;
  }

  FakeEncoderControl control;
  ServingWorld world;
  Jobs jobs{{*world.store, *world.artifacts, *world.encoders, world.indexes}, {}};
  ServerFacts facts{"dir", 0, std::chrono::steady_clock::now(), jobs};
  Metrics metrics;
  std::unique_ptr<GrpcServer> server;
  std::unique_ptr<v1::TextService::Stub> stub;
};

TEST(GrpcText, CarriesTokenize) {
  Wire wire;
  grpc::ClientContext call;
  v1::TokenizeRequest request;
  request.set_encoder("titles");
  request.add_texts("ab");
  v1::TokenizeResponse reply;
  ASSERT_TRUE(wire.stub->Tokenize(&call, request, &reply).ok());
  EXPECT_EQ(reply.texts(0).ids_size(), 4);
}

TEST(GrpcText, BytesThatAreNotUtf8ComeThrough) {
  Wire wire;
  grpc::ClientContext call;
  v1::EmbedRequest request;
  request.set_encoder("titles");
  request.add_raw_texts("\xff");
  request.add_raw_texts("a");
  v1::EmbedResponse reply;
  ASSERT_TRUE(wire.stub->Embed(&call, request, &reply).ok());
  ASSERT_EQ(reply.not_ok_size(), 1);
  EXPECT_EQ(reply.not_ok(0).index(), 0U);
}

TEST(GrpcText, AStreamAnswersInOrderAndGoesOnAfterAnError) {
  Wire wire;
  grpc::ClientContext call;
  const auto stream = wire.stub->EmbedStream(&call);
  ASSERT_TRUE(stream->Write(Wire::Request("a")));
  v1::EmbedStreamRequest wrong = Wire::Request("b");
  wrong.mutable_request()->set_encoder("other");
  ASSERT_TRUE(stream->Write(wrong));
  ASSERT_TRUE(stream->Write(Wire::Request("ccc")));
  stream->WritesDone();
  v1::EmbedStreamResponse answer;
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_EQ(answer.reply().tokens(0), 3U);
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_EQ(answer.code(), static_cast<uint32_t>(StatusCode::kNotFound));
  EXPECT_FALSE(answer.has_reply());
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_EQ(answer.reply().tokens(0), 5U);
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_TRUE(stream->Finish().ok());
  const std::string metrics = wire.metrics.Text({});
  EXPECT_THAT(metrics, HasSubstr("{code=\"OK\",method=\"EmbedStream\"} 2"));
  EXPECT_THAT(metrics, HasSubstr("{code=\"NOT_FOUND\",method=\"EmbedStream\"} 1"));
}

TEST(GrpcText, AStreamTakesRequestsAheadOfItsAnswersButNotAll) {
  Wire wire;
  wire.control.Close();
  grpc::ClientContext call;
  const auto stream = wire.stub->EmbedStream(&call);
  constexpr int kRequests = 40;
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_TRUE(stream->Write(Wire::Request("text " + std::to_string(i))));
  }
  stream->WritesDone();
  wire.control.WaitForBatches(1);
  // 16 are in flight, of 8 or 9 tokens; one more may be read and wait for its place.
  const auto taken = [&] { return wire.world.encoders->GetStats().cache_misses; };
  EXPECT_TRUE(Eventually([&] { return taken() >= 16; }));
  EXPECT_LE(taken(), 17U);

  wire.control.Open();

  v1::EmbedStreamResponse answer;
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_TRUE(stream->Read(&answer)) << i;
    EXPECT_EQ(answer.reply().tokens(0), i < 10 ? 8U : 9U);
  }
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_TRUE(stream->Finish().ok());
  // What waited while the first was encoded shared batches.
  EXPECT_LT(wire.control.batches().size(), static_cast<size_t>(kRequests));
}

// One stream whose client may send more, and one whose client has sent all.
TEST(GrpcText, AClientThatWaitsForItsAnswerIsNotSilent) {
  Wire wire(std::chrono::milliseconds(500));
  wire.control.Close();
  grpc::ClientContext open_call;
  grpc::ClientContext ended_call;
  const auto open = wire.stub->EmbedStream(&open_call);
  const auto ended = wire.stub->EmbedStream(&ended_call);
  ASSERT_TRUE(open->Write(Wire::Request("a")));
  ASSERT_TRUE(ended->Write(Wire::Request("b")));
  ended->WritesDone();
  wire.control.WaitForBatches(1);
  v1::EmbedStreamResponse answer;
  for (int i = 0; i < 2; ++i) {  // others that come later are silent for long enough
    grpc::ClientContext call;
    const auto silent = wire.stub->EmbedStream(&call);
    EXPECT_FALSE(silent->Read(&answer));
    EXPECT_EQ(silent->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }

  wire.control.Open();

  ASSERT_TRUE(ended->Read(&answer));
  EXPECT_EQ(answer.reply().tokens(0), 3U);
  EXPECT_TRUE(ended->Finish().ok());
  ASSERT_TRUE(open->Read(&answer));
  EXPECT_EQ(answer.reply().tokens(0), 3U);
  EXPECT_FALSE(open->Read(&answer));  // now it is
  EXPECT_EQ(open->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

// Answers that are not read fill what lies between, after which the stream waits for its client.
TEST(GrpcText, AClientThatDoesNotReadIsSilent) {
  Wire wire(std::chrono::milliseconds(500));
  grpc::ClientContext call;
  const auto stream = wire.stub->EmbedStream(&call);
  v1::EmbedStreamRequest request = Wire::Request("a");
  for (int i = 0; i < 9'999; ++i) request.mutable_request()->add_texts("a");
  int sent = 0;
  while (sent < 10'000 && stream->Write(request)) ++sent;
  EXPECT_LT(sent, 10'000);
  v1::EmbedStreamResponse answer;
  while (stream->Read(&answer)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

// The worst that fits: each text is an error, and all forms of vectors are wanted.
TEST(GrpcText, TheMostTextsThatFitIntoAReplyDo) {
  constexpr int kMost = 2'324;
  Wire wire(std::chrono::minutes(10), /*dimensions=*/4'096);
  v1::EmbedRequest request;
  request.set_encoder("titles");
  request.set_truncate(v1::TRUNCATE_ERROR);
  request.set_want_codes(true);
  request.set_want_vectors(true);
  request.set_want_halves(true);
  for (int i = 0; i < kMost; ++i) request.add_texts(std::string(100, 'x') + std::to_string(i));
  v1::EmbedResponse reply;
  {
    grpc::ClientContext call;
    const grpc::Status status = wire.stub->Embed(&call, request, &reply);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(reply.not_ok_size(), kMost);
    EXPECT_EQ(reply.vectors().rows(), static_cast<uint32_t>(kMost));
    EXPECT_GT(reply.ByteSizeLong(), static_cast<size_t>(kMaxSendBytes) / 100 * 97);
  }
  request.add_texts("one more");
  grpc::ClientContext call;
  const grpc::Status refused = wire.stub->Embed(&call, request, &reply);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(refused.error_message(), HasSubstr("at most 2324 fit"));

  grpc::ClientContext stream_call;
  const auto stream = wire.stub->EmbedStream(&stream_call);
  v1::EmbedStreamRequest streamed;
  *streamed.mutable_request() = request;
  ASSERT_TRUE(stream->Write(streamed));
  ASSERT_TRUE(stream->Write(Wire::Request("a")));
  stream->WritesDone();
  v1::EmbedStreamResponse answer;
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_EQ(answer.code(), static_cast<uint32_t>(StatusCode::kInvalidArgument));
  EXPECT_THAT(answer.message(), HasSubstr("got 2325"));
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_EQ(answer.reply().tokens(0), 3U);
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(wire.control.CountOf("one more"), 0U);
}

TEST(GrpcText, AClientThatGoesAwayEndsItsStream) {
  Wire wire;
  wire.control.Close();
  {
    grpc::ClientContext call;
    const auto stream = wire.stub->EmbedStream(&call);
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(stream->Write(Wire::Request("text " + std::to_string(i))));
    }
    wire.control.WaitForBatches(1);
    call.TryCancel();
    EXPECT_FALSE(stream->Finish().ok());
  }
  EXPECT_TRUE(Eventually(
      [&] { return wire.world.encoders->GetStats().batcher.queue_tokens == 0; }));
  wire.server->Shutdown(std::chrono::minutes(1));
}

TEST(GrpcText, AShutdownEndsWhatWaits) {
  Wire wire;
  wire.control.Close();
  std::vector<std::jthread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&wire, i] {
      grpc::ClientContext call;
      v1::EmbedRequest request;
      request.set_encoder("titles");
      request.add_texts("text " + std::to_string(i));
      v1::EmbedResponse reply;
      EXPECT_FALSE(wire.stub->Embed(&call, request, &reply).ok());
    });
  }
  grpc::ClientContext call;
  const auto stream = wire.stub->EmbedStream(&call);
  ASSERT_TRUE(stream->Write(Wire::Request("streamed")));
  wire.control.WaitForBatches(1);
  EXPECT_TRUE(Eventually([&] { return wire.world.encoders->GetStats().cache_misses == 4; }));

  wire.server->Shutdown(std::chrono::milliseconds(0));

  EXPECT_FALSE(stream->Finish().ok());
}

TEST(GrpcText, ACallEndsAtItsDeadline) {
  Wire wire;
  wire.control.Close();
  grpc::ClientContext call;
  call.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(300));
  v1::EmbedRequest request;
  request.set_encoder("titles");
  request.add_texts("a");
  v1::EmbedResponse reply;
  EXPECT_EQ(wire.stub->Embed(&call, request, &reply).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

}  // namespace
}  // namespace larder::serving
