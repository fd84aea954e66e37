// SPDX-License-Identifier: Apache-2.0
//
// The API of the HTTP port, with clients that behave and clients that do not.
#include <gtest/gtest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "serving/http.h"
#include "serving/text/openai.h"
#include "tests/serving/fake_encoder.h"
#include "tests/serving/serving_world.h"
#include "tests/support/eventually.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kPath = "/v1/embeddings";
constexpr const char* kJson = "application/json";

// The HTTP port over a world with a fake encoder.
struct Port {
  explicit Port(size_t threads = 4, const EncodersOptions& options = {.batcher = {
                    .threads = 1, .wait = std::chrono::microseconds(0)}})
      : world(kEncoderDefinition, 1'000'000, options, OpenFakeEncoders(control)),
        openai(*world.backend, metrics, std::chrono::minutes(5), 64) {
    server = *HttpServer::Start("127.0.0.1", 0, threads,
                                {.health = [] { return OkStatus(); },
                                 .metrics = [] { return ""; },
                                 .api = [this](const HttpRequest& request) {
                                   ++requests;
                                   return openai.Answer(request);
                                 }});
  }
  ~Port() {
    control.Open();
    server.reset();
  }
  httplib::Client Client() const {
    httplib::Client client("127.0.0.1", server->port());
    client.set_read_timeout(std::chrono::minutes(2));
    return client;
  }
  static std::string Body(const std::string& text) {
    return json{{"model", "titles"}, {"input", text}}.dump();
  }

  FakeEncoderControl control;
  ServingWorld world;
  Metrics metrics;
  OpenAi openai;
  std::atomic<int> requests{0};
  std::unique_ptr<HttpServer> server;
};

