// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "registry/program.h"
#include "tests/support/expression_fixture.h"
#include "tests/support/fake_feature_reader.h"
#include "tests/support/status_matchers.h"

namespace larder::registry {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr TimeUs kNow = 1'000'000'000;

class RunTest : public testing::Test {
 protected:
  RunTest() {
    scope_.roles = {{"user", "user"}, {"candidate", "item"}};
    scope_.stored = {{"item.catalog.price", TypeOf(Kind::kDouble)},
                     {"item.catalog.creator", KeyOf("creator")},
                     {"item.catalog.tags", ListOfType(KeyOf("tag"))},
                     {"item.stats.clicks", TypeOf(Kind::kInt64)},
                     {"creator.stats.ctr", TypeOf(Kind::kDouble)},
                     {"tag.rates.ctr", TypeOf(Kind::kDouble)},
                     {"user.taste.recent", ListOfType(KeyOf("item"))}};
    scope_.derived = {{"item.view.price_log", "log1p(catalog.price)"},
                      {"item.view.best_tag", "max(gather(catalog.tags, rates.ctr))"}};
    reader_.keys = {{"item", {"i0", "i1", "i2"}},
                    {"creator", {"c0", "c1"}},
                    {"tag", {"t0", "t1", "t2"}},
                    {"user", {"u0", "u1"}}};
    reader_.features["item.catalog.price"] = DoubleColumn({10, std::nullopt, 30});
    reader_.features["item.catalog.price"].times = {100, kNoTime, 300};
    reader_.features["item.catalog.creator"] = TextColumn({"c1", "c0", "gone"}, KeyOf("creator"));
    reader_.features["item.catalog.creator"].times = {90, 91, 92};
    reader_.features["creator.stats.ctr"] = DoubleColumn({0.5, 0.25});
    reader_.features["creator.stats.ctr"].times = {70, 95};
    reader_.features["item.stats.clicks"] = IntColumn({1, 2, 3});
    reader_.features["tag.rates.ctr"] = DoubleColumn({0.1, 0.2, std::nullopt});
    reader_.features["tag.rates.ctr"].times = {11, 12, kNoTime};
    reader_.features["item.catalog.tags"] = Lists(KeyOf("tag"), {{"t0", "t1"}, {}, {"t2", "t1"}});
    reader_.features["user.taste.recent"] = Lists(KeyOf("item"), {{"i2", "nope", "i0"}, {}});
    reader_.features["user.taste.recent"].times = {50, 60};
  }

  static Column Lists(Type element, std::vector<std::vector<std::string>> rows) {
    Column column = Column::Of(ListOfType(std::move(element)));
    for (const auto& row : rows) {
      for (const std::string& text : row) column.AddString(text);
      column.EndList();
    }
    return column;
  }

  Column Eval(std::string_view text, bool want_times = false) {
    const Program program = CompileText(text, scope_);
    ProgramInput input;
    input.rows = roles_[1].rows;
    input.now = kNow;
    input.want_times = want_times;
    input.record = record_;
    input.roles = roles_;
    input.reader = &reader_;
    input.embedder = &embedder_;
    auto columns = registry::Run(program, input);
    EXPECT_THAT(columns, IsOk());
    return columns.ok() ? (*columns)[0] : Column{};
  }

