// SPDX-License-Identifier: Apache-2.0
#include "serving/http.h"

#include <httplib.h>

#include <chrono>
#include <thread>
#include <utility>

namespace larder::serving {

struct HttpServer::Impl {
  httplib::Server server;
  Handlers handlers;
  std::jthread thread;
};

HttpServer::HttpServer() : impl_(std::make_unique<Impl>()) {}

HttpServer::~HttpServer() {
  impl_->server.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& host, uint16_t port,
                                                        size_t threads, Handlers handlers) {
  std::unique_ptr<HttpServer> http(new HttpServer());
  Impl& impl = *http->impl_;
  impl.handlers = std::move(handlers);
  impl.server.new_task_queue = [threads] { return new httplib::ThreadPool(threads); };
  // Nobody sends a body here; slow senders must not hold a thread.
  impl.server.set_payload_max_length(4'096);
  impl.server.set_read_timeout(std::chrono::seconds(5));
  impl.server.set_keep_alive_max_count(100);
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
