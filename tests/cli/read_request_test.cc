// SPDX-License-Identifier: Apache-2.0
#include "cli/read_request.h"

#include <gmock/gmock.h>

#include "tests/support/status_matchers.h"

namespace larder::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST(ReadRequest, KeysAreRolesAndCandidates) {
  ASSERT_OK_AND_ASSIGN(const Keys keys,
                       ParseKeys({"user=u7", "candidate=a,b", "seed=x=y", "candidate=c"}));

  EXPECT_THAT(keys.roles, ElementsAre(Pair("seed", "x=y"), Pair("user", "u7")));
  EXPECT_THAT(keys.candidates, ElementsAre("a", "b", "c"));
}

TEST(ReadRequest, OnlyCandidatesAreCutAtCommas) {
  ASSERT_OK_AND_ASSIGN(const Keys keys, ParseKeys({"user=Doe, Jane"}));

  EXPECT_THAT(keys.roles, ElementsAre(Pair("user", "Doe, Jane")));
}

TEST(ReadRequest, WrongKeysAreNamed) {
  for (const char* wrong : {"user", "=u", "user=", "candidate=", "candidate=,", "candidate=a,,b",
                            "candidate=a,", "candidate=,a"}) {
    EXPECT_THAT(ParseKeys({wrong}), StatusIs(StatusCode::kInvalidArgument, HasSubstr(wrong)));
  }
  EXPECT_THAT(ParseKeys({"user=a", "user=b"}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("given twice")));
}

TEST(ReadRequest, RequestColumnsGoAsText) {
  ASSERT_OK_AND_ASSIGN(const auto columns, ParseRequestColumns({"hour=9", "section=web,x"}));

  EXPECT_EQ(columns.at("hour").text(), "9");
  EXPECT_EQ(columns.at("section").text(), "web,x");
  EXPECT_THAT(ParseRequestColumns({"hour=9", "hour=8"}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("'hour' is given twice")));
}

TEST(ReadRequest, ColumnsAreAllOnlyWhenNoneAreAskedFor) {
  EXPECT_THAT(ParseColumns({}), IsOkAndHolds(ElementsAre()));
  EXPECT_THAT(ParseColumns({"a,b", "c"}), IsOkAndHolds(ElementsAre("a", "b", "c")));
  for (const char* empty : {"", ","}) {
    EXPECT_THAT(ParseColumns({empty}),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("--columns")));
  }
}

TEST(ReadRequest, CommasCutListsAndEmptyPartsGo) {
  EXPECT_THAT(SplitCommas({"a,,b", ",c,"}), ElementsAre("a", "b", "c"));
  EXPECT_THAT(SplitCommas({""}), ElementsAre());
}

}  // namespace
}  // namespace larder::cli
