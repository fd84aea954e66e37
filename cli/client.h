// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_CLIENT_H_
#define LARDER_CLI_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/status.h"
#include "cli/cli.h"

namespace larder::cli {

// The same code and message; a message of its own for an empty one. kUnavailable exits with
// kExitNoServer.
Status FromGrpc(const grpc::Status& status);

// A connection to a server. Thread-safety: thread-safe.
class Client {
 public:
  // Waits up to two seconds for the server that cli.server names, else LARDER_SERVER in the
  // environment, else localhost:7070.
  // Errors: kUnavailable, with what to do, if none answers; kInvalidArgument for cli.timeout.
  static StatusOr<Client> Connect(const Cli& cli);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  // What --timeout says.
  DurationUs timeout() const { return timeout_; }
  std::chrono::system_clock::time_point Deadline() const {
    return std::chrono::system_clock::now() + std::chrono::microseconds(timeout_);
  }

  // Calls one unary method: Call(stub, &Stub::Plan, request) with the deadline of --timeout.
  template <typename Stub, typename Request, typename Response>
  StatusOr<Response> Call(Stub& stub,
                          grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                       Response*),
                          const Request& request) const {
    grpc::ClientContext context;
    context.set_deadline(Deadline());
    Response response;
    const Status status = FromGrpc((stub.*method)(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

 private:
  Client(std::shared_ptr<grpc::Channel> channel, DurationUs timeout)
      : channel_(std::move(channel)), timeout_(timeout) {}
  std::shared_ptr<grpc::Channel> channel_;
  DurationUs timeout_;
};

}  // namespace larder::cli

#endif  // LARDER_CLI_CLIENT_H_
