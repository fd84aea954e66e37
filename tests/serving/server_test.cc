// SPDX-License-Identifier: Apache-2.0
#include "serving/server.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <memory>
#include <string>
#include <thread>

#include "base/sync.h"
#include "larder/v1/admin_service.grpc.pb.h"
#include "larder/v1/artifact_service.grpc.pb.h"
#include "larder/v1/feature_service.grpc.pb.h"
#include "larder/v1/ingest_service.grpc.pb.h"
#include "larder/v1/registry_service.grpc.pb.h"
#include "larder/v1/retrieval_service.grpc.pb.h"
#include "serving/http.h"
#include "tests/serving/serving_world.h"
#include "tests/support/eventually.h"
#include "tests/support/gated_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder::serving {
namespace {

using testing::HasSubstr;

ServerOptions Options(const TempDir& dir) {
  ServerOptions options;
  options.data_dir = dir.path() + "/data";
  options.listen = "127.0.0.1:0";
  options.http = "127.0.0.1:0";
  options.job_poll = std::chrono::milliseconds(20);
  return options;
}

std::shared_ptr<grpc::Channel> ChannelTo(const Server& server) {
  return grpc::CreateChannel("127.0.0.1:" + std::to_string(server.grpc_port()),
                             grpc::InsecureChannelCredentials());
}

// Puts the world's encoder into the server and applies the test's definitions.
void Prepare(const ServingWorld& world, const std::shared_ptr<grpc::Channel>& channel) {
  const auto artifacts = v1::ArtifactService::NewStub(channel);
  grpc::ClientContext put_call;
  v1::PutResponse put;
  const auto writer = artifacts->Put(&put_call, &put);
  v1::PutRequest part;
  part.mutable_header()->set_expected_digest(world.encoder_digest.Hex());
  ASSERT_TRUE(writer->Write(part));
  const std::string dir = *world.artifacts->Path(world.encoder_digest);
  FileSystem& fs = FileSystem::Posix();
  const std::vector<DirectoryFile> files = *ListDirectoryFiles(fs, dir);
  for (const DirectoryFile& file : files) {
    part.mutable_file()->set_name(file.name);
    ASSERT_TRUE(writer->Write(part));
    part.set_chunk(*fs.Read(JoinPath(dir, file.name), 1 << 22));
    ASSERT_TRUE(writer->Write(part));
  }
  writer->WritesDone();
  ASSERT_TRUE(writer->Finish().ok());
  grpc::ClientContext apply_call;
  v1::ApplyResponse applied;
  const grpc::Status status = v1::RegistryService::NewStub(channel)->Apply(
      &apply_call, world.Definitions<v1::ApplyRequest>(kTestDefinitions), &applied);
  ASSERT_TRUE(status.ok()) << status.error_message();
}

uint64_t Ingest(const std::shared_ptr<grpc::Channel>& channel, const std::string& source,
                const std::vector<std::string>& records) {
  grpc::ClientContext call;
  const auto stub = v1::IngestService::NewStub(channel);
  const auto stream = stub->Ingest(&call);
  v1::IngestRequest batch;
  batch.set_source(source);
  for (const std::string& record : records) batch.add_records(record);
  EXPECT_TRUE(stream->Write(batch));
  v1::IngestResponse ack;
  EXPECT_TRUE(stream->Read(&ack));
  EXPECT_EQ(ack.message(), "");
  EXPECT_EQ(ack.accepted(), records.size());
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  return ack.last_position().value();
}

v1::RetrieveResponse Similar(const std::shared_ptr<grpc::Channel>& channel, uint64_t position) {
  grpc::ClientContext call;
  call.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  v1::RetrieveRequest request;
  request.set_recipe("similar");
  (*request.mutable_keys())["seed"] = "a";
  (*request.mutable_request())["language"].set_text("en");
  request.mutable_min_position()->set_value(position);
  v1::RetrieveResponse reply;
  const grpc::Status status =
      v1::RetrievalService::NewStub(channel)->Retrieve(&call, request, &reply);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return reply;
}

TEST(Server, ServesWhatWasIngestedAndStillDoesAfterARestart) {
  const TempDir dir;
  const ServingWorld world;  // for its encoder
  std::vector<std::string> ids;
  std::vector<double> scores;
  uint64_t position = 0;
  {
    ASSERT_OK_AND_ASSIGN(const auto server, Server::Start(Options(dir)));
    const auto channel = ChannelTo(*server);
    Prepare(world, channel);
    Ingest(channel, "catalog",
           {R"({"item_id": "a", "title": "apple pie", "language": "en", "updated_at": 1})",
            R"({"item_id": "b", "title": "apple tart", "language": "en", "updated_at": 1})",
            R"({"item_id": "c", "title": "green pear", "language": "en", "updated_at": 1})",
            R"({"item_id": "d", "title": "apple pie", "language": "de", "updated_at": 1})"});
    position = Ingest(channel, "clicks",
                      {R"({"click_id": "1", "user_id": "u", "item_id": "c", "clicked_at": 1})"});
    const auto reply = Similar(channel, position);
    ids = Strings(reply.ids());
    scores = Numbers<double>(reply.scores());
    EXPECT_EQ(ids.size(), 2U);
    EXPECT_EQ(reply.columns_size(), 7);
    server->Shutdown();
  }
  ASSERT_OK_AND_ASSIGN(const auto server, Server::Start(Options(dir)));
  const auto reply = Similar(ChannelTo(*server), position);
  EXPECT_EQ(Strings(reply.ids()), ids);
  EXPECT_EQ(Numbers<double>(reply.scores()), scores);
}

TEST(Server, SaysWhichEncoderIsDamagedAndHowToRepairIt) {
  const TempDir dir;
  const ServingWorld world;  // for its encoder
  FileSystem& fs = FileSystem::Posix();
  {
    ASSERT_OK_AND_ASSIGN(const auto server, Server::Start(Options(dir)));
    Prepare(world, ChannelTo(*server));
  }
  const std::string artifact = dir.File("data/artifacts/" + world.encoder_digest.Hex());
  const std::string model = JoinPath(artifact, "model.safetensors");
  ASSERT_OK_AND_ASSIGN(const std::string good, fs.Read(model, 1 << 22));
  const auto refused = [&](const std::string& named) {
    EXPECT_THAT(Server::Start(Options(dir)),
                StatusIs(StatusCode::kDataLoss,
                         testing::AllOf(HasSubstr("encoder 'titles'"), HasSubstr(named),
                                        HasSubstr("copy"), HasSubstr(artifact))));
  };

  ASSERT_OK(WriteFileAtomically(fs, model, good.substr(0, good.size() - 1)));
  refused(model);
  std::string flipped = good;
  char& low = flipped[flipped.size() - 4];  // of the last token's weight: still in range
  low = static_cast<char>(low ^ 1);
  ASSERT_OK(WriteFileAtomically(fs, model, flipped));
  refused("have changed");
  ASSERT_OK(fs.Remove(model));
  refused(model);
  ASSERT_OK(fs.Rename(artifact, dir.File("gone")));
  refused("gone");

  ASSERT_OK(fs.Rename(dir.File("gone"), artifact));
  ASSERT_OK(WriteFileAtomically(fs, model, good));
  EXPECT_OK(Server::Start(Options(dir)));
}

TEST(Server, AnswersHealthAndMetricsOverHttp) {
  const TempDir dir;
  ServerOptions options = Options(dir);
  options.ports_file = dir.path() + "/ports.json";
  ASSERT_OK_AND_ASSIGN(const auto server, Server::Start(options));
  httplib::Client client("127.0.0.1", server->http_port());

  const auto health = client.Get("/healthz");
  const auto metrics = client.Get("/metrics");
  const auto missing = client.Get("/nothing");

  ASSERT_TRUE(health && metrics && missing);
  EXPECT_EQ(health->status, 200);
  EXPECT_EQ(metrics->status, 200);
  EXPECT_THAT(metrics->body, HasSubstr("larder_log_entry{stage=\"applied\"}"));
  EXPECT_THAT(metrics->body, HasSubstr("larder_memory_bytes"));
  EXPECT_EQ(missing->status, 404);
  ASSERT_OK_AND_ASSIGN(const std::string ports,
                       FileSystem::Posix().Read(options.ports_file, 1'000));
  EXPECT_EQ(ports, "{\"grpc\": " + std::to_string(server->grpc_port()) +
                       ", \"http\": " + std::to_string(server->http_port()) + "}\n");
}

// A port that was free a moment ago.
uint16_t FreePort() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  EXPECT_EQ(bind(socket, generic, size), 0);
  EXPECT_EQ(getsockname(socket, generic, &size), 0);
  close(socket);
  return ntohs(address.sin_port);
}

TEST(Server, SaysWhichEncoderItLoadsUntilItIsReady) {
  const TempDir dir;
  const ServingWorld world;  // for its encoder
  {
    ASSERT_OK_AND_ASSIGN(const auto server, Server::Start(Options(dir)));
    Prepare(world, ChannelTo(*server));
  }
  GatedFileSystem fs("model.safetensors");
  ServerOptions options = Options(dir);
  const uint16_t port = FreePort();
  options.http = "127.0.0.1:" + std::to_string(port);
  StatusOr<std::unique_ptr<Server>> server = Internal("not started");
  std::jthread start([&] { server = Server::Start(options, fs); });
  httplib::Client client("127.0.0.1", port);

  EXPECT_TRUE(Eventually([&] {
    const auto health = client.Get("/healthz");
    return health && health->status == 503 && health->body == "loading encoder 'titles'\n";
  }));
  const auto vectors = client.Post("/v1/embeddings", "{}", "application/json");
  EXPECT_TRUE(vectors && vectors->status == 503);
  fs.Open();
  start.join();

  ASSERT_OK(server.status());
  EXPECT_EQ(client.Get("/healthz")->status, 200);
}

TEST(Server, RefusesADirectoryThatAnotherServerHas) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(const auto server, Server::Start(Options(dir)));
  EXPECT_THAT(Server::Start(Options(dir)), StatusIs(StatusCode::kFailedPrecondition, testing::_));
}

TEST(Server, RefusesOptionsThatAreWrong) {
  const TempDir dir;
  ServerOptions options = Options(dir);
  options.listen = "0.0.0.0:0";
  EXPECT_THAT(Server::Start(options),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("--insecure")));
}

