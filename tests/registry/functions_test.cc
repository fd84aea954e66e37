// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>
#include <set>
#include <string>

#include "registry/function_table.h"
#include "registry/internal/lower_case.h"
#include "registry/internal/zone.h"
#include "registry/portable_math.h"
#include "tests/support/expression_fixture.h"
#include "tests/support/reference_expressions.h"

namespace larder::registry {
namespace {

constexpr TimeUs kNow = 1714557600000000;  // 2024-05-01T10:00:00Z

// Everything that two values can differ in, as text.
std::string Show(const Value& value) {
  if (!value.valid()) return Concat("null ", ReasonName(value.reason));
  if (value.type.list) {
    std::string out = "[";
    for (const Value& element : value.elements) out += Show(element) + ",";
    return out + "]";
  }
  if (value.type.kind == Kind::kDouble || value.type.kind == Kind::kFloat) {
    return Concat(value.number);
  }
  if (value.type.kind == Kind::kString || value.type.kind == Kind::kKey) return value.text;
  return Concat(value.integer);
}

Value RunConstant(std::string_view text) {
  FakeScope scope;
  const Program program = CompileText(text, scope);
  const auto columns = registry::Run(program, {.now = kNow});
  EXPECT_TRUE(columns.ok()) << text;
  return ValueAt((*columns)[0], 0);
}

TEST(Functions, EveryExampleHasItsResult) {
  for (const Function& function : Functions()) {
    if (function.example.empty()) continue;
    const Value expected = RunConstant(function.result);
    const Value reference = ReferenceEvaluator({}, kNow).Evaluate(MustParse(function.example));

    const Value got = RunConstant(function.example);

    EXPECT_EQ(Show(got), Show(expected)) << function.example;
    EXPECT_EQ(Show(reference), Show(expected)) << function.example;
    EXPECT_EQ(got.type.kind, expected.type.kind) << function.example;
  }
}

TEST(Functions, EveryEntryIsDocumented) {
  std::set<std::string_view> names;
  for (const Function& function : Functions()) {
    EXPECT_TRUE(names.insert(function.name).second) << function.name;
    EXPECT_FALSE(function.usage.empty()) << function.name;
    EXPECT_FALSE(function.doc.empty()) << function.name;
    if (function.kind == Function::Kind::kUnsupported) continue;
    EXPECT_FALSE(function.nulls.empty()) << function.name;
    const bool has_kernel =
        function.kind == Function::Kind::kFunction || function.kind == Function::Kind::kOperator;
    EXPECT_EQ(function.reference != nullptr, has_kernel) << function.name;
    EXPECT_EQ(function.signatures.empty(), !has_kernel) << function.name;
  }
}

TEST(Functions, EveryNameOfTheLanguageIsKnown) {
  for (const char* name :
       {"abs",         "exp",   "log",      "log1p",   "sqrt",     "pow",
        "floor",       "ceil",  "round",    "sigmoid", "min_of",   "max_of",
        "clamp",       "if",    "coalesce", "known",   "lower",    "trim",
        "normalize",   "words", "ngrams",   "length",  "contains", "starts_with",
        "url_host",    "hash",  "bucket",   "edges",   "get",      "share",
        "top",         "tally", "size",     "pick",    "each",     "jaccard",
        "overlap",     "dot",   "cosine",   "mean",    "sum",      "gather",
        "distance_km", "embed", "now",      "age",     "seconds",  "minutes",
        "hours",       "days",  "hour",     "weekday", "sample",   "count",
        "min",         "max",   "first",    "last",    "variance", "count_distinct",
        "quantile",    "rank",  "next"}) {
    EXPECT_NE(FindFunction(name), nullptr) << name;
  }
  EXPECT_EQ(FindFunction("lgo"), nullptr);
}

double UlpsApart(double a, double b) {
  if (a == b) return 0;
  const double size = std::max(std::fabs(a), std::fabs(b));
  return std::fabs(a - b) / (std::nextafter(size, INFINITY) - size);
}

TEST(PortableMath, IsWithinTwoUlpsOfTheLibrary) {
  constexpr uint64_t kSeed = 20240501;
  SCOPED_TRACE(Concat("seed ", kSeed));
  std::mt19937_64 random(kSeed);
  std::uniform_real_distribution<double> exponent(-700, 700);
  std::uniform_real_distribution<double> unit(-1, 1);
  for (int i = 0; i < 100000; ++i) {
    const double x = i % 2 == 0 ? exponent(random) : std::ldexp(unit(random), i % 40 - 35);
    EXPECT_LE(UlpsApart(PortableExp(x), std::exp(x)), 2) << x;
    const double y = i % 2 == 0 ? std::exp(x) : std::exp(unit(random));
    EXPECT_LE(UlpsApart(PortableLog(y), std::log(y)), 2) << y;
    EXPECT_LE(UlpsApart(PortableLog1p(y), std::log1p(y)), 2) << y;
    const double z = -std::exp(-std::fabs(exponent(random)) / 20);
    EXPECT_LE(UlpsApart(PortableLog1p(z), std::log1p(z)), 2) << z;
  }
}

TEST(PortableMath, TreatsSpecialValuesAsTheLibrary) {
  EXPECT_EQ(PortableExp(0), 1);
  EXPECT_EQ(PortableExp(710), INFINITY);
  EXPECT_EQ(PortableExp(-746), 0);
  EXPECT_GT(PortableExp(-745), 0);
  EXPECT_EQ(PortableLog(0), -INFINITY);
  EXPECT_TRUE(std::isnan(PortableLog(-1)));
  EXPECT_EQ(PortableLog(1), 0);
  EXPECT_LE(UlpsApart(PortableLog(4.9e-324), std::log(4.9e-324)), 1);
  EXPECT_EQ(PortableLog1p(-1), -INFINITY);
  EXPECT_TRUE(std::isnan(PortableLog1p(-1.5)));
  EXPECT_EQ(PortableLog1p(1e-300), 1e-300);
  EXPECT_TRUE(std::isnan(PortableExp(NAN)));
}

// Frozen: these bits enter stored values, so a change is a change of kSemantics.
TEST(PortableMath, HasItsBits) {
  EXPECT_EQ(std::bit_cast<uint64_t>(PortableExp(1.5)), 0x4011ed3fe64fc541U);
  EXPECT_EQ(std::bit_cast<uint64_t>(PortableLog(10)), 0x40026bb1bbb55516U);
  EXPECT_EQ(std::bit_cast<uint64_t>(PortableLog1p(0.3)), 0x3fd0ca937be1b9dcU);
}

TEST(LowerCase, MapsLatinGreekAndCyrillic) {
  const auto lower = [](std::string_view text) {
    std::string out;
    internal::AppendLower(text, out);
    return out;
  };
  EXPECT_EQ(lower("ABC xyz 123"), "abc xyz 123");
  EXPECT_EQ(lower("ÀÖØÞ×÷ß"), "àöøþ×÷ß");
  EXPECT_EQ(lower("ŁódźĐĽŊŸŹŽ"), "łódźđľŋÿźž");
  EXPECT_EQ(lower("ΆΈΏΑΩΣ"), "άέώαωσ");
  EXPECT_EQ(lower("ЀЯЖѠҐӀӁ"), "ѐяжѡґӏӂ");
  EXPECT_EQ(lower("日本 €😀"), "日本 €😀");
  EXPECT_EQ(internal::LowerCodePoint(0x130), U'i');
  EXPECT_EQ(internal::CountCodePoints("größe😀"), 6U);
}

TEST(LowerCase, IsStableUnderItself) {
  for (char32_t c = 0; c < 0x700; ++c) {
    const char32_t lower = internal::LowerCodePoint(c);
    EXPECT_EQ(internal::LowerCodePoint(lower), lower) << static_cast<uint32_t>(c);
  }
}

TEST(Zone, KnowsUtcAndFixedOffsets) {
  EXPECT_EQ(internal::ZoneOffset("UTC"), 0);
  EXPECT_EQ(internal::ZoneOffset("+02:00"), 2 * kHourUs);
  EXPECT_EQ(internal::ZoneOffset("-05:30"), -(5 * kHourUs + 30 * kMinuteUs));
  EXPECT_EQ(internal::ZoneOffset("+18:00"), 18 * kHourUs);
  for (const char* wrong : {"", "utc", "+2:00", "+02.00", "+18:01", "+19:00", "+01:60",
                            "Europe/Rome", "*02:00", "+0a:00"}) {
    EXPECT_EQ(internal::ZoneOffset(wrong), std::nullopt) << wrong;
  }
}

TEST(Functions, HourIsOfTheLocalDayAlsoBeforeTheEpoch) {
  EXPECT_EQ(Show(RunConstant("hour(now, 'UTC')")), "10");
  EXPECT_EQ(Show(RunConstant("hour(now, '+14:30')")), "0");
  EXPECT_EQ(Show(RunConstant("hour(now - 10h - 1ms, 'UTC')")), "23");
  EXPECT_EQ(Show(RunConstant("hour(now - 20000d, '-01:00')")), "9");
}

TEST(Functions, ArithmeticIsTotal) {
  EXPECT_EQ(Show(RunConstant("1 / 0")), "null input_null");
  EXPECT_EQ(Show(RunConstant("5 % 0")), "null input_null");
  EXPECT_EQ(Show(RunConstant("0.0 / 0")), "null input_null");
  EXPECT_EQ(Show(RunConstant("9223372036854775807 + 1")), "null input_null");
  EXPECT_EQ(Show(RunConstant("-9223372036854775807 - 2")), "null input_null");
  EXPECT_EQ(Show(RunConstant("-(-9223372036854775807 - 1)")), "null input_null");
  EXPECT_EQ(Show(RunConstant("abs(-9223372036854775807 - 1)")), "null input_null");
  EXPECT_EQ(Show(RunConstant("(-9223372036854775807 - 1) % -1")), "0");
  EXPECT_EQ(Show(RunConstant("4611686018427387904 * 2")), "null input_null");
  EXPECT_EQ(Show(RunConstant("1e308 * 10")), "null input_null");
  EXPECT_EQ(Show(RunConstant("exp(1000)")), "null input_null");
  EXPECT_EQ(Show(RunConstant("log(0)")), "null input_null");
  EXPECT_EQ(Show(RunConstant("sqrt(-1)")), "null input_null");
  EXPECT_EQ(Show(RunConstant("log1p(-1)")), "null input_null");
  EXPECT_EQ(Show(RunConstant("-7 % 3")), "-1");
  EXPECT_EQ(Show(RunConstant("7.5 % -2")), "1.5");
  EXPECT_EQ(Show(RunConstant("36h / 1d")), "1.5");
  EXPECT_EQ(Show(RunConstant("3 / 2")), "1.5");
}

TEST(Functions, LogicIsKleenes) {
  const std::string null = "(1 / 0 == 1)";
  EXPECT_EQ(Show(RunConstant("false and " + null)), "0");
  EXPECT_EQ(Show(RunConstant(null + " and false")), "0");
  EXPECT_EQ(Show(RunConstant(null + " and true")), "null input_null");
  EXPECT_EQ(Show(RunConstant("true or " + null)), "1");
  EXPECT_EQ(Show(RunConstant(null + " or false")), "null input_null");
  EXPECT_EQ(Show(RunConstant("not " + null)), "null input_null");
  EXPECT_EQ(Show(RunConstant("if(" + null + ", 1, 2)")), "null input_null");
  EXPECT_EQ(Show(RunConstant("if(true, 1, 1 / 0)")), "1");
  EXPECT_EQ(Show(RunConstant("coalesce(1 / 0, log(0), 7)")), "7");
  EXPECT_EQ(Show(RunConstant("1 / 0 in [1.5]")), "null input_null");
}

TEST(Functions, ListsSkipNullsAndAreEmptyWithout) {
  EXPECT_EQ(Show(RunConstant("mean([1 / 0, 3.0])")), "3");
  EXPECT_EQ(Show(RunConstant("max([1 / 0])")), "null empty");
  EXPECT_EQ(Show(RunConstant("mean([1 / 0])")), "null empty");
  EXPECT_EQ(Show(RunConstant("sum([1 / 0])")), "0");
  EXPECT_EQ(Show(RunConstant("count([1 / 0, 2.0])")), "1");
  EXPECT_EQ(Show(RunConstant("length([1 / 0, 2.0])")), "2");
  EXPECT_EQ(Show(RunConstant("sum([9223372036854775807, 1, -5])")), "9223372036854775803");
  EXPECT_EQ(Show(RunConstant("sum([9223372036854775807, 1])")), "null input_null");
  EXPECT_EQ(Show(RunConstant("min([0.0, -0.0])")), "-0");
  // S4.3 with Kleene's logic: a value that is found is found, whatever else the list has.
  EXPECT_EQ(Show(RunConstant("1.0 in [1 / 0, 1.0]")), "1");
  EXPECT_EQ(Show(RunConstant("2.0 in [1 / 0, 1.0]")), "null input_null");
}

}  // namespace
}  // namespace larder::registry
