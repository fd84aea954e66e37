// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/larder_server.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/status.h"

namespace larder {
std::string LarderBinary() { return LARDER_BINARY; }

std::string RepositoryPath(const std::string& relative) {
  return Concat(LARDER_SOURCE_DIR, "/", relative);
}

std::vector<std::string> LarderServer::ServeCommand(const std::string& ports_file) const {
  std::vector<std::string> command{LarderBinary(), "serve",       "--data",   data_dir_,
                                   "--listen",     "127.0.0.1:0", "--http",   "127.0.0.1:0",
                                   "--ports-file", ports_file};
  command.insert(command.end(), options_.begin(), options_.end());
  return command;
}

void LarderServer::Launch() {
  const std::string ports_file = data_dir_ + ".ports";
  std::filesystem::remove(ports_file);
  program_ = std::make_unique<BackgroundProgram>(ServeCommand(ports_file), data_dir_ + ".log");
}

void LarderServer::Start() {
  Launch();
  const std::string ports_file = data_dir_ + ".ports";
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < deadline && program_->Running()) {
    // Written atomically once the server answers.
    if (std::ifstream file(ports_file); file) {
      const auto ports = nlohmann::json::parse(file);
      address_ = Concat("127.0.0.1:", ports.at("grpc").get<int>());
      http_address_ = Concat("127.0.0.1:", ports.at("http").get<int>());
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::ifstream log(data_dir_ + ".log");
  const std::string text((std::istreambuf_iterator<char>(log)), std::istreambuf_iterator<char>());
  FAIL() << "the server did not start:\n" << text;
}

ProcessResult LarderServer::StartAndFail() {
  return RunProgram(ServeCommand(data_dir_ + ".ports"), {}, "",
                    std::chrono::seconds(60));
}

int LarderServer::Stop() {
  program_->Signal(SIGTERM);
  return program_->Wait();
}

void LarderServer::Kill() {
  program_->Signal(SIGKILL);
  program_->Wait();
}

ProcessResult LarderServer::Cli(const std::vector<std::string>& arguments,
                                const std::string& in) const {
  std::vector<std::string> command{LarderBinary()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return RunProgram(command, {{"LARDER_SERVER", address_}}, in);
}

nlohmann::json LarderServer::Json(std::vector<std::string> arguments, const std::string& in) const {
  arguments.push_back("--json");
  const ProcessResult result = Cli(arguments, in);
  EXPECT_EQ(result.exit_code, 0) << arguments[0] << ": " << result.err << result.out;
  return nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
}

}  // namespace larder
