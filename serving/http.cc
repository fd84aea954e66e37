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
#include <thread>
#include <utility>

#include "base/sync.h"

namespace larder::serving {
namespace {

using Steady = std::chrono::steady_clock;

// What one connection may take, from when a thread takes it up to the end of its answer.
constexpr std::chrono::seconds kConnectionTime{2};
// And until its first byte: who connects and says nothing keeps others waiting.
constexpr std::chrono::milliseconds kFirstByteTime{500};
// How often a connection looks whether the server is to stop.
constexpr std::chrono::milliseconds kLookAround{50};

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
      if (!Wait(POLLIN)) return -1;
      const ssize_t got = recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (got <= 0) return got;
      deadline_ = begun_ + kConnectionTime;
      begin_ = 0;
      end_ = static_cast<size_t>(got);
    }
    const size_t n = std::min(size, end_ - begin_);
    std::copy_n(buffer_.data() + begin_, n, out);
    begin_ += n;
    return static_cast<ssize_t>(n);
  }
  ssize_t write(const char* bytes, size_t size) override {
    for (size_t sent = 0; sent < size;) {
      if (!Wait(POLLOUT)) return -1;
      const ssize_t n =
          send(socket_, bytes + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0) return -1;
      sent += static_cast<size_t>(n);
    }
    return static_cast<ssize_t>(size);
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
  const Steady::time_point begun_ = Steady::now();
  Steady::time_point deadline_ = begun_ + kFirstByteTime;
  std::array<char, 4'096> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

// The library's queue of accepted connections with a bound: beyond it nobody is accepted, and the
// kernel's backlog fills. A wait ends within kConnectionTime, or at once when the server stops.
class BoundedQueue : public httplib::TaskQueue {
 public:
  explicit BoundedQueue(size_t threads) : pool_(threads) {}

  void enqueue(std::function<void()> answer) override {
    {
      const MutexLock lock(mutex_);
      while (connections_ >= kMaxConnections) room_.Wait(mutex_);
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
  static constexpr size_t kMaxConnections = 64;  // answered or waiting for a thread

  httplib::ThreadPool pool_;
  Mutex mutex_;
  CondVar room_;
  size_t connections_ ABSL_GUARDED_BY(mutex_) = 0;
};

// The library's server with one request per connection: who sends slowly or keeps a connection
// holds a thread for kConnectionTime at most, and a stop for no longer than a look around.
class BoundedServer : public httplib::Server {
 public:
  void StopConnections() { stopping_ = true; }

 private:
  bool process_and_close_socket(socket_t socket) override {
    bool closed = false;
    Connection connection(socket, stopping_);
    const bool ok = process_request(connection, true, closed, nullptr);
    shutdown(socket, SHUT_RDWR);
    close(socket);
    return ok;
  }

  std::atomic<bool> stopping_{false};
};

}  // namespace

struct HttpServer::Impl {
  BoundedServer server;
  Handlers handlers;
  std::jthread thread;
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
  // Nobody sends a body here.
  impl.server.set_payload_max_length(4'096);
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
