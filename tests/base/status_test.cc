// SPDX-License-Identifier: Apache-2.0
#include "base/status.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace larder {
namespace {

using ::testing::Eq;

StatusOr<int> Half(int value) {
  if (value % 2 != 0) return InvalidArgument("value is ", value, ", expected an even number");
  return value / 2;
}

StatusOr<int> Quarter(int value) {
  LARDER_ASSIGN_OR_RETURN(const int half, Half(value));
  return Half(half);
}

TEST(Status, ConcatJoinsTextNumbersAndBooleans) {
  EXPECT_EQ(Concat("a", 1, ' ', -2, " ", uint64_t{18446744073709551615u}, true, 0.1),
            "a1 -2 18446744073709551615true0.1");
}

TEST(Status, AssignOrReturnPassesTheErrorOn) {
  EXPECT_THAT(Quarter(8), IsOkAndHolds(Eq(2)));
  EXPECT_THAT(Quarter(6), StatusIs(StatusCode::kInvalidArgument,
                                   Eq("value is 3, expected an even number")));
}

TEST(Status, AnnotateKeepsTheCodeAndLeavesOkAlone) {
  EXPECT_THAT(Annotate(DataLoss("bad"), "file"), StatusIs(StatusCode::kDataLoss, Eq("file: bad")));
  EXPECT_OK(Annotate(OkStatus(), "file"));
  Status marked = DataLoss("bad");
  marked.SetPayload("mark", absl::Cord("1"));
  EXPECT_EQ(Annotate(marked, "file").GetPayload("mark"), absl::Cord("1"));
}

TEST(StatusDeathTest, CheckNamesTheCondition) {
  EXPECT_DEATH(LARDER_CHECK(1 + 1 == 3), "check failed: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace larder
