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

// Of one request, decompressed.
inline constexpr size_t kMaxHttpBodyBytes = size_t{8} << 20;

// What became of a request's body.
enum class HttpBody {
  kWhole,
  kTooLarge,         // more than kMaxHttpBodyBytes, which was not kept
  kLate,             // not all of it came in time, or before the connection ended
  kUnknownEncoding,  // its Content-Encoding is not known
  kDamaged,          // not what its Content-Encoding or Transfer-Encoding says
};

// A request to the API under /v1/.
struct HttpRequest {
  std::string method = {};
  std::string path = {};  // without the query, % resolved
  std::string content_type = {};
  std::string body = {};
  HttpBody body_state = HttpBody::kWhole;
  // True once the client has gone away or the server stops. Any thread may ask until the handler
  // returns.
  std::function<bool()> cancelled = {};
};

struct HttpReply {
  int status = 200;
  std::string body = {};  // JSON
  bool retry = false;  // the client may try again in a second
};

// The HTTP port: GET /healthz (200 `ok`, or 503 and why not), GET /metrics (Prometheus text) and
// an API under /v1/.
//
// A connection is for one request. From when its turn comes, a client has two seconds to send it,
// and two more to take the answer, and a second more for each MiB of either, however slowly it
// does.
// Owns its threads; destruction joins them, without waiting for clients. Thread-safety:
// thread-safe.
class HttpServer {
 public:
  // All are called from the server's threads.
  struct Handlers {
    std::function<Status()> health;
    std::function<std::string()> metrics;
    std::function<HttpReply(const HttpRequest&)> api = {};  // empty: there is none
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