// A client that connects and then says nothing.
class SilentClient {
 public:
  explicit SilentClient(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    EXPECT_EQ(connect(socket_, generic, sizeof address), 0);
  }
  ~SilentClient() { close(socket_); }
  SilentClient(const SilentClient&) = delete;
  SilentClient& operator=(const SilentClient&) = delete;

  int socket() const { return socket_; }

 private:
  const int socket_;
};

// A client that sends its request so slowly that it would take half an hour.
class SlowSender {
 public:
  explicit SlowSender(uint16_t port) : client_(port) {
    thread_ = std::jthread([this] {
      MutexLock lock(mu_);
      while (!stopped_ && send(client_.socket(), "x", 1, MSG_NOSIGNAL) == 1) {
        stop_.WaitUntil(mu_, std::chrono::steady_clock::now() + std::chrono::milliseconds(200));
      }
    });
  }
  ~SlowSender() {
    {
      MutexLock lock(mu_);
      stopped_ = true;
      stop_.SignalAll();
    }
    thread_.join();
  }

 private:
  const SilentClient client_;
  Mutex mu_;
  CondVar stop_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::jthread thread_;
};

TEST(HttpServer, ASlowSenderHoldsItsThreadForAShortTimeOnly) {
  ASSERT_OK_AND_ASSIGN(const auto server, HttpServer::Start("127.0.0.1", 0, 1,
                                                            {.health = [] { return OkStatus(); },
                                                             .metrics = [] { return ""; }}));
  const SlowSender slow(server->port());

  httplib::Client client("127.0.0.1", server->port());
  client.set_read_timeout(std::chrono::minutes(2));
  const auto reply = client.Get("/healthz");

  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200);
}

