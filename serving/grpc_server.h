// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_GRPC_SERVER_H_
#define LARDER_SERVING_GRPC_SERVER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/file_system.h"
#include "base/status.h"
#include "serving/admin.h"
#include "serving/context.h"
#include "serving/metrics.h"

namespace larder::serving {

// The gRPC port: the services of larder.v1, health and reflection, over the handlers. The health
// service says what Store::Health said within the last second.
// Borrows everything in Parts. Thread-safety: thread-safe.
class GrpcServer {
 public:
  struct Parts {
    Backend& backend;
    FileSystem& fs;
    const ServerFacts& facts;
    Metrics& metrics;
  };
  struct Options {
    std::string address;  // HOST:PORT, port 0: a free one
    size_t threads = 64;  // half of them for streams
    size_t buffer_bytes = size_t{512} << 20;
    std::chrono::milliseconds default_deadline{30'000};
    // How often the health service looks at the store.
    std::chrono::milliseconds health_every{1'000};
    // A stream whose client is silent for so long is cancelled.
    std::chrono::milliseconds stream_idle = std::chrono::minutes(10);
  };

  // Answers when it returns. Errors: kUnavailable if it cannot listen there.
  static StatusOr<std::unique_ptr<GrpcServer>> Start(const Options& options, const Parts& parts);

  virtual ~GrpcServer() = default;
  virtual uint16_t port() const = 0;
  // Takes no new calls, ends ingest streams after the batch that they are at, waits for running
  // calls until `drain` has passed and cancels the rest. May be called once.
  virtual void Shutdown(std::chrono::milliseconds drain) = 0;
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_GRPC_SERVER_H_
