// SPDX-License-Identifier: Apache-2.0
#include "bench/support/server_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file_system.h"
#include "bench/support/timing.h"

namespace larder::bench {
namespace {

constexpr std::chrono::seconds kStartTime{120};
constexpr std::chrono::seconds kCallTime{30};
constexpr std::chrono::milliseconds kPollEvery{1};
constexpr std::chrono::milliseconds kIdlePollEvery{100};

// build/PRESET/cli/larder beside build/PRESET/bench/bench_NAME.
StatusOr<std::string> LarderProgram() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string program = (self.parent_path().parent_path() / "cli" / "larder").string();
  if (error || !FileSystem::Posix().Exists(program)) {
    return FailedPrecondition(program, " is not there: build the target larder");
  }
  return program;
}

StatusOr<pid_t> Spawn(std::vector<std::string> command, const std::string& log) {
  std::vector<char*> arguments;
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  const pid_t pid = fork();
  if (pid < 0) return ResourceExhausted("cannot start another process");
  if (pid > 0) return pid;
  const int fd = open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0644);
  if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) _exit(126);
  // A benchmark that is interrupted leaves no server behind.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  execv(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

Status FromGrpc(const grpc::Status& status) {
  return MakeStatus(static_cast<StatusCode>(status.error_code()), status.error_message());
}

StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::Start(
    const std::string& data_dir, const std::vector<std::string>& options) {
  LARDER_ASSIGN_OR_RETURN(const std::string program, LarderProgram());
  const std::string ports_file = data_dir + ".ports";
  if (FileSystem::Posix().Exists(ports_file)) {
    LARDER_RETURN_IF_ERROR(FileSystem::Posix().Remove(ports_file));
  }
  std::vector<std::string> command = {program, "serve", "--data", data_dir, "--listen",
                                      "127.0.0.1:0", "--http", "off", "--ports-file", ports_file};
  command.insert(command.end(), options.begin(), options.end());
  const Stopwatch watch;
  LARDER_ASSIGN_OR_RETURN(const pid_t pid, Spawn(std::move(command), data_dir + ".log"));
  std::unique_ptr<ServerProcess> server(new ServerProcess(pid));
  LARDER_RETURN_IF_ERROR(Annotate(server->Connect(ports_file), data_dir + ".log tells more"));
  LARDER_ASSIGN_OR_RETURN(server->first_status_, server->GetStatus());
  server->start_seconds_ = watch.seconds();
  return server;
}

ServerProcess::~ServerProcess() { Kill(); }

bool ServerProcess::Running() {
  if (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
  return pid_ > 0;
}

Status ServerProcess::Connect(const std::string& ports_file) {
  const auto deadline = Steady::now() + kStartTime;
  while (!FileSystem::Posix().Exists(ports_file)) {
    if (!Running()) return Unavailable("the server ended before it answered");
    if (Steady::now() > deadline) return Unavailable("the server did not start in two minutes");
    std::this_thread::sleep_for(kPollEvery);
  }
  LARDER_ASSIGN_OR_RETURN(const std::string text, FileSystem::Posix().Read(ports_file, 1'024));
  const auto ports = nlohmann::json::parse(text, nullptr, false);
  if (!ports.is_object() || !ports.contains("grpc")) return Internal(ports_file, ": no ports");
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  address_ = Concat("127.0.0.1:", ports["grpc"].get<int>());
  channel_ = grpc::CreateCustomChannel(address_, grpc::InsecureChannelCredentials(), arguments);
  return OkStatus();
}

StatusOr<v1::StatusResponse> ServerProcess::GetStatus() const {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallTime);
  context.set_wait_for_ready(true);
  v1::StatusResponse response;
  const auto stub = v1::AdminService::NewStub(channel_);
  LARDER_RETURN_IF_ERROR(FromGrpc(stub->Status(&context, v1::StatusRequest(), &response)));
  return response;
}

Status ServerProcess::WaitUntilIdle() const {
  for (;;) {
    LARDER_ASSIGN_OR_RETURN(const v1::StatusResponse status, GetStatus());
    if (status.idle()) return OkStatus();
    std::this_thread::sleep_for(kIdlePollEvery);
  }
}

Status ServerProcess::Stop() {
  if (!Running()) return Internal("the server has ended by itself");
  kill(pid_, SIGTERM);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  const bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return well ? OkStatus() : Internal("the server did not end well");
}

void ServerProcess::Kill() {
  if (!Running()) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace larder::bench
