// SPDX-License-Identifier: Apache-2.0
#include "tests/support/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/status.h"
#include "tests/support/temp_dir.h"

namespace larder {
namespace {

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

void Redirect(int target, const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags, 0644);
  if (fd < 0 || dup2(fd, target) < 0) _exit(126);
}

pid_t Spawn(const std::vector<std::string>& command,
            const std::map<std::string, std::string>& environment, const std::string& in,
            const std::string& out, const std::string& err) {
  std::vector<char*> arguments;
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = fork();
  LARDER_CHECK(pid >= 0);
  if (pid != 0) return pid;
  for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
  Redirect(STDIN_FILENO, in, O_RDONLY);
  Redirect(STDOUT_FILENO, out, O_CREAT | O_WRONLY | O_APPEND);
  Redirect(STDERR_FILENO, err, O_CREAT | O_WRONLY | O_APPEND);
  execv(arguments[0], arguments.data());
  _exit(127);
}

int ExitCode(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Waits for `pid` up to `limit`; false if it still runs.
bool WaitFor(pid_t pid, std::chrono::seconds limit, int& exit_code) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (true) {
    int status = 0;
    const pid_t done = waitpid(pid, &status, WNOHANG);
    if (done == pid) {
      exit_code = ExitCode(status);
      return true;
    }
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace

ProcessResult RunProgram(const std::vector<std::string>& command,
                         const std::map<std::string, std::string>& environment,
                         const std::string& standard_input, std::chrono::seconds limit) {
  const TempDir dir;
  std::ofstream(dir.File("in"), std::ios::binary) << standard_input;
  const pid_t pid = Spawn(command, environment, dir.File("in"), dir.File("out"), dir.File("err"));
  ProcessResult result;
  if (!WaitFor(pid, limit, result.exit_code)) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    result.exit_code = -1;
  }
  result.out = ReadAll(dir.File("out"));
  result.err = ReadAll(dir.File("err"));
  return result;
}

BackgroundProgram::BackgroundProgram(const std::vector<std::string>& command,
                                     const std::string& log_path)
    : pid_(Spawn(command, {}, "/dev/null", log_path, log_path)) {}

BackgroundProgram::~BackgroundProgram() {
  if (!Running()) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool BackgroundProgram::Running() {
  if (pid_ > 0 && WaitFor(pid_, std::chrono::seconds(0), exit_code_)) pid_ = -1;
  return pid_ > 0;
}

void BackgroundProgram::Signal(int signal) {
  if (Running()) kill(pid_, signal);
}

int BackgroundProgram::Wait(std::chrono::seconds limit) {
  if (pid_ > 0 && WaitFor(pid_, limit, exit_code_)) pid_ = -1;
  return pid_ > 0 ? -1 : exit_code_;
}

}  // namespace larder
