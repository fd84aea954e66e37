// SPDX-License-Identifier: Apache-2.0
#include "cli/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "cli/exit_code.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CatalogTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(dir_.File(name)) << text;
    return dir_.File(name);
  }
  StatusOr<Catalog> Items(const std::string& text, const ItemFields& fields) const {
    return ReadCatalog({Write("items.jsonl", text)}, fields);
  }
  // Events on the items a and b.
  StatusOr<std::vector<text::Interaction>> Events(const std::string& text,
                                                  const EventFields& fields = {}) const {
    Catalog catalog;
    catalog.number_of = {{"a", 0}, {"b", 1}};
    return ReadInteractions(Write("events.jsonl", text), fields, catalog);
  }
  StatusOr<std::vector<text::ScoredPair>> Pairs(const std::string& text) const {
    return ReadScoredPairs(Write("pairs.tsv", text), {.score = 1, .first = 2, .second = 3});
  }

  const TempDir dir_;
};

TEST_F(CatalogTest, WhatIsNoRecordIsNamedByWhatItIs) {
  EXPECT_THAT(Items("{\"title\":\"caf\xe9\"}\n", {}).status(),
              StatusIs(StatusCode::kInvalidArgument,
                       HasSubstr("items.jsonl:1: not JSON in UTF-8")));
  EXPECT_THAT(Items("{\"title\":\"a\"}\n[1]\n", {}).status(),
              StatusIs(StatusCode::kInvalidArgument,
                       HasSubstr("items.jsonl:2: expected a JSON object, got array")));
}

TEST_F(CatalogTest, AValueThatIsListedTwiceCountsOnce) {
  ASSERT_OK_AND_ASSIGN(
      const Catalog catalog,
      Items(R"({"title":"a","by":["Bob","Ann","Bob"]})" "\n",
            {.content = "", .values = {"by", "by"}}));

  EXPECT_THAT(catalog.documents[0].values, ElementsAre("by=Ann", "by=Bob"));
}

TEST_F(CatalogTest, EventsWithoutATimeAreLeftOut) {
  ASSERT_OK_AND_ASSIGN(
      const auto events,
      Events(R"({"user_id":"u","item_id":"a","event_time":"1970-01-01T00:00:00Z"})" "\n"
             R"({"user_id":"u","item_id":"b","event_time":null})" "\n"
             R"({"user_id":"u","item_id":"b"})" "\n"));

  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].item, 0u);
  EXPECT_EQ(events[0].time, 0);
}

TEST_F(CatalogTest, FieldsOfEventsAreNamed) {
  const std::string event =
      R"({"user_id":"u","item_id":"a","event_time":"2024-01-01T00:00:00Z"})" "\n";
  for (const EventFields& fields :
       {EventFields{.user = ""}, EventFields{.item = ""}, EventFields{.time = ""}}) {
    const Status status = Events(event, fields).status();
    EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, HasSubstr("expected the name")));
    EXPECT_EQ(ExitCodeOf(status), kExitUsage);
  }
  const Status wrong = Events(event, {.time = "nosuch"}).status();
  EXPECT_THAT(wrong, StatusIs(StatusCode::kInvalidArgument,
                              HasSubstr("events.jsonl has a field 'nosuch', there are: ")));
  EXPECT_THAT(wrong.ToString(), testing::Not(HasSubstr("''")));
}

TEST_F(CatalogTest, NumbersOfEventsAreFinite) {
  const auto event = [](const std::string& rating) {
    return R"({"user_id":"u","item_id":"a","event_time":"2024-01-01T00:00:00Z","rating":)" +
           rating + "}\n";
  };
  const EventFields fields = {.value = "rating", .at_least = 2};
  for (const char* wrong : {"\"nan\"", "\"inf\"", "\"2x\"", "true"}) {
    EXPECT_THAT(Events(event(wrong), fields).status(),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("expected a finite number")));
  }
  ASSERT_OK_AND_ASSIGN(const auto events,
                       Events(event("\"2.5\"") + event("1") + event("null") + event("2"), fields));
  EXPECT_EQ(events.size(), 2u);
  for (const double at_least : {std::numeric_limits<double>::quiet_NaN(),
                                std::numeric_limits<double>::infinity()}) {
    const Status status = Events(event("1"), {.value = "rating", .at_least = at_least}).status();
    EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, HasSubstr("--at-least is")));
  }
}

TEST_F(CatalogTest, OnlyAHeadingOfPairsIsSkipped) {
  ASSERT_OK_AND_ASSIGN(const auto pairs, Pairs("score\tone\ttwo\r\n1.5\ta\tb\r\n\r\n\n"));
  ASSERT_EQ(pairs.size(), 1u);
  EXPECT_EQ(pairs[0].score, 1.5);
  EXPECT_EQ(pairs[0].second, "b");
  for (const char* broken : {"4,5", "+1", "-", ".x", "1e999"}) {
    EXPECT_THAT(Pairs(Concat(broken, "\ta\tb\n")).status(),
                StatusIs(StatusCode::kInvalidArgument,
                         HasSubstr(Concat("pairs.tsv:1: column 1: expected a number, got '", broken,
                                          "'"))));
  }
  EXPECT_THAT(Pairs("1\ta\tb\n\n1\ta\tb\n").status(),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("pairs.tsv:3: a line after")));
}

}  // namespace
}  // namespace larder::cli
