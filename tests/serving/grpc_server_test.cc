// SPDX-License-Identifier: Apache-2.0
#include "serving/grpc_server.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "larder/v1/admin_service.grpc.pb.h"
#include "larder/v1/artifact_service.grpc.pb.h"
#include "larder/v1/feature_service.grpc.pb.h"
#include "larder/v1/ingest_service.grpc.pb.h"
#include "larder/v1/registry_service.grpc.pb.h"
#include "larder/v1/retrieval_service.grpc.pb.h"
#include "larder/v1/text_service.grpc.pb.h"
#include "serving/retrieve_all.h"
#include "tests/serving/serving_world.h"
#include "tests/support/eventually.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using testing::HasSubstr;

// A server over the fake store and a channel to it.
struct Wire {
  explicit Wire(const GrpcServer::Options& options = {.address = "127.0.0.1:0"}) {
    world.AddItem("a", "apple pie");
    world.AddItem("b", "apple tart");
    auto started = GrpcServer::Start(
        options, {*world.backend, FileSystem::Posix(), facts, metrics});
    LARDER_CHECK(started.ok());
    server = *std::move(started);
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kMaxSendBytes);
    channel = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server->port()),
                                        grpc::InsecureChannelCredentials(), arguments);
  }

  ServingWorld world;
  Jobs jobs{{*world.store, *world.artifacts, *world.encoders, world.indexes}, {}};
  ServerFacts facts{"dir", 0, std::chrono::steady_clock::now(), jobs};
  Metrics metrics;
  std::unique_ptr<GrpcServer> server;
  std::shared_ptr<grpc::Channel> channel;
};

TEST(GrpcServer, CarriesEveryUnaryCall) {
  Wire wire;
  {
    grpc::ClientContext call;
    v1::GetFeaturesRequest request;
    request.set_set("ranker");
    request.add_candidates("a");
    v1::GetFeaturesResponse reply;
    const auto stub = v1::FeatureService::NewStub(wire.channel);
    ASSERT_TRUE(stub->GetFeatures(&call, request, &reply).ok());
    EXPECT_EQ(reply.columns_size(), 7);
  }
  {
    grpc::ClientContext call;
    v1::RetrieveRequest request;
    request.set_recipe("plain");
    (*request.mutable_keys())["seed"] = "a";
    v1::RetrieveResponse reply;
    ASSERT_TRUE(v1::RetrievalService::NewStub(wire.channel)->Retrieve(&call, request, &reply).ok());
    EXPECT_EQ(Strings(reply.ids()), (std::vector<std::string>{"a", "b"}));
  }
  {
    grpc::ClientContext call;
    v1::SearchRequest request;
    request.set_feature("text_of.vec");
    request.set_text("apple");
    v1::SearchResponse reply;
    ASSERT_TRUE(v1::RetrievalService::NewStub(wire.channel)->Search(&call, request, &reply).ok());
    EXPECT_EQ(reply.ids().rows(), 2U);
  }
  {
    grpc::ClientContext call;
    v1::EmbedRequest request;
    request.set_encoder("titles");
    request.add_texts("apple");
    v1::EmbedResponse reply;
    ASSERT_TRUE(v1::TextService::NewStub(wire.channel)->Embed(&call, request, &reply).ok());
  }
  {
    grpc::ClientContext call;
    v1::StatusResponse reply;
    ASSERT_TRUE(v1::AdminService::NewStub(wire.channel)->Status(&call, {}, &reply).ok());
    EXPECT_EQ(reply.version(), kVersion);
  }
  {
    grpc::ClientContext call;
    v1::RegistryServiceListResponse reply;
    ASSERT_TRUE(v1::RegistryService::NewStub(wire.channel)->List(&call, {}, &reply).ok());
    EXPECT_EQ(reply.revisions_size(), 1);
  }
  EXPECT_THAT(wire.metrics.Text({}), HasSubstr("code=\"OK\",method=\"Search\""));
}