  FakeScope scope_;
  FakeFeatureReader reader_;
  FakeEmbedder embedder_{4};
  std::vector<Column> record_;
  std::vector<Column> roles_ = {TextColumn({"u0"}, KeyOf("user")),
                                TextColumn({"i0", "i1", "i2", "nope"}, KeyOf("item"))};
};

TEST_F(RunTest, LooksUpOneValuePerCandidate) {
  const Column column = Eval("candidate.catalog.price * 2");

  EXPECT_EQ(column.rows, 4U);
  EXPECT_THAT(column.doubles, ElementsAre(20, 0, 60, 0));
  EXPECT_THAT(column.reasons,
              ElementsAre(Reason::kValid, Reason::kNotFound, Reason::kValid, Reason::kNotFound));
}

TEST_F(RunTest, SendsValuesOfTheRequestOnce) {
  EXPECT_EQ(Eval("length(user.taste.recent)").rows, 1U);
  EXPECT_EQ(Eval("hours(now - now)").rows, 1U);
  EXPECT_EQ(Eval("candidate in user.taste.recent").rows, 4U);
}

TEST_F(RunTest, FindsTheKeysOfARoleOnce) {
  Eval("candidate.catalog.price + candidate.stats.clicks");

  EXPECT_EQ(reader_.find_calls, 1);
  EXPECT_EQ(reader_.read_calls, 2);
}

TEST_F(RunTest, UsesOrdinalsThatTheCallerBrings) {
  roles_[1].ordinals = {2, 2, 0, kNoOrdinal};

  const Column column = Eval("candidate.catalog.price");

  EXPECT_EQ(reader_.find_calls, 0);
  EXPECT_THAT(column.doubles, ElementsAre(30, 30, 10, 0));
}

TEST_F(RunTest, FollowsAKeyThroughAColumn) {
  const Column column = Eval("candidate.catalog.creator.stats.ctr");

  EXPECT_THAT(column.doubles, ElementsAre(0.25, 0.5, 0, 0));
  EXPECT_EQ(column.reasons[2], Reason::kNotFound);
}

TEST_F(RunTest, GivesTheReasonOfANullKeyAlsoToCounts) {
  roles_[1] = Column::Of(KeyOf("item"));
  roles_[1].AppendNull(Reason::kDeleted);
  roles_[1].AppendString("i1");

  const Column column = Eval("candidate.stats.clicks");

  EXPECT_THAT(column.ints, ElementsAre(0, 2));
  EXPECT_THAT(column.reasons, ElementsAre(Reason::kDeleted, Reason::kValid));
}

TEST_F(RunTest, GatherKeepsNullsInPlace) {
  const Column column = Eval("gather(user.taste.recent, catalog.price)");

  EXPECT_EQ(column.type.Name(), "list<double>");
  EXPECT_THAT(column.offsets, ElementsAre(0, 3));
  EXPECT_THAT(column.doubles, ElementsAre(30, 0, 10));
  EXPECT_THAT(column.element_reasons,
              ElementsAre(Reason::kValid, Reason::kNotFound, Reason::kValid));
  EXPECT_THAT(Eval("mean(gather(user.taste.recent, catalog.price))").doubles, ElementsAre(20));
}

TEST_F(RunTest, GatherInlinesTheFeatureOfEachKey) {
  EXPECT_THAT(Eval("gather(user.taste.recent, view.price_log)").doubles,
              ElementsAre(Eval("log1p(30)").doubles[0], 0, Eval("log1p(10)").doubles[0]));
  // A reduction inside the feature stays inside each key.
  EXPECT_THAT(Eval("gather(user.taste.recent, view.best_tag)").doubles, ElementsAre(0.2, 0, 0.2));
  EXPECT_THAT(Eval("candidate.view.best_tag").doubles, ElementsAre(0.2, 0, 0.2, 0));
  EXPECT_EQ(Eval("candidate.view.best_tag").reasons[1], Reason::kEmpty);
}

TEST_F(RunTest, GatherJoinsListsOfLists) {
  const Column column = Eval("gather(user.taste.recent, catalog.tags)");

  EXPECT_EQ(column.type.Name(), "list<key<tag>>");
  EXPECT_EQ(column.rows, 1U);
  ASSERT_EQ(column.elements(), 4U);
  EXPECT_EQ(column.strings[0], "t2");
  EXPECT_EQ(column.strings[3], "t1");
}

TEST_F(RunTest, GatherWorksPerCandidate) {
  const Column column = Eval("sum(gather(candidate.catalog.tags, rates.ctr))");

  EXPECT_THAT(column.doubles, ElementsAre(0.1 + 0.2, 0, 0.2, 0));
  EXPECT_THAT(column.reasons,
              ElementsAre(Reason::kValid, Reason::kValid, Reason::kValid, Reason::kNotFound));
}

TEST_F(RunTest, LiftsAScalarOfEachCandidateOverAListOfTheRequest) {
  const Column column = Eval("gather(user.taste.recent, catalog.price) > candidate.catalog.price");

  EXPECT_EQ(column.type.Name(), "list<bool>");
  EXPECT_EQ(column.rows, 4U);
  EXPECT_THAT(column.offsets, ElementsAre(0, 3, 6, 9, 12));
  EXPECT_THAT(std::vector<int64_t>(column.ints.begin(), column.ints.begin() + 3),
              ElementsAre(1, 0, 0));
  EXPECT_EQ(column.element_reasons[3], Reason::kNotFound);
}

TEST_F(RunTest, LiftsOverALiteralList) {
  scope_.records = {{"x", TypeOf(Kind::kInt64)}};
  record_ = {IntColumn({1, std::nullopt, 3, 4})};

  EXPECT_THAT(Eval("sum([x, 10] * x)").ints, ElementsAre(11, 0, 39, 56));
  EXPECT_THAT(Eval("max([1, 2, 3] + 1)").ints, ElementsAre(4));
}

TEST_F(RunTest, ManyCandidatesInALongList) {
  roles_[1] = Column::Of(KeyOf("item"));
  std::vector<std::vector<std::string>> recent(1);
  for (int i = 0; i < 100; ++i) {
    roles_[1].AppendString("i" + std::to_string(i));
    if (i % 3 == 0) recent[0].push_back("i" + std::to_string(i));
  }
  reader_.features["user.taste.recent"] = Lists(KeyOf("item"), recent);

  const Column column = Eval("candidate in user.taste.recent");

  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(column.ints[i], i % 3 == 0 ? 1 : 0) << i;
}

TEST_F(RunTest, WorksWithoutCandidates) {
  roles_[1] = Column::Of(KeyOf("item"));

  EXPECT_EQ(Eval("candidate.catalog.price + 1").rows, 0U);
  EXPECT_EQ(Eval("candidate in user.taste.recent").rows, 0U);
  EXPECT_EQ(Eval("mean(gather(candidate.catalog.tags, rates.ctr))", true).rows, 0U);
  EXPECT_EQ(Eval("user.taste.recent == candidate").rows, 0U);
}

TEST_F(RunTest, TimesAreThoseOfTheOldestInput) {
  EXPECT_THAT(Eval("candidate.catalog.price + candidate.catalog.creator.stats.ctr", true).times,
              ElementsAre(90, 70, 92, kNoTime));
  EXPECT_THAT(Eval("mean(gather(candidate.catalog.tags, rates.ctr))", true).times,
              ElementsAre(11, kNoTime, 12, kNoTime));
  EXPECT_THAT(Eval("candidate in user.taste.recent", true).times, ElementsAre(50, 50, 50, 50));
  EXPECT_THAT(Eval("hours(age(now))", true).times, ElementsAre(kNoTime));
  EXPECT_TRUE(Eval("candidate.catalog.price").times.empty());
}

TEST_F(RunTest, EmbedsRowsWithAnyText) {
  Encoder encoder;
  encoder.name = "titles";
  encoder.dimensions = 4;
  scope_.encoders = {encoder};
  scope_.records = {{"title", TypeOf(Kind::kString)}, {"body", TypeOf(Kind::kString)}};
  record_ = {TextColumn({"a", std::nullopt, std::nullopt, ""}),
             TextColumn({"b", "c", std::nullopt, "d"})};

  const Column column = Eval("embed(titles, title, body)");

  EXPECT_THAT(embedder_.texts, ElementsAre("a;b;", "<null>;c;", ";d;"));
  EXPECT_EQ(column.type.Name(), "vector<titles>");
  EXPECT_TRUE(column.type.int8);
  ASSERT_EQ(column.codes.size(), 16U);
  EXPECT_EQ(column.reasons[2], Reason::kNotFound);
  EXPECT_EQ(column.codes[4], static_cast<int8_t>(Hash64("<null>;c;", 0) % 255 - 127));
  EXPECT_EQ(column.codes[8], 0);
}

TEST_F(RunTest, MakesKeysOfTexts) {
  ProgramBuilder builder;
  const int text = builder.RecordColumn(0, TypeOf(Kind::kString));
  const int number = builder.RecordColumn(1, TypeOf(Kind::kInt64));
  const Program program =
      builder.Finish(std::vector<int>{builder.KeyOf("item", text), builder.KeyOf("item", number)});
  record_ = {TextColumn({"i0", "", std::string(256, 'k'), std::string(257, 'k')}),
             IntColumn({-5, 0, std::nullopt, 7})};

  ASSERT_OK_AND_ASSIGN(const auto columns, registry::Run(program, {.rows = 4, .record = record_}));

  EXPECT_EQ(columns[0].strings[0], "i0");
  EXPECT_THAT(columns[0].reasons,
              ElementsAre(Reason::kValid, Reason::kInputNull, Reason::kValid, Reason::kInputNull));
  EXPECT_EQ(columns[1].strings[0], "-5");
  EXPECT_EQ(columns[1].strings[3], "7");
  EXPECT_EQ(columns[1].reasons[2], Reason::kNotFound);
}

TEST_F(RunTest, PassesOnErrorsOfTheReader) {
  reader_.features.erase("item.catalog.price");
  const Program program = CompileText("candidate.catalog.price", scope_);

  EXPECT_THAT(registry::Run(program, {.rows = 4, .roles = roles_, .reader = &reader_}),
              StatusIs(StatusCode::kNotFound, HasSubstr("item.catalog.price")));
}

TEST_F(RunTest, RefusesInputsThatDoNotFit) {
  scope_.records = {{"x", TypeOf(Kind::kInt64)}};
  const Program program = CompileText("x + 1", scope_);
  const std::vector<Column> texts = {TextColumn({"a"})};
  const std::vector<Column> rows = {IntColumn({1, 2, 3})};

  EXPECT_THAT(registry::Run(program, {}),
              StatusIs(StatusCode::kInternal, HasSubstr("record column 0")));
  EXPECT_THAT(registry::Run(program, {.record = texts}),
              StatusIs(StatusCode::kInternal, HasSubstr("expected int64, got string")));
  EXPECT_THAT(registry::Run(program, {.rows = 2, .record = rows}),
              StatusIs(StatusCode::kInternal, HasSubstr("expected 2 rows, got 3")));
}

// S4.3: a null decides nothing, but what is found is found.
TEST_F(RunTest, InIsThreeValued) {
  scope_.records = {{"x", TypeOf(Kind::kInt64)}, {"l", ListOfType(TypeOf(Kind::kInt64))}};
  record_ = {Column::Of(scope_.records[0].second), Column::Of(scope_.records[1].second)};
  const auto add = [&](std::optional<int64_t> x, std::vector<std::optional<int64_t>> list) {
    x ? record_[0].AppendInt(*x) : record_[0].AppendNull(Reason::kInputNull);
    for (const std::optional<int64_t>& value : list) {
      record_[1].ints.push_back(value.value_or(0));
      record_[1].element_reasons.push_back(value ? Reason::kValid : Reason::kEmpty);
    }
    record_[1].EndList();
  };
  add(1, {1, std::nullopt});
  add(1, {2, std::nullopt});
  add(std::nullopt, {1});
  add(1, {2, 3});
  add(0, {std::nullopt});
  roles_[1] = TextColumn({"i0", "i1", "i2", "i3", "i4"}, KeyOf("item"));

  const Column found = Eval("x in l");

  EXPECT_THAT(found.ints, ElementsAre(1, 0, 0, 0, 0));
  EXPECT_THAT(found.reasons, ElementsAre(Reason::kValid, Reason::kEmpty, Reason::kInputNull,
                                         Reason::kValid, Reason::kEmpty));
}

TEST_F(RunTest, HoursOfTheFirstTimeThereIs) {
  scope_.records = {{"t", TypeOf(Kind::kTimestamp)}};
  record_ = {Column::Of(TypeOf(Kind::kTimestamp))};
  record_[0].AppendInt(std::numeric_limits<int64_t>::min());
  roles_[1] = TextColumn({"i0"}, KeyOf("item"));

  EXPECT_THAT(Eval("hour(t, 'UTC')").ints, ElementsAre(19));
  EXPECT_THAT(Eval("hour(t, '-18:00')").ints, ElementsAre(1));
}

TEST_F(RunTest, Int8VectorsStandForTheirDirection) {
  scope_.records = {{"v", VectorOf("titles", 2, true)},
                    {"w", VectorOf("titles", 2, false)},
                    {"lv", ListOfType(VectorOf("titles", 2, true))}};
  record_ = {Column::Of(scope_.records[0].second), Column::Of(scope_.records[1].second),
             Column::Of(scope_.records[2].second)};
  record_[0].AppendCodes(std::vector<int8_t>{30, 40});
  record_[0].AppendCodes(std::vector<int8_t>{0, 0});
  record_[1].AppendFloats(std::vector<float>{0.5F, 0});
  record_[1].AppendFloats(std::vector<float>{1, 1});
  record_[2].codes = {100, 0, 0, 50};
  record_[2].offsets = {0, 2, 2};
  record_[2].reasons = {Reason::kValid, Reason::kValid};
  record_[2].rows = 2;
  roles_[1] = TextColumn({"i0", "i1"}, KeyOf("item"));

  EXPECT_THAT(Eval("cosine(v, v)").doubles, ElementsAre(1, 0));
  EXPECT_THAT(Eval("cosine(v, v)").reasons, ElementsAre(Reason::kValid, Reason::kInputNull));
  EXPECT_THAT(Eval("dot(v, v)").doubles, ElementsAre(1, 0));
  EXPECT_EQ(Eval("dot(v, v)").reasons[1], Reason::kValid);
  EXPECT_THAT(Eval("cosine(v, w)").doubles, ElementsAre(0.6, 0));
  EXPECT_THAT(Eval("dot(v, w)").doubles, ElementsAre(0.3, 0));
  const Column mean = Eval("mean(lv)");
  EXPECT_FALSE(mean.type.int8);
  EXPECT_THAT(mean.floats, ElementsAre(0.5F, 0.5F, 0, 0));
  EXPECT_THAT(mean.reasons, ElementsAre(Reason::kValid, Reason::kEmpty));
}

}  // namespace
}  // namespace larder::registry
