// SPDX-License-Identifier: Apache-2.0
#include "registry/aggregate_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/expression_fixture.h"

namespace larder::registry {
namespace {

using testing::ElementsAre;

std::vector<std::string> Errors(std::string_view text) {
  const Expr call = MustParse(text);
  std::vector<Diagnostic> diagnostics;
  const auto aggregate = AsAggregate(call, diagnostics);
  EXPECT_EQ(aggregate.has_value(), diagnostics.empty());
  return Messages(diagnostics);
}

TEST(AggregateCall, TakesACallApart) {
  const Expr call = MustParse("last(item_id, 50, distinct, where dwell_s > 3, over 30d)");
  std::vector<Diagnostic> diagnostics;

  const auto aggregate = AsAggregate(call, diagnostics);

  ASSERT_TRUE(aggregate.has_value());
  EXPECT_EQ(aggregate->function, AggregateFunction::kLast);
  EXPECT_EQ(Canonical(*aggregate->argument), "item_id");
  EXPECT_EQ(Canonical(*aggregate->where), "dwell_s > 3");
  EXPECT_EQ(aggregate->n, 50U);
  EXPECT_TRUE(aggregate->distinct);
  EXPECT_EQ(aggregate->window.kind, Window::Kind::kTiled);
  EXPECT_EQ(aggregate->window.width, 30 * kDayUs);
  EXPECT_EQ(aggregate->window.hop, 6 * kHourUs);
}

TEST(AggregateCall, WithoutOverTakesAllTime) {
  const Expr call = MustParse("count()");
  std::vector<Diagnostic> diagnostics;

  const auto aggregate = AsAggregate(call, diagnostics);

  ASSERT_TRUE(aggregate.has_value());
  EXPECT_EQ(aggregate->argument, nullptr);
  EXPECT_EQ(aggregate->window.kind, Window::Kind::kAll);
}

TEST(AggregateCall, KnowsExactWindows) {
  const Expr call = MustParse("count(over exact 7d)");
  std::vector<Diagnostic> diagnostics;

  const auto aggregate = AsAggregate(call, diagnostics);

  ASSERT_TRUE(aggregate.has_value());
  EXPECT_EQ(aggregate->window.kind, Window::Kind::kExact);
  EXPECT_EQ(aggregate->window.width, 7 * kDayUs);
}

TEST(AggregateCall, HopsAreThoseOfThreePointOne) {
  EXPECT_EQ(HopOf(kSecondUs), kSecondUs);
  EXPECT_EQ(HopOf(47 * 10 * kSecondUs), kSecondUs);
  EXPECT_EQ(HopOf(480 * kSecondUs), 10 * kSecondUs);
  EXPECT_EQ(HopOf(kHourUs), kMinuteUs);
  EXPECT_EQ(HopOf(kDayUs), 30 * kMinuteUs);
  EXPECT_EQ(HopOf(7 * kDayUs), 3 * kHourUs);
  EXPECT_EQ(HopOf(30 * kDayUs), 6 * kHourUs);
  EXPECT_EQ(HopOf(365 * kDayUs), kDayUs);
}

TEST(AggregateCall, SaysWhatIsNotSupportedYet) {
  EXPECT_THAT(
      Errors("count(by category, over 30d, half_life 6h)"),
      ElementsAre("1:7: 'by' is not supported yet", "1:30: 'half_life' is not supported yet"));
  EXPECT_THAT(Errors("last(author_id, 10, distinct, having follow)"),
              ElementsAre("1:31: 'having' is not supported yet"));
  EXPECT_THAT(Errors("sum(x, over day('UTC'))"),
              ElementsAre("1:13: 'over day' is not supported yet"));
  EXPECT_THAT(Errors("mean(x, over candidates)"),
              ElementsAre("1:14: 'over candidates' is not supported yet"));
  EXPECT_THAT(Errors("count_distinct(user_id, over 7d)"),
              ElementsAre("1:1: aggregate 'count_distinct' is not supported yet"));
  EXPECT_EQ(Errors("quantile(x, 0.5)").size(), 1U);
  EXPECT_EQ(Errors("variance(x)").size(), 1U);
}

TEST(AggregateCall, ChecksArgumentsAndLimits) {
  EXPECT_THAT(Errors("count(x)"),
              ElementsAre("1:7: count() has no argument; write count(where known(x)) to count "
                          "values"));
  EXPECT_THAT(Errors("sum()"), ElementsAre("1:1: 'sum' needs an argument: what it aggregates"));
  EXPECT_THAT(Errors("first(x, 3)"),
              ElementsAre("1:10: 'first' takes 1 argument, got 2; there is no first(x, n)"));
  EXPECT_THAT(Errors("last(x, 0)"),
              ElementsAre("1:9: last(x, n): n must be a whole number from 1 to 1000"));
  EXPECT_EQ(Errors("last(x, n)").size(), 1U);
  EXPECT_EQ(Errors("last(x, 1001)").size(), 1U);
  EXPECT_THAT(Errors("last(x, distinct)"),
              ElementsAre("1:9: 'distinct' only fits last(x, n, distinct)"));
  EXPECT_THAT(Errors("count(over 500ms)"),
              ElementsAre("1:12: window 500ms must be 1s to 3660d wide"));
  EXPECT_EQ(Errors("count(over 4000d)").size(), 1U);
}

TEST(AggregateCall, KnowsTheTypesOfValues) {
  const auto type = [](std::string_view text, Type argument) -> std::string {
    const Expr call = MustParse(text);
    std::vector<Diagnostic> diagnostics;
    const auto aggregate = AsAggregate(call, diagnostics);
    const auto result = AggregateType(*aggregate, &argument, diagnostics);
    return result ? result->Name() : Messages(diagnostics)[0];
  };
  EXPECT_EQ(type("count()", TypeOf(Kind::kBool)), "int64");
  EXPECT_EQ(type("sum(x)", TypeOf(Kind::kInt64)), "int64");
  EXPECT_EQ(type("sum(x)", TypeOf(Kind::kFloat)), "double");
  EXPECT_EQ(type("mean(x)", TypeOf(Kind::kInt64)), "double");
  EXPECT_EQ(type("max(x)", TypeOf(Kind::kTimestamp)), "timestamp");
  EXPECT_EQ(type("last(x, 5)", KeyOf("item")), "list<key<item>>");
  EXPECT_EQ(type("first(x)", TypeOf(Kind::kString)), "string");
  EXPECT_EQ(type("mean(x)", TypeOf(Kind::kString)),
            "1:6: aggregate: expected a number, got string");
  EXPECT_EQ(type("max(x)", TypeOf(Kind::kString)),
            "1:5: aggregate: expected a number, timestamp or duration, got string");
  EXPECT_EQ(type("last(x)", ListOfType(KeyOf("item"))),
            "1:6: aggregate: expected one value per record, got list<key<item>>");
}

}  // namespace
}  // namespace larder::registry
