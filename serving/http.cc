// SPDX-License-Identifier: Apache-2.0
#include "serving/http.h"

#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <string_view>
#include <thread>
#include <utility>

#include "base/sync.h"

namespace larder::serving {
namespace {

using Steady = std::chrono::steady_clock;

// What a client may take to send its request, from when a thread takes the connection; and again to
// take the answer.
constexpr std::chrono::seconds kConnectionTime{2};
// And for each so many bytes a second more.
constexpr size_t kBytesPerSecond = size_t{1} << 20;
// And until its first byte: who connects and says nothing keeps others waiting.
constexpr std::chrono::milliseconds kFirstByteTime{500};
// How often a connection looks whether the server is to stop.
constexpr std::chrono::milliseconds kLookAround{50};
// What a client may send: the body, and all that goes around it. The library has no bound for long
// lines and for what comes in chunks.
constexpr size_t kMaxRequestBytes = kMaxHttpBodyBytes + (size_t{64} << 10);
// How long, and how much of, a connection is read that was answered before all of it was: who is
// still sending when it is closed may lose the answer.
constexpr std::chrono::milliseconds kLingerTime{500};
constexpr size_t kLingerBytes = 4 * kMaxHttpBodyBytes;
constexpr std::string_view kApiPrefix = "/v1/";
constexpr const char* kEmbeddingsPath = "/v1/embeddings";

// A second for each kBytesPerSecond.
std::chrono::nanoseconds TimeFor(size_t bytes) {
  return std::chrono::seconds(1) * bytes / kBytesPerSecond;
}

// The bytes of one connection until its time is up or the server stops. The library's own timeouts
// begin anew with every byte.
class Connection : public httplib::Stream {
 public:
  Connection(socket_t socket, const std::atomic<bool>& stopping)
      : socket_(socket), stopping_(stopping) {}

  bool is_readable() const override { return begin_ < end_ || Wait(POLLIN); }
  bool is_writable() const override { return Wait(POLLOUT); }

  using Stream::write;
  ssize_t read(char* out, size_t size) override {
    if (begin_ == end_) {
      if (full()) return -1;
      const ssize_t got =
          Wait(POLLIN) ? recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT) : -1;
      ended_ = got <= 0;
      if (ended_) return got;
      received_ += static_cast<size_t>(got);
      deadline_ = begun_ + kConnectionTime + TimeFor(received_);
      begin_ = 0;
      end_ = static_cast<size_t>(got);
    }
    const size_t n = std::min(size, end_ - begin_);
    std::copy_n(buffer_.data() + begin_, n, out);
    begin_ += n;
    return static_cast<ssize_t>(n);
  }
  ssize_t write(const char* bytes, size_t size) override {
    if (sent_ == 0) begun_ = Steady::now();
    for (size_t sent = 0; sent < size;) {
      deadline_ = begun_ + kConnectionTime + TimeFor(sent_);
      if (!Wait(POLLOUT)) return -1;
      const ssize_t n =
          send(socket_, bytes + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0) return -1;
      sent += static_cast<size_t>(n);
      sent_ += static_cast<size_t>(n);
    }
    return static_cast<ssize_t>(size);
  }

  // True once the client has closed the connection, or at least its side, or the server stops.
  // Thread-safety: any thread.
  bool Gone() const {
    char next = 0;
    return stopping_ || recv(socket_, &next, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  }

  // True if the client has sent as much as it may.
  bool full() const { return received_ >= kMaxRequestBytes; }

  // True if the last read got nothing: too late, or the client sends no more.
  bool ended() const { return ended_; }

  // Ends it: at once, or, if the client is sending still, once it has stopped or a while later.
  void Close() {
    shutdown(socket_, SHUT_WR);
    char next = 0;
    if (recv(socket_, &next, 1, MSG_PEEK | MSG_DONTWAIT) > 0) {
      deadline_ = Steady::now() + kLingerTime;
      for (size_t left = kLingerBytes; left > 0 && Wait(POLLIN);) {
        const ssize_t got = recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
        if (got <= 0) break;
        left -= std::min(left, static_cast<size_t>(got));
      }
    }
    close(socket_);
  }

  // Nobody asks.
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return socket_; }

 private:
  bool Wait(short event) const {
    while (!stopping_ && Steady::now() < deadline_) {
      pollfd ready{.fd = socket_, .events = event, .revents = 0};
      if (poll(&ready, 1, static_cast<int>(kLookAround.count())) > 0) return true;
    }
    return false;
  }

  const socket_t socket_;
  const std::atomic<bool>& stopping_;
  Steady::time_point begun_ = Steady::now();  // of the request, then of the answer
  Steady::time_point deadline_ = begun_ + kFirstByteTime;
  std::array<char, 4'096> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t received_ = 0;
  bool ended_ = false;
  size_t sent_ = 0;
};

// What the calling thread answers.
thread_local const Connection* current_connection = nullptr;

// The library's queue of accepted connections with a bound: beyond it nobody is accepted, and the
// kernel's backlog fills. A wait ends within kConnectionTime, or at once when the server stops.
class BoundedQueue : public httplib::TaskQueue {
 public:
  explicit BoundedQueue(size_t threads)
      : most_(std::max(kMaxConnections, 2 * threads)), pool_(threads) {}

