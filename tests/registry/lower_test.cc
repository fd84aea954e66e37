// SPDX-License-Identifier: Apache-2.0
#include "registry/lower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/support/expression_fixture.h"

namespace larder::registry {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

FakeScope Names() {
  FakeScope scope;
  scope.records = {{"i", TypeOf(Kind::kInt64)},
                   {"d", TypeOf(Kind::kDouble)},
                   {"f", TypeOf(Kind::kFloat)},
                   {"b", TypeOf(Kind::kBool)},
                   {"s", TypeOf(Kind::kString)},
                   {"t", TypeOf(Kind::kTimestamp)},
                   {"u", KeyOf("user")},
                   {"k", KeyOf("item")},
                   {"v", VectorOf("titles", 4, true)},
                   {"w", VectorOf("posts", 4, true)},
                   {"li", ListOfType(TypeOf(Kind::kInt64))},
                   {"ls", ListOfType(TypeOf(Kind::kString))},
                   {"lk", ListOfType(KeyOf("item"))},
                   {"lv", ListOfType(VectorOf("titles", 4, true))}};
  scope.roles = {{"user", "user"}, {"candidate", "item"}};
  scope.stored = {{"item.catalog.price", TypeOf(Kind::kDouble)},
                  {"item.catalog.title", TypeOf(Kind::kString)},
                  {"item.catalog.tags", ListOfType(KeyOf("tag"))},
                  {"item.text.vec", VectorOf("titles", 4, true)},
                  {"tag.rates.ctr", TypeOf(Kind::kDouble)},
                  {"user.taste.recent", ListOfType(KeyOf("item"))}};
  scope.derived = {{"item.text.price_log", "log1p(catalog.price)"},
                   {"item.text.title_length", "length(catalog.title)"},
                   {"item.text.best_tag", "max(gather(catalog.tags, rates.ctr))"},
                   {"item.text.wrong", "catalog.price + catalog.title"}};
  Encoder titles;
  titles.name = "titles";
  titles.dimensions = 4;
  titles.digest = Sha256("titles");
  Encoder external;
  external.name = "tower";
  external.dimensions = 4;
  external.external = true;
  scope.encoders = {titles, external};
  return scope;
}

std::string TypeOfText(std::string_view text) {
  FakeScope scope = Names();
  const Program program = CompileText(text, scope);
  if (program.outputs.empty()) return "";
  return program.nodes[static_cast<size_t>(program.outputs[0])].type.Name();
}

std::vector<std::string> Errors(std::string_view text) {
  FakeScope scope = Names();
  return ErrorsOf(text, scope);
}

TEST(Lower, GivesTypes) {
  EXPECT_EQ(TypeOfText("i + 1"), "int64");
  EXPECT_EQ(TypeOfText("i + 1.0"), "double");
  EXPECT_EQ(TypeOfText("f + f"), "double");
  EXPECT_EQ(TypeOfText("i / i"), "double");
  EXPECT_EQ(TypeOfText("now - t"), "duration");
  EXPECT_EQ(TypeOfText("t + 1h"), "timestamp");
  EXPECT_EQ(TypeOfText("age(t)"), "duration");
  EXPECT_EQ(TypeOfText("days(age(t))"), "double");
  EXPECT_EQ(TypeOfText("age(t) < 30d"), "bool");
  EXPECT_EQ(TypeOfText("k == 'x'"), "bool");
  EXPECT_EQ(TypeOfText("k in lk"), "bool");
  EXPECT_EQ(TypeOfText("if(b, 1, 2.5)"), "double");
  EXPECT_EQ(TypeOfText("coalesce(k, k)"), "key<item>");
  EXPECT_EQ(TypeOfText("coalesce(k, 'none')"), "string");
  EXPECT_EQ(TypeOfText("mean(lv)"), "vector<titles>");
  EXPECT_EQ(TypeOfText("cosine(mean(lv), v)"), "double");
  EXPECT_EQ(TypeOfText("max(li)"), "int64");
  EXPECT_EQ(TypeOfText("mean(li)"), "double");
  EXPECT_EQ(TypeOfText("[1, 2.5]"), "list<double>");
  EXPECT_EQ(TypeOfText("known(lk)"), "bool");
  EXPECT_EQ(TypeOfText("length(ls)"), "int64");
  EXPECT_EQ(TypeOfText("embed(titles, s, lower(s))"), "vector<titles>");
}

TEST(Lower, LiftsOverOneList) {
  EXPECT_EQ(TypeOfText("li + 1"), "list<int64>");
  EXPECT_EQ(TypeOfText("li * d"), "list<double>");
  EXPECT_EQ(TypeOfText("ls == s"), "list<bool>");
  EXPECT_EQ(TypeOfText("lower(ls)"), "list<string>");
  EXPECT_EQ(TypeOfText("ls in ['a', 'b']"), "list<bool>");
  EXPECT_EQ(TypeOfText("coalesce(li, 0)"), "list<int64>");
  EXPECT_EQ(TypeOfText("mean(log1p(li))"), "double");
  EXPECT_EQ(TypeOfText("cosine(lv, v)"), "list<double>");
  EXPECT_THAT(Errors("li + li"),
              ElementsAre("1:4: '+' takes a list for one argument, got (list<int64>, list<int64>): "
                          "name what each element needs in a view and gather that"));
}

TEST(Lower, GathersFeaturesOfEachKey) {
  EXPECT_EQ(TypeOfText("gather(lk, text.vec)"), "list<vector<titles>>");
  EXPECT_EQ(TypeOfText("cosine(mean(gather(user.taste.recent, text.vec)), candidate.text.vec)"),
            "double");
  EXPECT_EQ(TypeOfText("gather(lk, text.price_log)"), "list<double>");
  // Per key it is a text, so this is its length and not that of the list of titles.
  EXPECT_EQ(TypeOfText("gather(lk, text.title_length)"), "list<int64>");
  EXPECT_EQ(TypeOfText("gather(lk, text.best_tag)"), "list<double>");
  EXPECT_EQ(TypeOfText("gather(lk, catalog.tags)"), "list<key<tag>>");
}

TEST(Lower, ReportsErrorsOfGatherWhereTheyStand) {
  EXPECT_THAT(Errors("gather(k, text.vec)"),
              ElementsAre("1:8: gather: expected a list of keys, got key<item>; one key needs no "
                          "gather: write its path"));
  EXPECT_THAT(Errors("gather(ls, text.vec)"),
              ElementsAre("1:8: gather: expected a list of keys, got list<string>"));
  EXPECT_THAT(Errors("gather(lk, 1 + 1)"),
              ElementsAre("1:14: gather: expected view.feature or table.column, got an expression; "
                          "name it in a view"));
  EXPECT_THAT(Errors("gather(lk)"),
              ElementsAre("1:1: gather(keys, view.feature) takes 2 arguments, got 1"));
  EXPECT_THAT(Errors("gather(lk, text.no)"), ElementsAre("1:12: unknown feature 'item.text.no'"));
}

TEST(Lower, CollectsAllErrorsOfOneExpression) {
  EXPECT_THAT(
      Errors("log(s) + pow(i, 2) * nothing"),
      ElementsAre("1:1: 'log' does not take (string); usage: log(x: double) -> double",
                  "1:10: function 'pow' is not supported yet", "1:22: unknown name 'nothing'"));
  EXPECT_THAT(Errors("[nope, nada]"),
              ElementsAre("1:2: unknown name 'nope'", "1:8: unknown name 'nada'"));
}

TEST(Lower, NamesWhatOperatorsDoNotTake) {
  EXPECT_THAT(Errors("s + 1"), ElementsAre("1:3: '+' does not take (string, int64)"));
  EXPECT_THAT(Errors("-s"), ElementsAre("1:1: '-' does not take (string)"));
  EXPECT_THAT(Errors("b < b"), ElementsAre("1:3: '<' does not take (bool, bool)"));
  EXPECT_THAT(Errors("t + t"), ElementsAre("1:3: '+' does not take (timestamp, timestamp)"));
  EXPECT_THAT(Errors("i and b"), ElementsAre("1:3: 'and' does not take (int64, bool)"));
  EXPECT_THAT(Errors("s == i"), ElementsAre("1:3: '==' does not take (string, int64)"));
  EXPECT_THAT(Errors("v + v"),
              ElementsAre("1:3: '+' does not take (vector<titles>, vector<titles>)"));
}

TEST(Lower, NeverMixesEntitiesOrSpaces) {
  EXPECT_THAT(Errors("u == k"),
              ElementsAre("1:3: '==': key<user> and key<item> are keys of two entities"));
  EXPECT_THAT(Errors("u in lk"),
              ElementsAre("1:3: 'in': key<user> and list<key<item>> are keys of two entities"));
  EXPECT_THAT(Errors("cosine(v, w)"),
              ElementsAre("1:1: 'cosine': vector<titles> and vector<posts> are vectors of two "
                          "spaces"));
}

TEST(Lower, SuggestsNamesAndCountsArguments) {
  EXPECT_THAT(Errors("lenght(s)"), ElementsAre(HasSubstr("1:1: unknown function 'lenght'")));
  EXPECT_THAT(Errors("lenght(s)")[0], HasSubstr("'length'"));
  EXPECT_THAT(Errors("log(d, d)"),
              ElementsAre("1:1: log(x: double) -> double: takes 1 argument, got 2"));
  EXPECT_THAT(Errors("max_of(d)"),
              ElementsAre("1:1: max_of(a, b, ...) -> the same: takes 2 arguments or more, got 1"));
  EXPECT_THAT(Errors("now()"),
              ElementsAre("1:1: 'now' is a value, not a function: write it without brackets"));
  EXPECT_THAT(Errors("age(i)"), ElementsAre("1:5: age(t: timestamp) takes a timestamp, got int64"));
  EXPECT_THAT(Errors("[]"), ElementsAre("1:1: an empty list has no type"));
  EXPECT_THAT(Errors("[1, 's']"),
              ElementsAre("1:5: the elements of a list have one type: expected int64, got string"));
  EXPECT_THAT(Errors("[li]"), ElementsAre("1:2: a list of lists is not supported yet"));
}

TEST(Lower, RefusesAggregatesAndTheirClausesElsewhere) {
  EXPECT_THAT(
      Errors("last(li, 3)"),
      ElementsAre("1:1: 'last' aggregates records; it stands only in a view whose 'from' is "
                  "events"));
  EXPECT_THAT(Errors("count(li, over 7d)"),
              ElementsAre("1:11: 'over' belongs to an aggregate of a view whose 'from' is events; "
                          "here 'count' is a function of its arguments"));
  EXPECT_THAT(Errors("mean(d, over candidates)"),
              ElementsAre("1:9: 'over candidates' is not supported yet"));
}

TEST(Lower, ChecksEncodersAndZones) {
  EXPECT_THAT(Errors("embed(tilte, s)"), ElementsAre("1:7: embed: unknown encoder 'tilte'"));
  EXPECT_THAT(Errors("embed(titles, i)"), ElementsAre("1:15: embed: expected string, got int64"));
  EXPECT_THAT(Errors("embed(titles)"),
              ElementsAre("1:1: embed(encoder, text, ...) takes an encoder and 1 to 16 texts, got "
                          "1 arguments"));
  EXPECT_THAT(Errors("embed(tower, s)"), ElementsAre(HasSubstr("1:7: embed: encoder 'tower' is ")));
  EXPECT_THAT(Errors("hour(now, 'Europe/Berlin')"),
              ElementsAre("1:11: time zone 'Europe/Berlin' is not supported yet; use \"UTC\" or a "
                          "fixed offset such as \"+02:00\""));
  EXPECT_THAT(Errors("hour(now, s)"), ElementsAre(HasSubstr("1:11: the time zone must be a ")));
}

TEST(Lower, ReportsDiagnosticsInTheFileOfTheExpression) {
  FakeScope scope = Names();
  std::vector<Diagnostic> diagnostics;
  const auto expr = Parse(SourceText::Plain("s + 1", "features.yaml", {41, 5}), diagnostics);
  ASSERT_TRUE(expr.has_value());
  ProgramBuilder builder;

  EXPECT_EQ(Lower(*expr, scope, builder, diagnostics), -1);

  ASSERT_EQ(diagnostics.size(), 1U);
  EXPECT_EQ(diagnostics[0].file, "features.yaml");
  EXPECT_EQ(diagnostics[0].line, 41);
  EXPECT_EQ(diagnostics[0].column, 7);
}

TEST(Lower, LowerAsWidensButNeverNarrows) {
  FakeScope scope = Names();
  std::vector<Diagnostic> diagnostics;
  ProgramBuilder builder;
  const Type number = TypeOf(Kind::kDouble);

  const int widened = LowerAs(MustParse("i"), number, "score", scope, builder, diagnostics);
  EXPECT_EQ(builder.type(widened).Name(), "double");
  EXPECT_EQ(LowerAs(MustParse("d"), TypeOf(Kind::kInt64), "score", scope, builder, diagnostics),
            -1);

  EXPECT_THAT(Messages(diagnostics), ElementsAre("1:1: score: expected int64, got double"));
}

TEST(ProgramBuilder, SharesCommonPartsAndDropsDeadNodes) {
  FakeScope scope = Names();
  std::vector<Diagnostic> diagnostics;
  ProgramBuilder builder;
  const int a = Lower(MustParse("log1p(candidate.catalog.price) + 1"), scope, builder, diagnostics);
  const int b = Lower(MustParse("log1p(candidate.catalog.price) + 2"), scope, builder, diagnostics);
  Lower(MustParse("length(candidate.catalog.title)"), scope, builder, diagnostics);
  ASSERT_TRUE(diagnostics.empty());

  const Program program = builder.Finish(std::vector<int>{b, a, b});

  const auto count = [&program](Node::Op op) {
    return std::count_if(program.nodes.begin(), program.nodes.end(),
                         [op](const Node& node) { return node.op == op; });
  };
  EXPECT_EQ(count(Node::Op::kLookup), 1);
  EXPECT_EQ(count(Node::Op::kRoleKey), 1);
  EXPECT_EQ(count(Node::Op::kCall), 3);
  EXPECT_EQ(program.outputs[0], program.outputs[2]);
  EXPECT_EQ(NeedsOf(program).size(), 1U);
  EXPECT_EQ(NeedsOf(program)[0].column, "price");
  for (size_t i = 0; i < program.nodes.size(); ++i) {
    for (const int arg : program.nodes[i].args) EXPECT_LT(static_cast<size_t>(arg), i);
  }
}

TEST(ProgramBuilder, FoldsConstants) {
  FakeScope scope;
  const Program program = CompileText("-(2 * 3) + length('abc') - count([1, 2])", scope);

  ASSERT_EQ(program.nodes.size(), 1U);
  EXPECT_EQ(program.nodes[0].op, Node::Op::kConstant);
  EXPECT_EQ(program.nodes[0].constant.ints[0], -5);
}

}  // namespace
}  // namespace larder::registry
