// SPDX-License-Identifier: Apache-2.0
#include "registry/lexer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "registry/parser.h"
#include "tests/support/expression_fixture.h"

namespace larder::registry {
namespace {

using testing::ElementsAre;

std::vector<Token> MustLex(std::string_view text) {
  std::vector<Diagnostic> diagnostics;
  const auto tokens = Lex(SourceText::Plain(text), diagnostics);
  for (const std::string& message : Messages(diagnostics)) ADD_FAILURE() << message;
  return tokens.value_or(std::vector<Token>{});
}

std::vector<std::string> LexErrors(std::string_view text) {
  std::vector<Diagnostic> diagnostics;
  const auto tokens = Lex(SourceText::Plain(text), diagnostics);
  EXPECT_EQ(tokens.has_value(), diagnostics.empty());
  return Messages(diagnostics);
}

TEST(Lexer, TellsNumbersFromDurations) {
  const std::vector<Token> tokens = MustLex("1 010 1.5 2e-3 1e5 90s 10m 500ms 2w");
  ASSERT_EQ(tokens.size(), 10U);
  EXPECT_EQ(tokens[0].integer, 1);
  EXPECT_EQ(tokens[1].integer, 10);
  EXPECT_EQ(tokens[2].number, 1.5);
  EXPECT_EQ(tokens[3].number, 0.002);
  EXPECT_EQ(tokens[4].number, 100000);
  EXPECT_EQ(tokens[5].integer, 90 * kSecondUs);
  EXPECT_EQ(tokens[6].integer, 10 * kMinuteUs);
  EXPECT_EQ(tokens[7].integer, 500 * kMillisecondUs);
  EXPECT_EQ(tokens[8].integer, 14 * kDayUs);
  EXPECT_EQ(tokens[9].kind, Token::Kind::kEnd);
}

TEST(Lexer, UnescapesTexts) {
  const std::vector<Token> tokens = MustLex(R"("a\"b" 'it\'s' "\\n\n\t" 'größe "x"')");
  ASSERT_EQ(tokens.size(), 5U);
  EXPECT_EQ(tokens[0].text, "a\"b");
  EXPECT_EQ(tokens[1].text, "it's");
  EXPECT_EQ(tokens[2].text, "\\n\n\t");
  EXPECT_EQ(tokens[3].text, "größe \"x\"");
}

TEST(Lexer, CountsColumnsInCodePointsAndLines) {
  const std::vector<Token> tokens = MustLex("'größe' +\n  price");
  ASSERT_EQ(tokens.size(), 4U);
  EXPECT_EQ(tokens[1].at, (SourcePosition{1, 9}));
  EXPECT_EQ(tokens[2].at, (SourcePosition{2, 3}));
  EXPECT_EQ(tokens[3].at, (SourcePosition{2, 8}));
}

TEST(Lexer, TakesPositionsFromTheSource) {
  SourceText source = SourceText::Plain("a ? b", "f.yaml", {41, 5});
  std::vector<Diagnostic> diagnostics;
  EXPECT_FALSE(Lex(source, diagnostics).has_value());
  ASSERT_EQ(diagnostics.size(), 1U);
  EXPECT_EQ(diagnostics[0].file, "f.yaml");
  EXPECT_EQ(diagnostics[0].line, 41);
  EXPECT_EQ(diagnostics[0].column, 7);
}

TEST(Lexer, SaysWhatIsWrongWithNumbers) {
  EXPECT_THAT(LexErrors("1 + 5x"),
              ElementsAre("1:6: unknown unit 'x' after a number; durations end in ms, s, m "
                          "(minutes), h, d or w"));
  EXPECT_THAT(LexErrors("1.5h"),
              ElementsAre("1:1: duration 1.5h: expected a whole number before 'h'"));
  EXPECT_THAT(LexErrors("9223372036854775808"),
              ElementsAre("1:1: integer 9223372036854775808 is too large for int64; write "
                          "9223372036854775808.0 for a double"));
  EXPECT_THAT(LexErrors("1e999"),
              ElementsAre("1:1: number 1e999 is outside the range of a double"));
  EXPECT_EQ(LexErrors("99999999999w").size(), 1U);
}

TEST(Lexer, SaysWhatIsWrongWithTextsAndCharacters) {
  EXPECT_THAT(LexErrors("a + \"b"),
              ElementsAre("1:5: the text that begins here has no closing \""));
  EXPECT_THAT(LexErrors("'a\\x'"),
              ElementsAre("1:3: unknown escape in text; use \\\\, \\\", \\', \\n or \\t"));
  EXPECT_THAT(LexErrors("a = b"), ElementsAre("1:3: unexpected '='; equality is written =="));
  EXPECT_THAT(LexErrors("!a"), ElementsAre("1:1: unexpected '!'; negation is written 'not'"));
  EXPECT_THAT(LexErrors("a && b"),
              ElementsAre("1:3: unexpected '&'; conjunction is written 'and'"));
  EXPECT_THAT(LexErrors("Price"),
              ElementsAre("1:1: unexpected 'P'; names begin with a lower-case letter"));
  EXPECT_THAT(LexErrors("pRice"),
              ElementsAre("1:1: name 'pRice': names have lower-case letters, digits and _"));
  EXPECT_THAT(LexErrors("a € b"), ElementsAre("1:3: unexpected '€'"));
}

TEST(Lexer, RefusesInvalidUtf8AndLongTexts) {
  EXPECT_THAT(LexErrors("'\xff'"), ElementsAre("1:1: the expression is not valid UTF-8"));
  EXPECT_TRUE(LexErrors("'" + std::string(kMaxExpressionCharacters - 2, 'a') + "'").empty());
  EXPECT_THAT(LexErrors("'" + std::string(kMaxExpressionCharacters - 1, 'a') + "'"),
              ElementsAre("1:1: the expression has 10001 characters, at most 10000 are allowed"));
}

}  // namespace
}  // namespace larder::registry
