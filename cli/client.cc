// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"

#include <string>

namespace larder::cli {
namespace {

// A batch of records is at most 16 MiB (S11), a reply of features may be larger.
constexpr int kMaxMessageBytes = 64 << 20;
constexpr std::chrono::seconds kConnectTimeout{2};

}  // namespace

Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return OkStatus();
  return MakeStatus(static_cast<StatusCode>(status.error_code()), status.error_message());
}

StatusOr<Client> Client::Connect(const Cli& cli) {
  const StatusOr<DurationUs> timeout = ParseDuration(cli.timeout);
  if (!timeout.ok()) return Annotate(timeout.status(), "--timeout");

  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  // A proxy meant for the web must not catch calls to this machine.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  auto channel =
      grpc::CreateCustomChannel(cli.server, grpc::InsecureChannelCredentials(), arguments);
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + kConnectTimeout)) {
    return Unavailable("no server answers at ", cli.server,
                       "; start one with `larder serve --data DIR`, or name another with --server "
                       "or LARDER_SERVER");
  }
  return Client(std::move(channel), *timeout);
}

}  // namespace larder::cli
