// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_SUPPORT_STATUS_MATCHERS_H_
#define LARDER_TESTS_SUPPORT_STATUS_MATCHERS_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "base/status.h"

namespace larder {

inline const Status& GetStatus(const Status& status) { return status; }
template <typename T>
const Status& GetStatus(const StatusOr<T>& status_or) {
  return status_or.status();
}

// EXPECT_THAT(status_or_statusor, IsOk())
MATCHER(IsOk, "is OK") {
  const Status& status = GetStatus(arg);
  *result_listener << "status is " << status.ToString();
  return status.ok();
}

// EXPECT_THAT(x, StatusIs(StatusCode::kDataLoss, HasSubstr("items.idx")))
MATCHER_P2(StatusIs, code, message_matcher,
           std::string("has code ") + absl::StatusCodeToString(code)) {
  const Status& status = GetStatus(arg);
  *result_listener << "status is " << status.ToString();
  return status.code() == code &&
         testing::ExplainMatchResult(message_matcher, std::string(Message(status)),
                                     result_listener);
}

// EXPECT_THAT(statusor, IsOkAndHolds(Eq(3)))
MATCHER_P(IsOkAndHolds, value_matcher, "is OK and holds a matching value") {
  if (!arg.ok()) {
    *result_listener << "status is " << arg.status().ToString();
    return false;
  }
  return testing::ExplainMatchResult(value_matcher, *arg, result_listener);
}

}  // namespace larder

#define ASSERT_OK(expr) ASSERT_THAT((expr), ::larder::IsOk())
#define EXPECT_OK(expr) EXPECT_THAT((expr), ::larder::IsOk())
// ASSERT_OK_AND_ASSIGN(auto x, F());
#define ASSERT_OK_AND_ASSIGN(lhs, expr)                              \
  ASSERT_OK_AND_ASSIGN_IMPL(LARDER_CONCAT(test_or_, __LINE__), lhs, expr)
#define ASSERT_OK_AND_ASSIGN_IMPL(result, lhs, expr)                 \
  auto result = (expr);                                              \
  ASSERT_THAT(result, ::larder::IsOk());                             \
  lhs = *std::move(result)

#endif  // LARDER_TESTS_SUPPORT_STATUS_MATCHERS_H_
