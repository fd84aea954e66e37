// SPDX-License-Identifier: Apache-2.0
#include "featurestore/cell_values.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "tests/featurestore/test_sources.h"
#include "tests/support/status_matchers.h"

namespace larder::featurestore {
namespace {

using registry::Kind;

Token NumberToken(std::string_view text) {
  return {.kind = Token::Kind::kNumber, .text = text, .got = text};
}

TEST(CellValues, KnowsJsonNumbers) {
  bool integer = false;
  for (const std::string_view text : {"0", "-0", "7", "-12", "1234567890123456789012345"}) {
    EXPECT_TRUE(IsJsonNumber(text, &integer)) << text;
    EXPECT_TRUE(integer) << text;
  }
  for (const std::string_view text : {"0.5", "-1e3", "1E+2", "1.25e-7", "0e0"}) {
    EXPECT_TRUE(IsJsonNumber(text, &integer)) << text;
    EXPECT_FALSE(integer) << text;
  }
  for (const std::string_view text :
       {"", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x1", "1 ", " 1", "1,5", "NaN"}) {
    EXPECT_FALSE(IsJsonNumber(text, &integer)) << text;
  }
}

TEST(CellValues, ShortensBetweenCharactersAndHidesWhatIsNotText) {
  EXPECT_EQ(Shorten("short"), "short");
  EXPECT_EQ(Shorten("a\nb\x7f"), "a?b?");
  EXPECT_EQ(Shorten("\xff\xfe."), "?" "?.");
  EXPECT_EQ(Shorten(std::string(64, 'x')), std::string(64, 'x'));
  EXPECT_EQ(Shorten(std::string(65, 'x')), std::string(64, 'x') + "...");
  EXPECT_EQ(Shorten(std::string(63, 'x') + "é"), std::string(63, 'x') + "...");
}

TEST(CellValues, TinyDoublesAreZeroOrSubnormalNotErrors) {
  const registry::Source source = Clicks();
  const registry::SourceColumn column{"x", TypeOf(Kind::kDouble), ""};
  Cell cell;

  ASSERT_OK(ConvertScalar(source, column, RecordFormat::kJson, NumberToken("1e-400"), cell));
  EXPECT_EQ(cell.number, 0.0);
  ASSERT_OK(ConvertScalar(source, column, RecordFormat::kJson, NumberToken("4.9e-324"), cell));
  EXPECT_EQ(cell.number, 4.9e-324);
  EXPECT_FALSE(ConvertScalar(source, column, RecordFormat::kJson, NumberToken("1e400"), cell).ok());
}

TEST(CellValues, KeysWithADeclaredTypeKeepTheirLimits) {  // L1.2: the key is the column's text
  const registry::Source source = Clicks();
  const registry::SourceColumn column{"x", TypeOf(Kind::kString), "item"};
  const Token empty{.kind = Token::Kind::kString, .text = "", .got = "\"\""};
  Cell cell;

  EXPECT_FALSE(ConvertScalar(source, column, RecordFormat::kJson, empty, cell).ok());
  EXPECT_FALSE(ConvertScalar(source, column, RecordFormat::kJson, NumberToken("5"), cell).ok());
}

}  // namespace
}  // namespace larder::featurestore
