// SPDX-License-Identifier: Apache-2.0
//
// Random typed expressions over random columns: the vectorised run of the compiled program against
// the slow evaluator of trees. And random bytes, and mutated expressions, against crashes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "registry/parser.h"
#include "registry/program.h"
#include "tests/support/expression_fixture.h"
#include "tests/support/reference_expressions.h"
#include "tests/support/status_matchers.h"

namespace larder::registry {
namespace {

constexpr TimeUs kNow = 1714557600000000;

uint64_t Seed() {
  const char* given = std::getenv("LARDER_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 20240501;
}

// What a generated expression is; the names of columns begin with the letters below.
enum class Sort { kBool, kInt, kDouble, kText, kTime, kSpan, kVector, kInts, kDoubles, kTexts };

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  size_t Below(size_t n) { return random_() % n; }
  bool Chance(size_t one_in) { return Below(one_in) == 0; }
  std::string OneOf(std::vector<std::string> items) { return items[Below(items.size())]; }

  // Text of an expression of this sort, at most `depth` levels deep.
  std::string Make(Sort sort, int depth) {
    std::string text = depth <= 0 || Chance(4) ? Leaf(sort) : Inner(sort, depth - 1);
    return Chance(3) ? "(" + text + ")" : text;
  }

 private:
  std::string Leaf(Sort sort) {
    switch (sort) {
      case Sort::kBool:
        return OneOf({"b1", "b2", "true", "false"});
      case Sort::kInt:
        return OneOf(
            {"i1", "i2", "0", "1", "7", "-3", "9223372036854775807", "4611686018427387904"});
      case Sort::kDouble:
        return OneOf({"d1", "d2", "f1", "0.0", "1.5", "-2.25", "1e300", "1e-9"});
      case Sort::kText:
        return OneOf({"s1", "s2", "k1", "''", "\"Ab\"", "'größe Ω'"});
      case Sort::kTime:
        return OneOf({"t1", "t2", "now"});
      case Sort::kSpan:
        return OneOf({"u1", "1h", "7d", "250ms"});
      case Sort::kVector:
        return OneOf({"v1", "v2", "w1"});
      case Sort::kInts:
        return OneOf({"li", "[1, 2, 3]"});
      case Sort::kDoubles:
        return OneOf({"ld", "[0.5, -1.0]"});
      case Sort::kTexts:
        return OneOf({"ls", "['Ab', 'x']"});
    }
    return "";
  }

  // A number that widens to double where double is asked for.
  std::string Number(int depth) { return Make(Chance(3) ? Sort::kInt : Sort::kDouble, depth); }

  std::string Call(const std::string& name, std::vector<std::string> args) {
    std::string text = name + "(";
    for (size_t i = 0; i < args.size(); ++i) text += (i > 0 ? ", " : "") + args[i];
    return text + ")";
  }

  // What every scalar sort has: a choice between two of its own.
  std::string Choice(Sort sort, int depth) {
    if (Chance(2)) return Call("coalesce", {Make(sort, depth), Make(sort, depth)});
    return Call("if", {Make(Sort::kBool, depth), Make(sort, depth), Make(sort, depth)});
  }

  std::string Infix(const std::string& a, const std::string& op, const std::string& b) {
    return "(" + a + ") " + op + " (" + b + ")";
  }

  std::string Inner(Sort sort, int d) {
    if (Chance(6) && sort != Sort::kVector) return Choice(sort, d);
    switch (sort) {
      case Sort::kBool:
        return InnerBool(d);
      case Sort::kInt:
        return InnerInt(d);
      case Sort::kDouble:
        return InnerDouble(d);
      case Sort::kText:
        return Call("lower", {Make(Sort::kText, d)});
      case Sort::kTime:
        return Infix(Make(Sort::kTime, d), OneOf({"+", "-"}), Make(Sort::kSpan, d));
      case Sort::kSpan:
        if (Chance(3)) return Call("age", {Make(Sort::kTime, d)});
        if (Chance(3)) return Infix(Make(Sort::kTime, d), "-", Make(Sort::kTime, d));
        if (Chance(3)) return Call(OneOf({"max_of", "min_of"}), {"u1", Make(Sort::kSpan, d)});
        return Infix(Make(Sort::kSpan, d), OneOf({"+", "-"}), Make(Sort::kSpan, d));
      case Sort::kVector:
        return Call("mean", {"lv"});
      case Sort::kInts:
        if (Chance(3)) return Call("length", {"ls"}) + " + " + Make(Sort::kInts, d);
        return Infix(Make(Sort::kInts, d), OneOf({"+", "*", "%"}), Make(Sort::kInt, d));
      case Sort::kDoubles:
        if (Chance(3)) return Call(OneOf({"exp", "log1p", "abs"}), {Make(Sort::kDoubles, d)});
        if (Chance(3)) return Infix(Number(d), "/", Make(Sort::kInts, d));
        return Infix(Make(Sort::kDoubles, d), OneOf({"+", "-", "*", "/"}), Make(Sort::kDouble, d));
      case Sort::kTexts:
        return Call("lower", {Make(Sort::kTexts, d)});
    }
    return "";
  }

  std::string InnerBool(int d) {
    const std::string compare = OneOf({"==", "!=", "<", "<=", ">", ">="});
    switch (Below(9)) {
      case 0:
        return Infix(Make(Sort::kBool, d), OneOf({"and", "or"}), Make(Sort::kBool, d));
      case 1:
        return "not (" + Make(Sort::kBool, d) + ")";
      case 2:
        return Infix(Number(d), compare, Number(d));
      case 3:
        return Infix(Make(Sort::kText, d), compare, Make(Sort::kText, d));
      case 4:
        return Infix(Make(Sort::kTime, d), compare, Make(Sort::kTime, d));
      case 5:
        return Call("contains", {Make(Sort::kText, d), Make(Sort::kText, d)});
      case 6:
        return Infix(Make(Sort::kInt, d), "in", Make(Sort::kInts, d));
      case 7:
        return Infix(Make(Sort::kText, d), "in", Make(Sort::kTexts, d));
      default:
        return Call("known", {Make(static_cast<Sort>(Below(10)), d)});
    }
  }

  std::string InnerInt(int d) {
    switch (Below(8)) {
      case 0:
        return Infix(Make(Sort::kInt, d), OneOf({"+", "-", "*", "%"}), Make(Sort::kInt, d));
      case 1:
        return "-(" + Make(Sort::kInt, d) + ")";
      case 2:
        return Call("abs", {Make(Sort::kInt, d)});
      case 3:
        return Call(OneOf({"min_of", "max_of"}),
                    {Make(Sort::kInt, d), Make(Sort::kInt, d), Make(Sort::kInt, d)});
      case 4:
        return Call("length", {Make(Chance(2) ? Sort::kText : Sort::kTexts, d)});
      case 5:
        return Call("hour", {Make(Sort::kTime, d), OneOf({"'UTC'", "'-05:30'"})});
      case 6:
        return Call(OneOf({"sum", "min", "max"}), {Make(Sort::kInts, d)});
      default:
        return Call("count", {Make(Chance(2) ? Sort::kInts : Sort::kTexts, d)});
    }
  }

  std::string InnerDouble(int d) {
    switch (Below(8)) {
      case 0:
        return Infix(Number(d), OneOf({"+", "-", "*", "%"}), Make(Sort::kDouble, d));
      case 1:
        return Infix(Number(d), "/", Number(d));
      case 2:
        return Infix(Make(Sort::kSpan, d), "/", Make(Sort::kSpan, d));
      case 3:
        return Call(OneOf({"exp", "log", "log1p", "sqrt"}), {Number(d)});
      case 4:
        return Call(OneOf({"seconds", "minutes", "hours", "days"}), {Make(Sort::kSpan, d)});
      case 5:
        return Call("mean", {Make(Chance(2) ? Sort::kInts : Sort::kDoubles, d)});
      case 6:
        return Call(OneOf({"sum", "min", "max"}), {Make(Sort::kDoubles, d)});
      default:
        return Call(OneOf({"cosine", "dot"}), {Make(Sort::kVector, d), Make(Sort::kVector, d)});
    }
  }

  std::mt19937_64 random_;
};

std::vector<std::pair<std::string, Type>> ColumnTypes() {
  const Type text = TypeOf(Kind::kString);
  const Type number = TypeOf(Kind::kDouble);
  return {{"b1", TypeOf(Kind::kBool)},
          {"b2", TypeOf(Kind::kBool)},
          {"i1", TypeOf(Kind::kInt64)},
          {"i2", TypeOf(Kind::kInt64)},
          {"d1", number},
          {"d2", number},
          {"f1", TypeOf(Kind::kFloat)},
          {"s1", text},
          {"s2", text},
          {"k1", KeyOf("item")},
          {"t1", TypeOf(Kind::kTimestamp)},
          {"t2", TypeOf(Kind::kTimestamp)},
          {"u1", TypeOf(Kind::kDuration)},
          {"v1", VectorOf("titles", 11, true)},
          {"v2", VectorOf("titles", 11, true)},
          {"w1", VectorOf("titles", 11, false)},
          {"li", ListOfType(TypeOf(Kind::kInt64))},
          {"ld", ListOfType(number)},
          {"ls", ListOfType(text)},
          {"lv", ListOfType(VectorOf("titles", 11, true))}};
}

int64_t RandomInt(Generator& g, Kind kind) {
  if (kind == Kind::kBool) return static_cast<int64_t>(g.Below(2));
  if (kind == Kind::kTimestamp) return kNow - static_cast<int64_t>(g.Below(1000)) * kHourUs;
  if (kind == Kind::kDuration) return static_cast<int64_t>(g.Below(1000)) * kMinuteUs - kDayUs;
  if (g.Chance(10)) return g.Chance(2) ? INT64_MAX : INT64_MIN;
  return static_cast<int64_t>(g.Below(11)) - 5;
}

Reason RandomReason(Generator& g, size_t one_in) {
  return g.Chance(one_in) ? static_cast<Reason>(1 + g.Below(12)) : Reason::kValid;
}

// One element with its value; nulls have empty ones.
void AddValue(Generator& g, Column& column, Reason reason) {
  const bool null = reason != Reason::kValid;
  switch (column.type.kind) {
    case Kind::kBool:
    case Kind::kInt64:
    case Kind::kTimestamp:
    case Kind::kDuration:
      column.ints.push_back(null ? 0 : RandomInt(g, column.type.kind));
      return;
    case Kind::kFloat:
    case Kind::kDouble:
      column.doubles.push_back(null ? 0 : (static_cast<double>(g.Below(4001)) - 2000) / 64);
      return;
    case Kind::kString:
    case Kind::kKey:
      column.strings.push_back(null ? "" : g.OneOf({"Ab", "x", "Größe", "abc", "ab"}));
      return;
    case Kind::kVector:
      for (uint32_t d = 0; d < column.type.dimensions; ++d) {
        const auto value = null ? 0 : static_cast<int>(g.Below(255)) - 127;
        if (column.type.int8) {
          column.codes.push_back(static_cast<int8_t>(value));
        } else {
          column.floats.push_back(static_cast<float>(value) / 64);
        }
      }
      return;
  }
}

Column RandomColumn(Generator& g, const Type& type, size_t rows) {
  Column column = Column::Of(type);
  column.rows = rows;
  const size_t one_in = g.Chance(2) ? 4 : 100;  // nulls
  for (size_t i = 0; i < rows; ++i) {
    column.reasons.push_back(RandomReason(g, one_in));
    if (!type.list) {
      AddValue(g, column, column.reasons.back());
      continue;
    }
    const size_t elements = column.reasons.back() == Reason::kValid ? g.Below(5) : 0;
    for (size_t k = 0; k < elements; ++k) {
      column.element_reasons.push_back(RandomReason(g, one_in));
      AddValue(g, column, column.element_reasons.back());
    }
    column.offsets.push_back(column.offsets.back() + static_cast<uint32_t>(elements));
  }
  return column;
}

// Bits of a double that is not NaN; -0 and 0 differ.
bool SameValue(const Value& got, const Value& want, std::string& why) {
  if (got.reason != want.reason) {
    why = Concat("reason ", ReasonName(got.reason), ", expected ", ReasonName(want.reason));
    return false;
  }
  if (!got.valid()) return true;
  if (got.type.list) {
    if (got.elements.size() != want.elements.size()) {
      why = "number of elements";
      return false;
    }
    for (size_t i = 0; i < got.elements.size(); ++i) {
      if (!SameValue(got.elements[i], want.elements[i], why)) return false;
    }
    return true;
  }
  switch (got.type.kind) {
    case Kind::kFloat:
    case Kind::kDouble: {
      const double wanted = want.AsDouble();
      why = Concat(got.number, ", expected ", wanted);
      return got.number == wanted && std::signbit(got.number) == std::signbit(wanted);
    }
    case Kind::kString:
    case Kind::kKey:
      why = got.text + ", expected " + want.text;
      return got.text == want.text;
    case Kind::kVector:
      why = "vectors";
      return got.vector == want.vector;
    default:
      why = Concat(got.integer, ", expected ", want.integer);
      return got.integer == want.integer;
  }
}

// Every null element has an empty value, and all arrays have their lengths.
void CheckShape(const Column& column, const std::string& text) {
  ASSERT_EQ(column.reasons.size(), column.rows) << text;
  if (column.type.list) {
    ASSERT_EQ(column.offsets.size(), column.rows + 1) << text;
  }
  const size_t elements = column.elements();
  if (!column.element_reasons.empty()) {
    ASSERT_EQ(column.element_reasons.size(), elements) << text;
  }
  const size_t dimensions = column.type.dimensions;
  const size_t values =
      column.ints.size() + column.doubles.size() + column.strings.size() +
      (dimensions == 0 ? 0 : (column.codes.size() + column.floats.size()) / dimensions);
  ASSERT_EQ(values, elements) << text;
  for (size_t i = 0; i < elements; ++i) {
    if (column.element_reason(i) == Reason::kValid) continue;
    const bool empty = (column.ints.empty() || column.ints[i] == 0) &&
                       (column.doubles.empty() || column.doubles[i] == 0) &&
                       (column.strings.size() == 0 || column.strings[i].empty());
    EXPECT_TRUE(empty) << text;
  }
}

TEST(ExpressionsProperty, RunEqualsTheReference) {
  const uint64_t seed = Seed();
  SCOPED_TRACE(Concat("LARDER_TEST_SEED=", seed));
  Generator g(seed);
  FakeScope scope;
  scope.records = ColumnTypes();
  for (int trial = 0; trial < 3000 && !testing::Test::HasFailure(); ++trial) {
    const std::string text = g.Make(static_cast<Sort>(g.Below(10)), 4);
    const Program program = CompileText(text, scope);
    const size_t rows = g.Below(7);
    std::vector<Column> columns;
    for (const auto& [name, type] : scope.records) {
      columns.push_back(RandomColumn(g, type, g.Chance(4) ? 1 : rows));
    }

    ASSERT_OK_AND_ASSIGN(const std::vector<Column> outputs,
                         registry::Run(program, {.rows = rows, .now = kNow, .record = columns}));

    const Column& output = outputs[0];
    CheckShape(output, text);
    ASSERT_TRUE(output.rows == rows || output.rows == 1) << text;
    const Expr expr = MustParse(text);
    for (size_t row = 0; row < output.rows; ++row) {
      std::map<std::string, Value> names;
      for (size_t i = 0; i < columns.size(); ++i) {
        if (columns[i].rows == 0) continue;
        names[scope.records[i].first] = ValueAt(columns[i], columns[i].rows == 1 ? 0 : row);
      }
      const Value want = ReferenceEvaluator(names, kNow).Evaluate(expr);
      std::string why;
      EXPECT_TRUE(SameValue(ValueAt(output, row), want, why))
          << text << "\nrow " << row << ": " << why;
    }
  }
}

TEST(ExpressionsProperty, CanonicalTextParsesToTheSameTree) {
  const uint64_t seed = Seed() + 1;
  SCOPED_TRACE(Concat("seed ", seed));
  Generator g(seed);
  FakeScope scope;
  scope.records = ColumnTypes();
  for (int trial = 0; trial < 2000; ++trial) {
    const std::string text = g.Make(static_cast<Sort>(g.Below(10)), 5);

    const std::string canonical = Canonical(MustParse(text));

    EXPECT_EQ(Canonical(MustParse(canonical)), canonical) << text;
    if (trial % 10 != 0) continue;
    const Program a = CompileText(text, scope);
    const Program b = CompileText(canonical, scope);
    EXPECT_EQ(a.nodes.size(), b.nodes.size()) << text;
  }
}

// Parses and, if it parses, lowers; the only demand is that it comes back with diagnostics or not.
void Survive(const std::string& text, FakeScope& scope) {
  std::vector<Diagnostic> diagnostics;
  const auto expr = Parse(SourceText::Plain(text, "f.yaml"), diagnostics);
  ASSERT_EQ(expr.has_value(), diagnostics.empty());
  if (!expr) return;
  ProgramBuilder builder;
  const int node = Lower(*expr, scope, builder, diagnostics);
  ASSERT_EQ(node < 0, !diagnostics.empty()) << text;
  EXPECT_FALSE(Canonical(*expr).empty());
}

TEST(ExpressionsProperty, RandomBytesNeverCrash) {
  const uint64_t seed = Seed() + 2;
  SCOPED_TRACE(Concat("seed ", seed));
  Generator g(seed);
  FakeScope scope;
  scope.records = ColumnTypes();
  for (int trial = 0; trial < 5000; ++trial) {
    std::string text;
    const size_t size = g.Below(40);
    for (size_t i = 0; i < size; ++i) text.push_back(static_cast<char>(g.Below(256)));
    Survive(text, scope);
  }
}

TEST(ExpressionsProperty, MutatedExpressionsNeverCrash) {
  const uint64_t seed = Seed() + 3;
  SCOPED_TRACE(Concat("seed ", seed));
  Generator g(seed);
  FakeScope scope;
  scope.records = ColumnTypes();
  const std::vector<std::string> pieces = {"(",
                                           ")",
                                           "[",
                                           "]",
                                           ",",
                                           ".",
                                           " and ",
                                           " not ",
                                           "-",
                                           "1h",
                                           "in",
                                           "over",
                                           "where",
                                           "b1",
                                           "count",
                                           "last(",
                                           "li",
                                           "'",
                                           "candidate",
                                           "5x",
                                           "==",
                                           "now",
                                           "embed",
                                           "gather(",
                                           "hour(",
                                           "age(",
                                           "day(\"UTC\")",
                                           "exact ",
                                           "half_life 6h",
                                           "distinct"};
  for (int trial = 0; trial < 5000; ++trial) {
    std::string text = g.Make(static_cast<Sort>(g.Below(10)), 3);
    for (size_t changes = 1 + g.Below(3); changes > 0; --changes) {
      const size_t at = g.Below(text.size() + 1);
      const size_t cut = std::min(g.Below(6), text.size() - at);
      text.replace(at, cut, g.Chance(4) ? "" : g.OneOf(pieces));
      if (text.empty()) text = "b1";
    }
    Survive(text, scope);
  }
}

}  // namespace
}  // namespace larder::registry
