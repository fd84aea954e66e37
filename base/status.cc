// SPDX-License-Identifier: Apache-2.0
#include "base/status.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace larder {
namespace internal {

void AppendPart(std::string& out, std::string_view part) { out.append(part); }

namespace {
template <typename T>
void AppendNumber(std::string& out, T part) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, part).ptr;
  out.append(buffer, end);
}
}  // namespace

void AppendPart(std::string& out, double part) { AppendNumber(out, part); }
void AppendPart(std::string& out, long long part) { AppendNumber(out, part); }
void AppendPart(std::string& out, unsigned long long part) { AppendNumber(out, part); }

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace internal

Status MakeStatus(StatusCode code, std::string_view message) {
  return Status(code, absl::string_view(message.data(), message.size()));
}

std::string_view Message(const Status& status) {
  return {status.message().data(), status.message().size()};
}

Status Annotate(const Status& status, std::string_view prefix) {
  if (status.ok()) return status;
  Status annotated = MakeStatus(status.code(), Concat(prefix, ": ", Message(status)));
  status.ForEachPayload([&](absl::string_view name, const absl::Cord& payload) {
    annotated.SetPayload(name, payload);
  });
  return annotated;
}

}  // namespace larder