// A connection on which a test sends what it likes.
class RawClient {
 public:
  explicit RawClient(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ~RawClient() { close(socket_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // False once the server no longer takes anything.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  void EndSending() { shutdown(socket_, SHUT_WR); }
  std::string ReadAll() {
    std::string all;
    std::string buffer(4'096, '\0');
    for (;;) {
      const ssize_t n = recv(socket_, buffer.data(), buffer.size(), 0);
      if (n <= 0) return all;
      all.append(buffer, 0, static_cast<size_t>(n));
    }
  }

 private:
  const int socket_;
};

TEST(HttpApi, AnswersOverTheWire) {
  Port port;
  httplib::Client client = port.Client();
  const auto vectors = client.Post(kPath, Port::Body("a"), kJson);
  const auto models = client.Get("/v1/models");
  const auto model = client.Get("/v1/models/titles");
  const auto unknown = client.Get("/v1/nothing");
  const auto health = client.Get("/healthz");

  ASSERT_TRUE(vectors && models && model && unknown && health);
  EXPECT_EQ(vectors->status, 200) << vectors->body;
  EXPECT_EQ(vectors->get_header_value("Content-Type"), kJson);
  EXPECT_EQ(json::parse(vectors->body)["data"][0]["embedding"].size(), 16U);
  EXPECT_EQ(json::parse(models->body)["data"][0]["id"], "titles");
  EXPECT_EQ(json::parse(model->body)["id"], "titles");
  EXPECT_EQ(unknown->status, 404);
  EXPECT_EQ(json::parse(unknown->body)["error"]["type"], "invalid_request_error");
  EXPECT_EQ(health->status, 200);
}

TEST(HttpApi, TakesLargeBodiesAndRefusesLargerOnes) {
  Port port;
  httplib::Client client = port.Client();
  std::string body = Port::Body("a");
  body += std::string(kMaxHttpBodyBytes - body.size(), ' ');
  EXPECT_EQ(client.Post(kPath, body, kJson)->status, 200);
  const auto too_large = client.Post(kPath, body + " ", kJson);
  ASSERT_TRUE(too_large);
  EXPECT_EQ(too_large->status, 413);
  EXPECT_EQ(json::parse(too_large->body)["error"]["code"], "request_too_large");
}

TEST(HttpApi, TakesChunksButNotForEver) {
  Port port;
  {
    RawClient client(port.server->port());
    const std::string body = Port::Body("a");
    char size[16];
    snprintf(size, sizeof size, "%zx", body.size());
    ASSERT_TRUE(client.Send("POST /v1/embeddings HTTP/1.1\r\nHost: x\r\n"
                            "Content-Type: application/json\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n" +
                            std::string(size) + "\r\n" + body + "\r\n0\r\n\r\n"));
    EXPECT_THAT(client.ReadAll(), HasSubstr("200 OK"));
  }
  RawClient client(port.server->port());
  client.Send("POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
              "Transfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(65'536, ' ') + "\r\n";
  size_t sent = 0;
  while (sent < 64 * kMaxHttpBodyBytes && client.Send(chunk)) sent += chunk.size();
  EXPECT_LT(sent, 8 * kMaxHttpBodyBytes);  // what it took and what lies in buffers
}

TEST(HttpApi, AnEndlessLineIsNotKept) {
  Port port;
  RawClient client(port.server->port());
  const std::string piece(65'536, 'x');
  client.Send("GET /");
  size_t sent = 0;
  while (sent < 64 * kMaxHttpBodyBytes && client.Send(piece)) sent += piece.size();
  EXPECT_LT(sent, 8 * kMaxHttpBodyBytes);
}

TEST(HttpApi, ABodyThatDoesNotComeIsNotWaitedForLong) {
  Port port(1);
  RawClient slow(port.server->port());
  ASSERT_TRUE(slow.Send("POST /v1/embeddings HTTP/1.1\r\nHost: x\r\n"
                        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"));
  // The next one waits for the only thread.
  const auto next = port.Client().Get("/healthz");
  ASSERT_TRUE(next);
  EXPECT_EQ(next->status, 200);
  EXPECT_THAT(slow.ReadAll(), HasSubstr("408"));
}

TEST(HttpApi, ABodyThatIsNotWhatItsHeadersSayIsAnError) {
  Port port;
  const std::string head = "POST /v1/embeddings HTTP/1.1\r\nHost: x\r\n"
                           "Content-Type: application/json\r\n";
  const std::string body = Port::Body("a");
  const std::string length = "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  for (const std::string& request : {head + "Content-Encoding: gzip\r\n" + length + body,
                                     head + "Content-Encoding: deflate\r\n" + length + body,
                                     head + "Content-Encoding: br\r\n" + length + body,
                                     head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + body}) {
    RawClient client(port.server->port());
    ASSERT_TRUE(client.Send(request));
    const std::string reply = client.ReadAll();
    EXPECT_THAT(reply, HasSubstr("HTTP/1.1 400")) << request;
    EXPECT_THAT(reply, HasSubstr("is not what its Content-Encoding")) << request;
  }
  // Half a body, then the end of what the client sends.
  RawClient half(port.server->port());
  ASSERT_TRUE(half.Send(head + length + body.substr(1)));
  half.EndSending();
  EXPECT_THAT(half.ReadAll(), HasSubstr("408"));
}

TEST(HttpApi, TakesACompressedBody) {
  Port port;
  httplib::Client client = port.Client();
  client.set_compress(true);
  const auto reply = client.Post(kPath, Port::Body("a"), kJson);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200) << reply->body;
}

TEST(HttpApi, RefusesABodyWhereNoneBelongs) {
  Port port;
  httplib::Client client = port.Client();
  const auto health = client.Post("/healthz", "x", "text/plain");
  ASSERT_TRUE(health);
  EXPECT_EQ(health->status, 404);
  const auto form = client.Post(kPath, httplib::MultipartFormDataItems{{"input", "a", "", ""}});
  ASSERT_TRUE(form);
  EXPECT_EQ(form->status, 415);
}

TEST(HttpApi, SaysThatItIsTooMuch) {
  Port port(8, {.batcher = {.threads = 1, .wait = std::chrono::microseconds(0),
                            .queue_tokens = 1'024}});
  port.control.Close();
  std::vector<std::jthread> callers;
  for (int i = 0; i < 4; ++i) {  // what is left of each counts 256
    callers.emplace_back([&port, i] {
      json texts = json::array();
      for (int t = 0; t < 10; ++t) {
        texts.push_back(std::string(50, static_cast<char>('a' + t)) + std::to_string(i));
      }
      const json body = {{"model", "titles"}, {"input", texts}};
      EXPECT_EQ(port.Client().Post(kPath, body.dump(), kJson)->status, 200);
    });
    if (i == 0) port.control.WaitForBatches(1);
  }
  EXPECT_TRUE(Eventually([&] {
    return port.world.encoders->GetStats().batcher.queue_tokens == 1'024;
  }));

  const auto refused = port.Client().Post(kPath, Port::Body("x"), kJson);

  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429) << refused->body;
  EXPECT_EQ(refused->get_header_value("Retry-After"), "1");
  port.control.Open();
}

TEST(HttpApi, AClientThatGoesAwayIsNotWorkedFor) {
  Port port;
  port.control.Close();
  std::jthread blocker([&port] {
    EXPECT_EQ(port.Client().Post(kPath, Port::Body("blocker"), kJson)->status, 200);
  });
  port.control.WaitForBatches(1);
  {
    RawClient client(port.server->port());
    const std::string body = Port::Body("gone");
    ASSERT_TRUE(client.Send("POST /v1/embeddings HTTP/1.1\r\nHost: x\r\n"
                            "Content-Type: application/json\r\nContent-Length: " +
                            std::to_string(body.size()) + "\r\n\r\n" + body));
    EXPECT_TRUE(Eventually([&] {
      return port.world.encoders->GetStats().batcher.queue_tokens > 0;
    }));
  }
  EXPECT_TRUE(Eventually([&] { return port.world.encoders->GetStats().batcher.abandoned == 1; }));
  port.control.Open();
  blocker.join();
  EXPECT_EQ(port.control.CountOf("gone"), 0U);
}

TEST(HttpApi, ItsEndDoesNotWaitForVectors) {
  Port port;
  port.control.Close();
  std::jthread caller([&port] {
    const auto reply = port.Client().Post(kPath, Port::Body("a"), kJson);
    EXPECT_TRUE(!reply || reply->status == 503);
  });
  port.control.WaitForBatches(1);
  port.server.reset();
}

}  // namespace
}  // namespace larder::serving
