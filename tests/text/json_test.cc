// SPDX-License-Identifier: Apache-2.0
#include "text/internal/json.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/status_matchers.h"

namespace larder::text::internal {
namespace {

using testing::HasSubstr;

TEST(Json, AnIntegerBeyondInt64IsADouble) {
  ASSERT_OK_AND_ASSIGN(const Json json, ParseJson(R"({
      "model_max_length": 1000000000000000019884624838656, "unsigned": 18446744073709551615,
      "below": -9223372036854775809, "list": [12345678901234567890123,0.12345678901234567890123],
      "text": "12345678901234567890123 \"\\", "1234567890123456789012345": true})", "f"));

  const auto number = [&](std::string_view key) {
    const Json* value = json.Find(key);
    EXPECT_TRUE(value != nullptr && value->is(Json::Kind::kDouble)) << key;
    return value == nullptr ? 0 : value->number;
  };
  EXPECT_EQ(number("model_max_length"), 1e30);
  EXPECT_EQ(number("unsigned"), 18446744073709551616.0);
  EXPECT_EQ(number("below"), -9223372036854775808.0);
  EXPECT_EQ(json.Find("list")->items[0].number, 12345678901234567890123.0);
  EXPECT_EQ(json.Find("list")->items[1].number, 0.12345678901234567890123);
  EXPECT_EQ(json.Find("text")->text, "12345678901234567890123 \"\\");
  EXPECT_NE(json.Find("1234567890123456789012345"), nullptr);
}

TEST(Json, IntegersOf64BitsStayIntegersBesideLargerOnes) {
  ASSERT_OK_AND_ASSIGN(
      const Json json,
      ParseJson("[9223372036854775807, -9223372036854775808, 7, 12345678901234567890123]", "f"));

  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(json.items[i].is(Json::Kind::kInteger)) << i;
  EXPECT_EQ(json.items[0].integer, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(json.items[1].integer, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(json.items[2].integer, 7);
}

TEST(Json, WhatIsNoNumberStaysNone) {
  for (const std::string_view text :
       {"[012345678901234567890123]", "[12345678901234567890123x]", "[1.2.3]", "[--1]", "[-]",
        "[1e999]", "[12345678901234567890123 4]", "[1+12345678901234567890123]",
        "[12345678901234567890123", "[12345678901234567890123, \"\\"}) {
    EXPECT_THAT(ParseJson(text, "f"), StatusIs(StatusCode::kDataLoss, HasSubstr("f: not JSON")))
        << text;
  }
}

}  // namespace
}  // namespace larder::text::internal
