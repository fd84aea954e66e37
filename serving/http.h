// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_HTTP_H_
#define LARDER_SERVING_HTTP_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/status.h"

namespace larder::serving {

// The HTTP port: GET /healthz (200 `ok`, or 503 and why not) and GET /metrics (Prometheus text).
//
// A connection is for one request and lasts two seconds at most from when its turn comes, however
// slowly its client sends.
// Owns its threads; destruction joins them, without waiting for clients. Thread-safety:
// thread-safe.
class HttpServer {
 public:
  // Both are called from the server's threads.
  struct Handlers {
    std::function<Status()> health;
    std::function<std::string()> metrics;
  };

  // `port` 0: a free one. Answers when it returns.
  // Errors: kUnavailable if it cannot listen there.
  static StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& host, uint16_t port,
                                                     size_t threads, Handlers handlers);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  uint16_t port() const { return port_; }

 private:
  struct Impl;
  HttpServer();

  std::unique_ptr<Impl> impl_;
  uint16_t port_ = 0;
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_HTTP_H_