TEST(GrpcServer, StreamsTheResultsOfAWholeCatalog) {
  Wire wire;
  grpc::ClientContext call;
  v1::RetrieveAllRequest request;
  request.set_recipe("plain");
  const auto reader = v1::RetrievalService::NewStub(wire.channel)->RetrieveAll(&call, request);
  v1::RetrieveAllResponse part;
  ASSERT_TRUE(reader->Read(&part));
  EXPECT_EQ(part.head().keys_left(), 2U);
  for (const char* key : {"a", "b"}) {  // the first comes alone
    ASSERT_TRUE(reader->Read(&part));
    ASSERT_EQ(part.results().results_size(), 1);
    EXPECT_EQ(part.results().results(0).key(), key);
    EXPECT_EQ(part.results().results(0).ids_size(), 2);
  }
  EXPECT_FALSE(reader->Read(&part));
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_THAT(wire.metrics.Text({}), HasSubstr("code=\"OK\",method=\"RetrieveAll\""));
}

// Several megabytes of results of "plain": more than lie ready for a client.
void AddManyItems(ServingWorld& world) {
  for (int i = 0; i < 3'000; ++i) {
    world.AddItem(std::to_string(i) + std::string(200, 'x'), "apple pie");
  }
}

TEST(GrpcServer, GoesThroughFewCatalogsAtOnce) {
  Wire wire;
  AddManyItems(wire.world);
  const auto stub = v1::RetrievalService::NewStub(wire.channel);
  v1::RetrieveAllRequest request;
  request.set_recipe("plain");
  v1::RetrieveAllResponse part;
  struct Running {
    grpc::ClientContext call;
    std::unique_ptr<grpc::ClientReader<v1::RetrieveAllResponse>> reader;
  };
  // They have their head and wait for their clients.
  std::vector<Running> running(kMaxRetrieveAllCalls);
  for (Running& run : running) {
    run.reader = stub->RetrieveAll(&run.call, request);
    ASSERT_TRUE(run.reader->Read(&part));
  }

  grpc::ClientContext refused;
  const auto reader = stub->RetrieveAll(&refused, request);
  EXPECT_FALSE(reader->Read(&part));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("call again when one of them has ended"));

  // One that was refused keeps no place, one that has ended neither.
  running.front().call.TryCancel();
  EXPECT_TRUE(Eventually([&] {
    grpc::ClientContext call;
    const auto next = stub->RetrieveAll(&call, request);
    const bool runs = next->Read(&part);
    call.TryCancel();
    next->Finish();
    return runs;
  }));
  for (Running& run : running) {
    run.call.TryCancel();
    run.reader->Finish();
  }
}

TEST(GrpcServer, AClientThatDoesNotTakeItsResultsDoesNotHoldUpTheShutdown) {
  Wire wire;
  AddManyItems(wire.world);
  grpc::ClientContext call;
  v1::RetrieveAllRequest request;
  request.set_recipe("plain");
  const auto reader = v1::RetrievalService::NewStub(wire.channel)->RetrieveAll(&call, request);
  v1::RetrieveAllResponse part;
  ASSERT_TRUE(reader->Read(&part));

  const auto start = std::chrono::steady_clock::now();
  wire.server->Shutdown(std::chrono::seconds(60));

  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(50));
  while (reader->Read(&part)) continue;
  const grpc::StatusCode code = reader->Finish().error_code();
  EXPECT_TRUE(code == grpc::StatusCode::UNAVAILABLE || code == grpc::StatusCode::CANCELLED) << code;
}

TEST(GrpcServer, SendsCodeAndMessageOfAnError) {
  Wire wire;
  grpc::ClientContext call;
  v1::GetFeaturesRequest request;
  request.set_set("nothing");
  v1::GetFeaturesResponse reply;
  const grpc::Status status =
      v1::FeatureService::NewStub(wire.channel)->GetFeatures(&call, request, &reply);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("nothing"));
}