TEST(HttpServer, ASlowSenderDoesNotHoldUpItsEnd) {
  ASSERT_OK_AND_ASSIGN(auto server, HttpServer::Start("127.0.0.1", 0, 1,
                                                      {.health = [] { return OkStatus(); },
                                                       .metrics = [] { return ""; }}));
  const SlowSender slow(server->port());
  server.reset();
}

TEST(HttpServer, MoreConnectionsThanItAcceptsDoNotHoldUpItsEnd) {
  ASSERT_OK_AND_ASSIGN(auto server, HttpServer::Start("127.0.0.1", 0, 1,
                                                      {.health = [] { return OkStatus(); },
                                                       .metrics = [] { return ""; }}));
  std::deque<SilentClient> silent;
  // The 64 that it takes and a few that the kernel keeps; more would wait to connect.
  for (int i = 0; i < 67; ++i) silent.emplace_back(server->port());
  server.reset();
}

TEST(HttpServer, AConnectionIsForOneRequest) {
  ASSERT_OK_AND_ASSIGN(const auto server, HttpServer::Start("127.0.0.1", 0, 1,
                                                            {.health = [] { return OkStatus(); },
                                                             .metrics = [] { return ""; }}));
  httplib::Client client("127.0.0.1", server->port());
  client.set_keep_alive(true);

  const auto reply = client.Get("/healthz");

  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->get_header_value("Connection"), "close");
}

TEST(HttpServer, Says503UntilItIsReady) {
  std::atomic<bool> ready{false};
  const auto health = [&] { return ready.load() ? OkStatus() : Unavailable("not yet"); };
  ASSERT_OK_AND_ASSIGN(
      const auto server,
      HttpServer::Start("127.0.0.1", 0, 1,
                        {.health = health,
                         .metrics = [] { return std::string("m 1\n"); }}));
  httplib::Client client("127.0.0.1", server->port());
  EXPECT_EQ(client.Get("/healthz")->status, 503);
  EXPECT_EQ(client.Get("/healthz")->body, "not yet\n");
  ready = true;
  EXPECT_EQ(client.Get("/healthz")->status, 200);
  EXPECT_EQ(client.Get("/metrics")->body, "m 1\n");
  EXPECT_THAT(HttpServer::Start("127.0.0.1", server->port(), 1, {}),
              StatusIs(StatusCode::kUnavailable, HasSubstr("in use")));
}

}  // namespace
}  // namespace larder::serving
