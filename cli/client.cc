// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"

#include <cstdlib>
#include <string>

namespace larder::cli {
namespace {

// A batch of records is at most 16 MiB (S11), a reply of features may be larger.
constexpr int kMaxMessageBytes = 64 << 20;
constexpr std::chrono::seconds kConnectTimeout{2};
// A server that is gone without a word is noticed after both. The server allows a ping in 10 s.
constexpr int kKeepaliveMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;

// What --server says, or LARDER_SERVER in the environment, or the default.
std::string AddressOf(const Cli& cli) {
  if (!cli.server.empty()) return cli.server;
  const char* const environment = std::getenv("LARDER_SERVER");
  if (environment != nullptr && *environment != '\0') return environment;
  return "localhost:7070";
}

}  // namespace

Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return OkStatus();
  const auto code = static_cast<StatusCode>(status.error_code());
  const Status error =
      MakeStatus(code, !status.error_message().empty()
                           ? status.error_message()
                           : "the call failed, and neither gRPC nor the server says why; the "
                             "server's log may");
  return code == StatusCode::kUnavailable ? WithExitCode(error, kExitNoServer) : error;
}

StatusOr<Client> Client::Connect(const Cli& cli) {
  const StatusOr<DurationUs> timeout = ParseDuration(cli.timeout);
  if (!timeout.ok()) return UsageError("--timeout: ", Message(timeout.status()));

  const std::string address = AddressOf(cli);
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  // A proxy meant for the web must not catch calls to this machine.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + kConnectTimeout)) {
    return WithExitCode(
        Unavailable("no server answers at ", address, " within ", kConnectTimeout.count(),
                    "s; start one with `larder serve --data DIR`, or name another with --server or "
                    "LARDER_SERVER"),
        kExitNoServer);
  }
  return Client(std::move(channel), *timeout);
}

}  // namespace larder::cli