  void enqueue(std::function<void()> answer) override {
    {
      const MutexLock lock(mutex_);
      while (connections_ >= most_) room_.Wait(mutex_);
      ++connections_;
    }
    pool_.enqueue([this, answer = std::move(answer)] {
      answer();
      const MutexLock lock(mutex_);
      --connections_;
      room_.SignalOne();
    });
  }
  void shutdown() override { pool_.shutdown(); }

 private:
  static constexpr size_t kMaxConnections = 64;

  const size_t most_;  // answered or waiting for a thread
  httplib::ThreadPool pool_;
  Mutex mutex_;
  CondVar room_;
  size_t connections_ ABSL_GUARDED_BY(mutex_) = 0;
};

// The library's server with one request per connection: who sends slowly or keeps a connection
// holds a thread for the times above at most, and a stop for no longer than a look around.
class BoundedServer : public httplib::Server {
 public:
  void StopConnections() { stopping_ = true; }

 private:
  bool process_and_close_socket(socket_t socket) override {
    bool closed = false;
    Connection connection(socket, stopping_);
    current_connection = &connection;
    const bool ok = process_request(connection, true, closed, nullptr);
    current_connection = nullptr;
    connection.Close();
    return ok;
  }

  std::atomic<bool> stopping_{false};
};

HttpRequest RequestOf(const httplib::Request& request) {
  const Connection* connection = current_connection;
  return {.method = request.method,
          .path = request.path,
          .content_type = request.get_header_value("Content-Type"),
          .body = {},
          .cancelled = [connection] { return connection->Gone(); }};
}

void SetReply(HttpReply reply, httplib::Response& response) {
  response.status = reply.status;
  if (reply.retry) response.set_header("Retry-After", "1");
  response.set_content(std::move(reply.body), "application/json");
}

// A body of the API, as far as it is not too long.
void ReadBody(const httplib::ContentReader& read, const httplib::Response& response,
              HttpRequest& request) {
  bool too_large = false;
  const bool whole = read([&](const char* bytes, size_t size) {
    too_large |= request.body.size() + size > kMaxHttpBodyBytes;
    if (!too_large) request.body.append(bytes, size);
    return !too_large;
  });
  if (too_large || response.status == 413 || current_connection->full()) {
    request.body_state = HttpBody::kTooLarge;
  } else if (!whole) {
    request.body_state = current_connection->ended() ? HttpBody::kLate
                         : response.status == 415    ? HttpBody::kUnknownEncoding
                                                     : HttpBody::kDamaged;
  }
}

}  // namespace

struct HttpServer::Impl {
  BoundedServer server;
  Handlers handlers;
  std::jthread thread;

  // Before a body is read: its end if it is not wanted.
  bool AnswersBefore(const httplib::Request& request, httplib::Response& response) const {
    if (!request.path.starts_with(kApiPrefix) || !handlers.api) {
      if (request.method == "GET" || request.method == "HEAD") return false;
      response.status = 404;
      return true;
    }
    if (request.method == "POST" && request.path == kEmbeddingsPath &&
        !request.is_multipart_form_data()) {
      return false;
    }
    SetReply(handlers.api(RequestOf(request)), response);
    return true;
  }

  void AddApi() {
    server.set_pre_routing_handler(
        [this](const httplib::Request& request, httplib::Response& response) {
          return AnswersBefore(request, response) ? httplib::Server::HandlerResponse::Handled
                                                  : httplib::Server::HandlerResponse::Unhandled;
        });
    server.Post(kEmbeddingsPath, [this](const httplib::Request& request,
                                        httplib::Response& response,
                                        const httplib::ContentReader& read) {
      HttpRequest whole = RequestOf(request);
      ReadBody(read, response, whole);
      SetReply(handlers.api(whole), response);
    });
  }
};

HttpServer::HttpServer() : impl_(std::make_unique<Impl>()) {}

HttpServer::~HttpServer() {
  impl_->server.StopConnections();
  impl_->server.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& host, uint16_t port,
                                                        size_t threads, Handlers handlers) {
  std::unique_ptr<HttpServer> http(new HttpServer());
  Impl& impl = *http->impl_;
  impl.handlers = std::move(handlers);
  impl.server.new_task_queue = [threads] { return new BoundedQueue(threads); };
  impl.server.set_payload_max_length(kMaxHttpBodyBytes);
  impl.AddApi();
  // The library's default shares a port with another process: a second server must fail instead.
  impl.server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  impl.server.Get("/healthz", [&impl](const httplib::Request&, httplib::Response& response) {
    const Status health = impl.handlers.health();
    response.status = health.ok() ? 200 : 503;
    response.set_content(health.ok() ? "ok\n" : Concat(Message(health), "\n"), "text/plain");
  });
  impl.server.Get("/metrics", [&impl](const httplib::Request&, httplib::Response& response) {
    response.set_content(impl.handlers.metrics(), "text/plain; version=0.0.4");
  });
  if (port == 0) {
    const int chosen = impl.server.bind_to_any_port(host);
    if (chosen <= 0) return Unavailable("cannot listen on ", host, " for HTTP");
    http->port_ = static_cast<uint16_t>(chosen);
  } else {
    if (!impl.server.bind_to_port(host, port)) {
      return Unavailable("cannot listen on ", host, ":", port, " for HTTP: is it in use?");
    }
    http->port_ = port;
  }
  impl.thread = std::jthread([&impl] { impl.server.listen_after_bind(); });
  // stop() does nothing before the loop runs, so the destructor must not come earlier.
  while (!impl.server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return http;
}

}  // namespace larder::serving
