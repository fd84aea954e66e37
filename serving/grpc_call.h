// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_GRPC_CALL_H_
#define LARDER_SERVING_GRPC_CALL_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "serving/caught.h"
#include "serving/context.h"
#include "serving/metrics.h"

namespace larder::serving {

// The same code and message, shortened to what fits into the trailers of a reply.
grpc::Status ToGrpc(const Status& status);

// What every call needs. Borrows its parts. Thread-safety: thread-safe.
class CallRunner {
 public:
  CallRunner(Backend& backend, Metrics& metrics, std::chrono::milliseconds default_deadline)
      : backend_(backend), metrics_(metrics), default_deadline_(default_deadline) {}

  // The call's deadline by the steady clock; the default for a call without one, at most
  // kMaxCallTime from now. A little earlier than the client's own, so that the answer to a passed
  // deadline, which says what was waited for, still finds its client.
  Context MakeContext(const grpc::ServerContext& call) const;

  // Runs `work(context)`, which returns a Status, counts and times it. Nothing thrown gets out.
  template <typename Work>
  grpc::Status Run(std::string_view method, const grpc::ServerContext& call, Work&& work) const {
    const auto start = std::chrono::steady_clock::now();
    const Status status = Caught([&] { return work(MakeContext(call)); });
    Record(method, status.code(), start);
    return ToGrpc(status);
  }

  // Counts and times a call that was not run here.
  void Record(std::string_view method, StatusCode code,
              std::chrono::steady_clock::time_point start) const {
    const auto time = std::chrono::steady_clock::now() - start;
    metrics_.RecordCall(method, code, std::chrono::duration<double>(time).count());
  }

  // As Run, for `handler(request, context)`, which returns a StatusOr<Reply>.
  template <typename Request, typename Reply, typename Handler>
  grpc::Status Unary(std::string_view method, const grpc::ServerContext& call,
                     const Request& request, Reply* reply, Handler&& handler) const {
    return Run(method, call, [&](const Context& context) -> Status {
      LARDER_ASSIGN_OR_RETURN(*reply, handler(request, context));
      return OkStatus();
    });
  }

 private:
  Backend& backend_;
  Metrics& metrics_;
  const std::chrono::milliseconds default_deadline_;
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_GRPC_CALL_H_
