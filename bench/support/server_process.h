// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BENCH_SUPPORT_SERVER_PROCESS_H_
#define LARDER_BENCH_SUPPORT_SERVER_PROCESS_H_

#include <grpcpp/grpcpp.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "larder/v1/admin_service.grpc.pb.h"

namespace larder::bench {

// `larder serve` of the same build, as a process of its own, and a connection to it.
// Thread-safety: thread-compatible; the channel is thread-safe.
class ServerProcess {
 public:
  // Starts it on `data_dir` and returns when it has answered a first Status call. Its log and its
  // port go to files beside the directory. `options`: more of its command line.
  // Errors: kUnavailable if it ends or does not answer within two minutes.
  static StatusOr<std::unique_ptr<ServerProcess>> Start(
      const std::string& data_dir, const std::vector<std::string>& options = {});
  // Kills it if it still runs.
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  // HOST:PORT.
  const std::string& address() const { return address_; }
  pid_t pid() const { return pid_; }
  // From the start of the process to the first answer.
  double start_seconds() const { return start_seconds_; }
  // What it said in that answer.
  const v1::StatusResponse& first_status() const { return first_status_; }

  StatusOr<v1::StatusResponse> GetStatus() const;
  // Until everything that is durable is applied and no background job is left.
  Status WaitUntilIdle() const;

  // SIGTERM, and waits for its end. Errors: kInternal if it did not end well.
  Status Stop();
  // SIGKILL: the end without a word.
  void Kill();

 private:
  explicit ServerProcess(pid_t pid) : pid_(pid) {}
  Status Connect(const std::string& ports_file);
  // True while the process runs.
  bool Running();

  pid_t pid_;
  double start_seconds_ = 0;
  std::string address_;
  std::shared_ptr<grpc::Channel> channel_;
  v1::StatusResponse first_status_;
};

// The same code and message.
Status FromGrpc(const grpc::Status& status);

}  // namespace larder::bench

#endif  // LARDER_BENCH_SUPPORT_SERVER_PROCESS_H_
