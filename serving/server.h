// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_SERVER_H_
#define LARDER_SERVING_SERVER_H_

#include <cstdint>
#include <memory>

#include "base/file_system.h"
#include "base/status.h"
#include "serving/server_options.h"

namespace larder::serving {

// One server: the store of a data directory, its indexes, encoders and jobs, and the two ports.
//
// Thread-safety: single-thread; its ports answer from threads of its own.
class Server {
 public:
  // Opens everything and returns once it answers. While it recovers, and when its store has failed,
  // /healthz says 503.
  // Errors: as ServerOptions::Validate; kFailedPrecondition if another process has the directory;
  // kDataLoss naming the file; kUnavailable for a port that is in use.
  static StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                 FileSystem& fs = FileSystem::Posix());

  // Shuts down if nobody has.
  virtual ~Server() = default;

  virtual uint16_t grpc_port() const = 0;
  // 0: there is no HTTP.
  virtual uint16_t http_port() const = 0;
  // How long recovery took, and how many log entries it replayed.
  virtual double recovery_seconds() const = 0;
  virtual uint64_t replayed_entries() const = 0;

  // Drains running calls (ServerOptions::drain), stops the jobs, and closes the store with a
  // checkpoint: nothing acknowledged is lost, and the next start is quick. Once.
  virtual void Shutdown() = 0;
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_SERVER_H_