TEST(GrpcServer, SendsLongMessagesShortened) {
  Wire wire;
  grpc::ClientContext call;
  v1::ApplyRequest request;
  request.add_files()->set_path("f.yaml");
  for (int i = 0; i < 2'000; ++i) *request.mutable_files(0)->mutable_text() += "unknown: ä\n---\n";
  v1::ApplyResponse reply;
  const grpc::Status status =
      v1::RegistryService::NewStub(wire.channel)->Apply(&call, request, &reply);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_LE(status.error_message().size(), 2'500U);
}

TEST(GrpcServer, AcknowledgesEveryBatchOfAnIngestStreamInOrder) {
  Wire wire;
  uint64_t position = 100;
  wire.world.store->on_ingest =
      [&](const featurestore::IngestRequest& request) -> StatusOr<featurestore::IngestResult> {
    if (request.source == "bad") return NotFound("unknown source 'bad'");
    featurestore::IngestResult result;
    result.records.resize(request.records.size());
    result.last = {++position};
    return result;
  };
  grpc::ClientContext call;
  const auto stub = v1::IngestService::NewStub(wire.channel);
  const auto stream = stub->Ingest(&call);
  for (int i = 0; i < 5; ++i) {
    v1::IngestRequest batch;
    batch.set_source(i == 2 ? "bad" : "catalog");
    batch.set_sequence(static_cast<uint64_t>(i));
    // 15 MiB: a full batch must fit into a message.
    for (int r = 0; r < 15; ++r) batch.add_records(std::string(1 << 20, 'x'));
    ASSERT_TRUE(stream->Write(batch));
  }
  stream->WritesDone();
  v1::IngestResponse ack;
  for (uint64_t i = 0; i < 5; ++i) {
    ASSERT_TRUE(stream->Read(&ack));
    EXPECT_EQ(ack.sequence(), i);
    EXPECT_EQ(ack.code(), i == 2 ? 5U : 0U);
  }
  EXPECT_FALSE(stream->Read(&ack));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(GrpcServer, TakesAnArtifactAndGivesItBack) {
  Wire wire;
  const auto stub = v1::ArtifactService::NewStub(wire.channel);
  v1::PutResponse put;
  {
    grpc::ClientContext call;
    const auto writer = stub->Put(&call, &put);
    v1::PutRequest part;
    part.mutable_header();
    ASSERT_TRUE(writer->Write(part));
    part.mutable_file()->set_name("f");
    ASSERT_TRUE(writer->Write(part));
    for (int i = 0; i < 3; ++i) {
      part.set_chunk(std::string(1 << 20, 'x'));
      ASSERT_TRUE(writer->Write(part));
    }
    writer->WritesDone();
    ASSERT_TRUE(writer->Finish().ok());
  }
  grpc::ClientContext call;
  v1::ArtifactServiceGetRequest get;
  get.set_digest(put.digest());
  const auto reader = stub->Get(&call, get);
  v1::ArtifactServiceGetResponse part;
  size_t bytes = 0;
  while (reader->Read(&part)) bytes += part.chunk().size();
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(bytes, size_t{3} << 20);
}

TEST(GrpcServer, ForgetsAnUploadThatBreaksOff) {
  Wire wire;
  grpc::ClientContext call;
  v1::PutResponse put;
  const auto writer = v1::ArtifactService::NewStub(wire.channel)->Put(&call, &put);
  v1::PutRequest part;
  part.mutable_header();
  ASSERT_TRUE(writer->Write(part));
  part.mutable_file()->set_name("f");
  ASSERT_TRUE(writer->Write(part));
  call.TryCancel();
  EXPECT_FALSE(writer->Finish().ok());
  wire.server->Shutdown(std::chrono::seconds(5));
  const std::string artifacts = wire.world.dir.File("data/artifacts");
  EXPECT_THAT(FileSystem::Posix().List(artifacts),
              IsOkAndHolds(testing::UnorderedElementsAre(
                  ".staging", wire.world.encoder_digest.Hex())));
  EXPECT_THAT(FileSystem::Posix().List(artifacts + "/.staging"), IsOkAndHolds(testing::IsEmpty()));
}

TEST(GrpcServer, RefusesAMessageOverTheLimit) {
  Wire wire;
  grpc::ClientContext call;
  v1::EmbedRequest request;
  request.set_encoder("titles");
  request.add_texts(std::string(kMaxReceiveBytes + 1, 'x'));
  v1::EmbedResponse reply;
  EXPECT_EQ(v1::TextService::NewStub(wire.channel)->Embed(&call, request, &reply).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST(GrpcServer, AWaitingIngestStreamDoesNotHoldUpTheShutdown) {
  Wire wire;
  grpc::ClientContext call;
  const auto stub = v1::IngestService::NewStub(wire.channel);
  const auto stream = stub->Ingest(&call);
  v1::IngestRequest batch;
  batch.set_source("catalog");
  batch.add_records("{}");
  ASSERT_TRUE(stream->Write(batch));
  v1::IngestResponse ack;
  ASSERT_TRUE(stream->Read(&ack));
  const auto start = std::chrono::steady_clock::now();

  wire.server->Shutdown(std::chrono::seconds(60));

  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
  EXPECT_FALSE(stream->Read(&ack));
  EXPECT_FALSE(stream->Finish().ok());
}

// The answer's first field of the standard health service: 1 serving, 2 not serving.
int HealthOf(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext call;
  grpc::CompletionQueue queue;
  const grpc::Slice nothing;
  const grpc::ByteBuffer request(&nothing, 1);
  const auto reader = stub.PrepareUnaryCall(&call, "/grpc.health.v1.Health/Check", request, &queue);
  reader->StartCall();
  grpc::ByteBuffer reply;
  grpc::Status status;
  reader->Finish(&reply, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  grpc::Slice bytes;
  if (!status.ok() || !reply.DumpToSingleSlice(&bytes).ok() || bytes.size() != 2) return -1;
  return bytes.begin()[1];
}

TEST(GrpcServer, TheHealthServiceFollowsTheStore) {
  Wire wire({.address = "127.0.0.1:0", .health_every = std::chrono::milliseconds(5)});
  const auto becomes = [&](int health) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (HealthOf(wire.channel) != health && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    return HealthOf(wire.channel) == health;
  };
  EXPECT_TRUE(becomes(1));
  wire.world.store->broken = true;
  EXPECT_TRUE(becomes(2));
  wire.world.store->broken = false;
  EXPECT_TRUE(becomes(1));
}

// An open ingest stream; the server has taken it once a batch is acknowledged.
struct OpenStream {
  explicit OpenStream(const std::shared_ptr<grpc::Channel>& channel)
      : stub(v1::IngestService::NewStub(channel)), stream(stub->Ingest(&call)) {}
  // False if the server ended the stream instead.
  bool Exchange() {
    v1::IngestRequest batch;
    batch.set_source("catalog");
    batch.add_records("{}");
    v1::IngestResponse ack;
    return stream->Write(batch) && stream->Read(&ack);
  }

  grpc::ClientContext call;
  std::unique_ptr<v1::IngestService::Stub> stub;
  std::unique_ptr<grpc::ClientReaderWriter<v1::IngestRequest, v1::IngestResponse>> stream;
};

TEST(GrpcServer, LeavesThreadsForOtherCallsThanStreams) {
  Wire wire({.address = "127.0.0.1:0", .threads = 16});
  std::vector<std::unique_ptr<OpenStream>> streams;
  for (int i = 0; i < 8; ++i) {
    streams.push_back(std::make_unique<OpenStream>(wire.channel));
    ASSERT_TRUE(streams.back()->Exchange());
  }

  OpenStream one_more(wire.channel);
  EXPECT_FALSE(one_more.Exchange());
  const grpc::Status refused = one_more.stream->Finish();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("8 streams are open"));
  v1::PutResponse put;
  grpc::ClientContext put_call;
  const auto upload = v1::ArtifactService::NewStub(wire.channel)->Put(&put_call, &put);
  EXPECT_EQ(upload->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);

  // A stream that ends makes room.
  streams.back()->stream->WritesDone();
  ASSERT_TRUE(streams.back()->stream->Finish().ok());
  EXPECT_TRUE(OpenStream(wire.channel).Exchange());
}

TEST(GrpcServer, CancelsAStreamWhoseClientIsSilent) {
  Wire wire({.address = "127.0.0.1:0", .stream_idle = std::chrono::milliseconds(20)});
  OpenStream silent(wire.channel);
  v1::IngestResponse ack;

  EXPECT_FALSE(silent.stream->Read(&ack));

  EXPECT_EQ(silent.stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST(GrpcServer, CancelsAnUploadWhoseClientIsSilent) {
  Wire wire({.address = "127.0.0.1:0", .stream_idle = std::chrono::milliseconds(20)});
  grpc::ClientContext call;
  v1::PutResponse put;
  const auto upload = v1::ArtifactService::NewStub(wire.channel)->Put(&call, &put);
  v1::PutRequest part;
  part.mutable_header();
  ASSERT_TRUE(upload->Write(part));

  EXPECT_EQ(upload->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

// A read of a position that never comes, with a deadline of a day.
struct HopelessRead {
  explicit HopelessRead(const std::shared_ptr<grpc::Channel>& channel)
      : stub(v1::FeatureService::NewStub(channel)) {
    call.set_deadline(std::chrono::system_clock::now() + std::chrono::hours(24));
    v1::GetFeaturesRequest request;
    request.set_set("ranker");
    request.mutable_min_position()->set_value(~uint64_t{0});
    reader = stub->AsyncGetFeatures(&call, request, &queue);
    reader->Finish(&reply, &status, nullptr);
  }
  void Wait() {
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
  }

  std::unique_ptr<v1::FeatureService::Stub> stub;
  grpc::CompletionQueue queue;
  grpc::ClientContext call;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::GetFeaturesResponse>> reader;
  v1::GetFeaturesResponse reply;
  grpc::Status status;
};

TEST(GrpcServer, ReadsThatAreCancelledGiveTheirThreadsBack) {
  Wire wire;
  constexpr int kReads = 8;
  std::vector<std::unique_ptr<HopelessRead>> reads;
  for (int i = 0; i < kReads; ++i) reads.push_back(std::make_unique<HopelessRead>(wire.channel));
  while (wire.world.store->waiting < kReads) std::this_thread::yield();

  for (const auto& read : reads) read->call.TryCancel();
  for (const auto& read : reads) read->Wait();

  while (wire.world.store->waiting > 0) std::this_thread::yield();
}

TEST(GrpcServer, NoCallLastsLongerThanTheLimit) {
  Wire wire;
  HopelessRead read(wire.channel);
  while (wire.world.store->waiting == 0) std::this_thread::yield();

  EXPECT_LE(wire.world.store->last_deadline.load(),
            std::chrono::steady_clock::now() + kMaxCallTime);

  read.call.TryCancel();
  read.Wait();
}

TEST(GrpcServer, AReadThatWaitsDoesNotHoldUpTheShutdown) {
  Wire wire;
  HopelessRead read(wire.channel);
  while (wire.world.store->waiting == 0) std::this_thread::yield();

  wire.server->Shutdown(std::chrono::milliseconds(0));

  read.Wait();
  EXPECT_FALSE(read.status.ok());
}

// S2.4: the answer arrives before the client gives up by itself.
TEST(GrpcServer, APositionNotReachedIsUnavailableForTheClientToo) {
  Wire wire;
  grpc::ClientContext call;
  call.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(2));
  v1::GetFeaturesRequest request;
  request.set_set("ranker");
  request.mutable_min_position()->set_value(~uint64_t{0});
  v1::GetFeaturesResponse reply;

  const grpc::Status status =
      v1::FeatureService::NewStub(wire.channel)->GetFeatures(&call, request, &reply);

  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
}

TEST(GrpcServer, RefusesAPortThatIsInUse) {
  Wire wire;
  EXPECT_THAT(
      GrpcServer::Start({.address = "127.0.0.1:" + std::to_string(wire.server->port())},
                        {*wire.world.backend, FileSystem::Posix(), wire.facts, wire.metrics}),
      StatusIs(StatusCode::kUnavailable, HasSubstr("in use")));
}

}  // namespace
}  // namespace larder::serving
