// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_INTEGRATION_LARDER_SERVER_H_
#define LARDER_TESTS_INTEGRATION_LARDER_SERVER_H_

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace larder {

// The real binary, serving a data directory on ports of its own choice.
class LarderServer {
 public:
  // `options`: further ones of `larder serve`.
  explicit LarderServer(std::string data_dir, std::vector<std::string> options = {})
      : data_dir_(std::move(data_dir)), options_(std::move(options)) {}

  // Starts it and waits until it answers; the check fails if it does not.
  void Start();
  // Starts it and does not wait.
  void Launch();
  // Starts it where it is expected to refuse: what it printed, and its exit code.
  ProcessResult StartAndFail();
  // SIGTERM; returns the exit code.
  int Stop();
  // SIGKILL.
  void Kill();
  bool Running() { return program_ != nullptr && program_->Running(); }

  const std::string& address() const { return address_; }
  const std::string& http_address() const { return http_address_; }
  const std::string& data_dir() const { return data_dir_; }

  // Runs a client command against it.
  ProcessResult Cli(const std::vector<std::string>& arguments, const std::string& in = "") const;
  // The same with --json, which must succeed: the parsed document.
  nlohmann::json Json(std::vector<std::string> arguments, const std::string& in = "") const;

 private:
  std::vector<std::string> ServeCommand(const std::string& ports_file) const;

  std::string data_dir_;
  std::vector<std::string> options_;
  std::string address_;
  std::string http_address_;
  std::unique_ptr<BackgroundProgram> program_;
};

// The binary under test.
std::string LarderBinary();
// A file or folder of the repository.
std::string RepositoryPath(const std::string& relative);

}  // namespace larder

#endif  // LARDER_TESTS_INTEGRATION_LARDER_SERVER_H_
