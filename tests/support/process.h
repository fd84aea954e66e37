// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_SUPPORT_PROCESS_H_
#define LARDER_TESTS_SUPPORT_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace larder {

// What a finished program left behind.
struct ProcessResult {
  int exit_code = -1;  // 128 + signal if it was killed
  std::string out;
  std::string err;
};

// Runs a program to its end (not through a shell); fails the check after `limit`.
ProcessResult RunProgram(const std::vector<std::string>& command,
                         const std::map<std::string, std::string>& environment = {},
                         const std::string& standard_input = "",
                         std::chrono::seconds limit = std::chrono::seconds(120));

// A program that runs beside the test; killed when the object goes.
class BackgroundProgram {
 public:
  // stdout and stderr go to `log_path`.
  BackgroundProgram(const std::vector<std::string>& command, const std::string& log_path);
  ~BackgroundProgram();
  BackgroundProgram(const BackgroundProgram&) = delete;
  BackgroundProgram& operator=(const BackgroundProgram&) = delete;

  bool Running();
  void Signal(int signal);
  // Waits for the end: exit code, or 128 + signal; -1 if it did not end within `limit`.
  int Wait(std::chrono::seconds limit = std::chrono::seconds(60));

 private:
  pid_t pid_ = -1;
  int exit_code_ = -1;
};

}  // namespace larder

#endif  // LARDER_TESTS_SUPPORT_PROCESS_H_
