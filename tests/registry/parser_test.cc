// SPDX-License-Identifier: Apache-2.0
#include "registry/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/expression_fixture.h"

namespace larder::registry {
namespace {

using testing::ElementsAre;

std::string ParseError(std::string_view text) {
  std::vector<Diagnostic> diagnostics;
  const auto expr = Parse(SourceText::Plain(text), diagnostics);
  EXPECT_EQ(expr.has_value(), diagnostics.empty()) << text;
  EXPECT_LE(diagnostics.size(), 1U) << text;
  return diagnostics.empty() ? "" : Messages(diagnostics)[0];
}

// Canonical text is a fixed point: it parses to the same tree.
std::string Normalised(std::string_view text) {
  const std::string canonical = Canonical(MustParse(text));
  EXPECT_EQ(Canonical(MustParse(canonical)), canonical) << text;
  return canonical;
}

TEST(Parser, BindsByPrecedence) {
  EXPECT_EQ(Normalised("1+2*3"), "1 + 2 * 3");
  EXPECT_EQ(Normalised("(1+2)*3"), "(1 + 2) * 3");
  EXPECT_EQ(Normalised("a-(b-c)"), "a - (b - c)");
  EXPECT_EQ(Normalised("(a-b)-c"), "a - b - c");
  EXPECT_EQ(Normalised("not a and b or c"), "not a and b or c");
  EXPECT_EQ(Normalised("not (a and b)"), "not (a and b)");
  EXPECT_EQ(Normalised("a and (b or c)"), "a and (b or c)");
  EXPECT_EQ(Normalised("not not (a == b)"), "not not a == b");
  EXPECT_EQ(Normalised("(a == b) == c"), "(a == b) == c");
  EXPECT_EQ(Normalised("- -x * -(y + 1)"), "--x * -(y + 1)");
  EXPECT_EQ(Normalised("-(a % b)"), "-(a % b)");
  EXPECT_EQ(Normalised("x in [1, 2] or known(y)"), "x in [1, 2] or known(y)");
}

TEST(Parser, KeepsOneSpellingOfLiterals) {
  EXPECT_EQ(Normalised("010"), "10");
  EXPECT_EQ(Normalised("1.50"), "1.5");
  EXPECT_EQ(Normalised("5.0"), "5.0");
  EXPECT_EQ(Normalised("1e3"), "1000.0");
  EXPECT_EQ(Normalised("1e300"), "1e+300");
  EXPECT_EQ(Normalised("0.1"), "0.1");
  EXPECT_EQ(Normalised("24h"), "1d");
  EXPECT_EQ(Normalised("90m"), "90m");
  EXPECT_EQ(Normalised("0s"), FormatDuration(0));
  EXPECT_EQ(Normalised("'it\\'s \"x\"\\n'"), "\"it's \\\"x\\\"\\n\"");
  EXPECT_EQ(Normalised("true"), "true");
}

TEST(Parser, ReadsPathsKeysAndCalls) {
  EXPECT_EQ(Normalised("candidate . catalog.price"), "candidate.catalog.price");
  EXPECT_EQ(Normalised("user_author[user, candidate.posts.author].with_author.kinds_90d"),
            "user_author[user, candidate.posts.author].with_author.kinds_90d");
  EXPECT_EQ(Normalised("site['all']"), "site[\"all\"]");
  EXPECT_EQ(Normalised("now"), "now");
  EXPECT_EQ(Normalised("length(distinct(last10))"), "length(distinct(last10))");
  EXPECT_EQ(Normalised("query_item[query[normalize(page.query)], candidate]"),
            "query_item[query[normalize(page.query)], candidate]");
}

TEST(Parser, ReadsEveryClause) {
  EXPECT_EQ(Normalised("count()"), "count()");
  EXPECT_EQ(Normalised("count(over 24h)"), "count(over 1d)");
  EXPECT_EQ(Normalised("count(over [1h, 24h])"), "count(over [1h, 24h])");
  EXPECT_EQ(Normalised("count(over exact 1h, where kind == 'like' or a < b)"),
            "count(where kind == \"like\" or a < b, over exact 1h)");
  EXPECT_EQ(Normalised("last(author_id, 1000, distinct, having follow)"),
            "last(author_id, 1000, distinct, having follow)");
  EXPECT_EQ(Normalised("count(by each(topics), where kind == 'like', over 30d)"),
            "count(where kind == \"like\", by each(topics), over 30d)");
  EXPECT_EQ(Normalised("count(over 2d, half_life 6h)"), "count(over 2d, half_life 6h)");
  EXPECT_EQ(Normalised("sum(x, over day('UTC'))"), "sum(x, over day(\"UTC\"))");
  EXPECT_EQ(Normalised("quantile(price, 0.5, over candidates)"),
            "quantile(price, 0.5, over candidates)");
  EXPECT_EQ(Normalised("count(where (a or b) and c)"), "count(where (a or b) and c)");
}

TEST(Parser, KeepsPositions) {
  const Expr expr = MustParse("a +\n length(b.c)");

  EXPECT_EQ(expr.at, (SourcePosition{1, 3}));
  EXPECT_EQ(expr.args[0].at, (SourcePosition{1, 1}));
  EXPECT_EQ(expr.args[1].at, (SourcePosition{2, 2}));
  EXPECT_THAT(expr.args[1].args[0].name_positions,
              ElementsAre(SourcePosition{2, 9}, SourcePosition{2, 11}));
}

TEST(Parser, NamesTheBracketThatIsOpen) {
  EXPECT_EQ(ParseError("log(a + (b, c))"), "1:11: expected ')' to close '(' at 1:9, got ','");
  EXPECT_EQ(ParseError("log(a"), "1:6: expected ')' to close '(' at 1:4, got the end");
  EXPECT_EQ(ParseError("[1, 2"), "1:6: expected ']' to close '[' at 1:1, got the end");
  EXPECT_EQ(ParseError("count(over [1h, 2h)"), "1:19: expected ']' to close '[' at 1:12, got ')'");
  EXPECT_EQ(ParseError("a)"), "1:2: expected an operator or the end, got ')'");
}

TEST(Parser, SaysWhatItExpected) {
  EXPECT_EQ(ParseError(""), "1:1: expected an expression, got nothing");
  EXPECT_EQ(ParseError("  "), "1:3: expected an expression, got nothing");
  EXPECT_EQ(ParseError("a +"), "1:4: expected a value, got the end");
  EXPECT_EQ(ParseError("a b"), "1:3: expected an operator or the end, got 'b'");
  EXPECT_EQ(ParseError("1 < x < 3"), "1:7: comparisons cannot be chained; join them with 'and'");
  EXPECT_EQ(ParseError("(1 < x < 3)"), "1:8: comparisons cannot be chained; join them with 'and'");
  EXPECT_EQ(ParseError("by"), "1:1: expected a value, got the reserved word 'by'");
  EXPECT_EQ(ParseError("a.over"), "1:3: 'over' is a reserved word and cannot be a name");
  EXPECT_EQ(ParseError("a.1"), "1:3: expected a name after '.', got number 1");
  EXPECT_EQ(ParseError("count(over x)"),
            "1:12: expected a window (a duration such as 7d, exact 7d, day(\"UTC\") or candidates) "
            "after 'over', got 'x'");
  EXPECT_EQ(ParseError("count(half_life 7)"),
            "1:17: expected a duration such as 7d after 'half_life', got number 7");
  EXPECT_EQ(ParseError("count(over day(1))"),
            "1:16: expected a time zone in quotes, as in day(\"UTC\"), got number 1");
  EXPECT_EQ(ParseError("count(over 1h, over 2h)"),
            "1:16: a second 'over' in one call; the first is at 1:7");
  EXPECT_EQ(ParseError("count(over 1h, )"), "1:16: expected a value, got ')'");
}

TEST(Parser, LimitsNesting) {
  const auto nested = [](int n, std::string_view open, std::string_view close) {
    std::string text;
    for (int i = 0; i < n; ++i) text += open;
    text += "1";
    for (int i = 0; i < n; ++i) text += close;
    return text;
  };
  // Its canonical form has a blank after each comma.
  const auto list = [](size_t elements) {
    std::string text = "[1";
    for (size_t i = 1; i < elements; ++i) text += ",1";
    return text + "]";
  };
  EXPECT_EQ(ParseError(list(3'333)), "");
  EXPECT_EQ(ParseError(Canonical(MustParse(list(3'333)))), "");
  EXPECT_EQ(ParseError(list(3'334)),
            "1:1: the expression has 10002 characters with its blanks, at most 10000 are allowed");
  EXPECT_EQ(ParseError(nested(kMaxExpressionDepth - 1, "(", ")")), "");
  EXPECT_EQ(ParseError(nested(kMaxExpressionDepth, "(", ")")),
            "1:65: the expression is nested more than 64 levels deep");
  EXPECT_NE(ParseError(nested(3000, "(", ")")), "");
  EXPECT_NE(ParseError(nested(3000, "-", "")), "");
  EXPECT_NE(ParseError(nested(2000, "not ", "")), "");
  EXPECT_NE(ParseError(nested(1500, "f(", ")")), "");
  EXPECT_NE(ParseError(nested(1500, "[", "]")), "");
}

TEST(Parser, LimitsChains) {
  std::string chain = "a0";
  for (int i = 1; i < 300; ++i) chain += " + a" + std::to_string(i);
  EXPECT_EQ(ParseError(chain), "");

  std::string longer = "1";
  for (int i = 0; i < 4000; ++i) longer += "+1";

  EXPECT_EQ(ParseError(longer),
            "1:640: more than 320 operators in a row; name parts of the expression");
}

TEST(Ast, KnowsNamesAndReservedWords) {
  EXPECT_TRUE(IsName("price_7d"));
  EXPECT_FALSE(IsName("over"));
  EXPECT_FALSE(IsName("7d"));
  EXPECT_FALSE(IsName("Price"));
  EXPECT_FALSE(IsName(""));
  EXPECT_FALSE(IsName("a b"));
  EXPECT_TRUE(IsReserved("half_life"));
}

}  // namespace
}  // namespace larder::registry
