// SPDX-License-Identifier: Apache-2.0
#include "serving/grpc_call.h"

#include <algorithm>
#include <string>

#include "base/bytes.h"

namespace larder::serving {
namespace {

// gRPC refuses trailers over 8 KiB; bytes that are not ASCII take three there.
constexpr size_t kMaxMessageBytes = 2'400;

// What an answer needs to get to its client.
constexpr std::chrono::milliseconds kAnswerTime{50};

}  // namespace

grpc::Status ToGrpc(const Status& status) {
  if (status.ok()) return grpc::Status::OK;
  std::string message(Message(status));
  if (message.size() > kMaxMessageBytes) {
    message.resize(Utf8Prefix(message, kMaxMessageBytes).size());
    message += " …";
  }
  return {static_cast<grpc::StatusCode>(status.code()), message};
}

Context CallRunner::MakeContext(const grpc::ServerContext& call) const {
  // A call without a deadline has one at the end of time.
  constexpr std::chrono::hours kNever{24 * 365};
  const auto steady_now = std::chrono::steady_clock::now();
  const auto system_now = std::chrono::system_clock::now();
  std::chrono::nanoseconds left = default_deadline_;
  if (const auto deadline = call.deadline(); deadline <= system_now + kNever) {
    left = deadline - system_now;
    left -= std::min<std::chrono::nanoseconds>(left / 10, kAnswerTime);
  }
  left = std::min<std::chrono::nanoseconds>(left, kMaxCallTime);
  return {backend_, steady_now + left, [&call] { return call.IsCancelled(); }};
}

}  // namespace larder::serving
