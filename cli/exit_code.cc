// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_code.h"

#include <charconv>
#include <string>
#include <utility>

namespace larder::cli {
namespace {

constexpr char kPayload[] = "larder.exit_code";

}  // namespace

Status WithExitCode(Status status, ExitCode code) {
  status.SetPayload(kPayload, absl::Cord(std::to_string(code)));
  return status;
}

ExitCode ExitCodeOf(const Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return kExitError;
  const std::string text(*payload);
  int code = kExitError;
  std::from_chars(text.data(), text.data() + text.size(), code);
  return static_cast<ExitCode>(code);
}

}  // namespace larder::cli
