// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BASE_STATUS_H_
#define LARDER_BASE_STATUS_H_

#include <concepts>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace larder {

// The error type of the whole project; codes are gRPC's, so a handler maps them by number.
// Messages: lower case, no full stop; they name the thing, what was expected and what came.
using Status = absl::Status;
template <typename T>
using StatusOr = absl::StatusOr<T>;
using StatusCode = absl::StatusCode;

inline Status OkStatus() { return absl::OkStatus(); }

namespace internal {
void AppendPart(std::string& out, std::string_view part);
void AppendPart(std::string& out, double part);
void AppendPart(std::string& out, long long part);
void AppendPart(std::string& out, unsigned long long part);

template <typename T>
void AppendAny(std::string& out, const T& part) {
  if constexpr (std::same_as<T, char>) {
    AppendPart(out, std::string_view(&part, 1));
  } else if constexpr (std::same_as<T, bool>) {
    AppendPart(out, part ? std::string_view("true") : std::string_view("false"));
  } else if constexpr (std::signed_integral<T>) {
    AppendPart(out, static_cast<long long>(part));
  } else if constexpr (std::unsigned_integral<T>) {
    AppendPart(out, static_cast<unsigned long long>(part));
  } else if constexpr (std::floating_point<T>) {
    AppendPart(out, static_cast<double>(part));
  } else {
    AppendPart(out, std::string_view(part));
  }
}
}  // namespace internal

// Concatenates strings, characters, booleans and numbers (doubles in shortest round-trip form).
template <typename... Parts>
std::string Concat(const Parts&... parts) {
  std::string out;
  (internal::AppendAny(out, parts), ...);
  return out;
}

Status MakeStatus(StatusCode code, std::string_view message);
// The message of `status`, valid while `status` lives.
std::string_view Message(const Status& status);
// The same code and payloads with "prefix: " before the message; OK stays OK.
Status Annotate(const Status& status, std::string_view prefix);

#define LARDER_DEFINE_ERROR(Name, code)                          \
  template <typename... Parts>                                   \
  Status Name(const Parts&... parts) {                           \
    return MakeStatus(StatusCode::code, Concat(parts...));       \
  }
LARDER_DEFINE_ERROR(Aborted, kAborted)
LARDER_DEFINE_ERROR(AlreadyExists, kAlreadyExists)
LARDER_DEFINE_ERROR(Cancelled, kCancelled)
LARDER_DEFINE_ERROR(DataLoss, kDataLoss)
LARDER_DEFINE_ERROR(DeadlineExceeded, kDeadlineExceeded)
LARDER_DEFINE_ERROR(FailedPrecondition, kFailedPrecondition)
LARDER_DEFINE_ERROR(Internal, kInternal)
LARDER_DEFINE_ERROR(InvalidArgument, kInvalidArgument)
LARDER_DEFINE_ERROR(NotFound, kNotFound)
LARDER_DEFINE_ERROR(OutOfRange, kOutOfRange)
LARDER_DEFINE_ERROR(PermissionDenied, kPermissionDenied)
LARDER_DEFINE_ERROR(ResourceExhausted, kResourceExhausted)
LARDER_DEFINE_ERROR(Unavailable, kUnavailable)
LARDER_DEFINE_ERROR(Unimplemented, kUnimplemented)
#undef LARDER_DEFINE_ERROR

namespace internal {
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);
inline const Status& AsStatus(const Status& status) { return status; }
}  // namespace internal

}  // namespace larder

// Returns from the enclosing function when `expr` (a Status) is an error.
#define LARDER_RETURN_IF_ERROR(expr)                                      \
  do {                                                                    \
    if (::larder::Status larder_status = (expr); !larder_status.ok()) {   \
      return larder_status;                                               \
    }                                                                     \
  } while (false)

#define LARDER_CONCAT_INNER(a, b) a##b
#define LARDER_CONCAT(a, b) LARDER_CONCAT_INNER(a, b)

// `LARDER_ASSIGN_OR_RETURN(auto x, F());` assigns the value or returns F()'s error.
#define LARDER_ASSIGN_OR_RETURN(lhs, expr) \
  LARDER_ASSIGN_OR_RETURN_IMPL(LARDER_CONCAT(larder_or_, __LINE__), lhs, expr)
#define LARDER_ASSIGN_OR_RETURN_IMPL(result, lhs, expr) \
  auto result = (expr);                                 \
  if (!result.ok()) return std::move(result).status();  \
  lhs = *std::move(result)

// Aborts when our own code is wrong. Never for input: that gets a Status.
#define LARDER_CHECK(condition)                                                  \
  do {                                                                           \
    if (!(condition)) ::larder::internal::CheckFailed(#condition, __FILE__, __LINE__); \
  } while (false)

#endif  // LARDER_BASE_STATUS_H_
