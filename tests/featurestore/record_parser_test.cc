// SPDX-License-Identifier: Apache-2.0
#include "featurestore/record_parser.h"

#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "base/bytes.h"
#include "base/clock.h"
#include "tests/featurestore/test_sources.h"
#include "tests/support/status_matchers.h"

namespace larder::featurestore {
namespace {

using registry::Column;
using registry::Kind;
using registry::Source;
using testing::_;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

ParsedBatch Parse(const Source& source, std::vector<std::string> records,
                  RecordFormat format = RecordFormat::kJson) {
  const std::vector<std::string_view> views(records.begin(), records.end());
  return ParseRecords(source, format, views);
}

// The status of one record.
Status ParseOne(const Source& source, std::string record,
                RecordFormat format = RecordFormat::kJson) {
  return Parse(source, {std::move(record)}, format).statuses.at(0);
}

const Column& ColumnNamed(const ParsedBatch& parsed, const Source& source, std::string_view name) {
  return parsed.good.columns[static_cast<size_t>(source.FindColumn(name))];
}

// A click with `fields` added.
std::string Click(std::string_view fields) {
  return Concat(R"({"click_id":"c1","clicked_at":"2024-05-01T10:00:00Z")",
                fields.empty() ? "" : ",", fields, "}");
}
std::string Row(std::string_view fields) {
  return Concat(R"({"item_id":"i1","updated_at":"2024-05-01T10:00:00Z")", fields.empty() ? "" : ",",
                fields, "}");
}

constexpr TimeUs kTen = 1'714'557'600'000'000;  // 2024-05-01T10:00:00Z

TEST(RecordParser, ReadsEveryKindOfValue) {
  const Source clicks = Clicks();

  const ParsedBatch parsed =
      Parse(clicks, {R"( {"user_id": 42, "item_id":"\u00e9t\u00e9 \ud83d\ude00", "click_id":"c1",
                  "clicked_at":"2024-05-01T12:00:00+02:00", "dwell_s": 3, "score": 0.1,
                  "pos": -9223372036854775808, "paid": true, "shown_for": "90s"} )"});

  ASSERT_OK(parsed.statuses[0]);
  ASSERT_EQ(parsed.good.size(), 1u);
  EXPECT_EQ(parsed.good.source, "clicks");
  EXPECT_EQ(ColumnNamed(parsed, clicks, "user_id").strings[0], "42");
  EXPECT_EQ(ColumnNamed(parsed, clicks, "item_id").strings[0], "été 😀");
  EXPECT_EQ(ColumnNamed(parsed, clicks, "clicked_at").ints[0], kTen);
  EXPECT_EQ(ColumnNamed(parsed, clicks, "dwell_s").doubles[0], 3.0);
  EXPECT_EQ(ColumnNamed(parsed, clicks, "score").doubles[0], static_cast<double>(0.1f));
  EXPECT_EQ(ColumnNamed(parsed, clicks, "pos").ints[0], std::numeric_limits<int64_t>::min());
  EXPECT_EQ(ColumnNamed(parsed, clicks, "paid").ints[0], 1);
  EXPECT_EQ(ColumnNamed(parsed, clicks, "shown_for").ints[0], 90 * kSecondUs);
  EXPECT_EQ(parsed.good.infos[0].event_time, kTen);
  EXPECT_EQ(parsed.good.infos[0].original_event_time, kTen);
  EXPECT_EQ(parsed.good.infos[0].id, HashTo128("c1"));
}

TEST(RecordParser, ReadsListsAndExternalVectors) {
  const Source catalog = Catalog();

  const ParsedBatch parsed =
      Parse(catalog, {Row(R"("tags":["a","b\n"],"sizes":[],"vec":[1,-0.5,2e1],"weights":[1,2.5])"),
                      Row(R"("sizes":[7])")});

  ASSERT_OK(parsed.statuses[0]);
  ASSERT_OK(parsed.statuses[1]);
  const Column& tags = ColumnNamed(parsed, catalog, "tags");
  EXPECT_THAT(tags.offsets, ElementsAre(0, 2, 2));
  EXPECT_EQ(tags.strings[1], "b\n");
  EXPECT_TRUE(tags.valid(0));
  EXPECT_FALSE(tags.valid(1));
  EXPECT_THAT(ColumnNamed(parsed, catalog, "sizes").offsets, ElementsAre(0, 0, 1));
  EXPECT_TRUE(ColumnNamed(parsed, catalog, "sizes").valid(0));
  EXPECT_THAT(ColumnNamed(parsed, catalog, "vec").floats, ElementsAre(1, -0.5, 20, 0, 0, 0));
  EXPECT_THAT(ColumnNamed(parsed, catalog, "weights").doubles, ElementsAre(1, 2.5));
}

TEST(RecordParser, BadRecordsHaveAStatusAndTheOthersGoOn) {
  const Source clicks = Clicks();

  const ParsedBatch parsed =
      Parse(clicks, {Click(R"("pos":1)"), Click(R"("pos":"x")"), "", Click(R"("pos":3)")});

  EXPECT_OK(parsed.statuses[0]);
  EXPECT_FALSE(parsed.statuses[1].ok());
  EXPECT_FALSE(parsed.statuses[2].ok());
  EXPECT_OK(parsed.statuses[3]);
  EXPECT_THAT(parsed.request_index, ElementsAre(0, 3));
  EXPECT_THAT(ColumnNamed(parsed, clicks, "pos").ints, ElementsAre(1, 3));
  for (const Column& column : parsed.good.columns) EXPECT_EQ(column.rows, 2u);
}

// Each refusal names the field, what was expected and what came.
TEST(RecordParser, RefusalsNameFieldExpectedAndGot) {
  const struct {
    std::string record;
    std::string_view message;
  } cases[] = {
      {Click(R"("pos":"7")"), R"(field 'pos': expected int64, got "7")"},
      {Click(R"("pos":3.0)"), "field 'pos': expected int64, got 3.0"},
      {Click(R"("pos":1e3)"), "field 'pos': expected int64, got 1e3"},
      {Click(R"("pos":9223372036854775808)"),
       "field 'pos': expected int64, from -9223372036854775808 to 9223372036854775807, got "
       "9223372036854775808"},
      {Click(R"("pos":[1])"), "field 'pos': expected int64, got [1]"},
      {Click(R"("pos":true)"), "field 'pos': expected int64, got true"},
      {Click(R"("dwell_s":"abc")"), R"(field 'dwell_s': expected double, got "abc")"},
      {Click(R"("dwell_s":1e999)"),
       "field 'dwell_s': expected a double within its range, got 1e999"},
      {Click(R"("score":1e39)"), "field 'score': expected a float within its range, got 1e39"},
      {Click(R"("paid":1)"), "field 'paid': expected true or false, got 1"},
      {Click(R"("paid":"true")"), R"(field 'paid': expected true or false, got "true")"},
      {Click(R"("shown_for":90)"), "field 'shown_for': expected a duration such as 90s, got 90"},
      {Click(R"("item_id":1.5)"), "field 'item_id': expected a key: text or an integer, got 1.5"},
      {Click(R"("item_id":"")"), "field 'item_id': expected a key of 1 to 256 bytes, got an empty"},
      {Click(Concat(R"("item_id":")", std::string(257, 'k'), "\"")),
       "field 'item_id': expected a key of 1 to 256 bytes, got 257 bytes, \"kkk"},
      {Click(R"("pos":1,"pos":1)"), "field 'pos': it comes twice"},
      {Click(R"("possition":1)"), "unknown field 'possition' of source 'clicks'"},
      {Click(R"("dwel_s":1)"), "did you mean 'dwell_s'?"},
      {Click(R"("_delete":true)"), "field '_delete': source 'clicks' is events"},
      {R"({"click_id":"c"})",
       "field 'clicked_at': expected the time of each record, it is missing"},
      {R"({"click_id":"c","clicked_at":null})",
       "field 'clicked_at': expected the time of each record, got null"},
      {R"({"clicked_at":"2024-05-01T10:00:00Z"})",
       "field 'click_id': expected the id of each record, it is missing"},
      {R"({"click_id":"","clicked_at":"2024-05-01T10:00:00Z"})",
       "field 'click_id': expected an id, got an empty text"},
      {R"({"click_id":"c","clicked_at":"yesterday"})",
       "field 'clicked_at': expected an RFC 3339 time such as 2024-05-01T10:00:00Z, got "
       "\"yesterd"},
      {R"({"click_id":"c","clicked_at":1714557600})",
       "field 'clicked_at': expected an RFC 3339 time such as 2024-05-01T10:00:00Z (a source with "
       "`unit: s | ms | us` takes integers), got 1714557600"},
  };
  for (const auto& test : cases) {
    EXPECT_THAT(ParseOne(Clicks(), test.record),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr(std::string(test.message))))
        << test.record;
  }
}

TEST(RecordParser, TableRefusalsNameFieldExpectedAndGot) {
  const struct {
    std::string record;
    std::string_view message;
  } cases[] = {
      {R"({"updated_at":"2024-05-01T10:00:00Z"})",
       "field 'item_id': expected the key of each row, it is missing"},
      {R"({"item_id":null,"updated_at":"2024-05-01T10:00:00Z"})",
       "field 'item_id': expected the key of each row, got null"},
      {Row(R"("tags":"a")"), R"(field 'tags': expected list<string> as an array, got "a")"},
      {Row(R"("tags":["a",null])"), "field 'tags': element 1: expected text, got null"},
      {Row(R"("tags":["a",2])"), "field 'tags': element 1: expected text, got 2"},
      {Row(R"("sizes":[[1]])"), "field 'sizes': element 0: expected int64, got [1]"},
      {Row(R"("vec":[1,2])"), "field 'vec': expected 3 numbers, got 2"},
      {Row(R"("vec":[1,2,3,4,5])"), "field 'vec': expected 3 numbers, got 5"},
      {Row(R"("vec":[1,2,"x"])"), R"(field 'vec': element 2: expected float, got "x")"},
      {Row(R"("vec":[1,2,1e40])"), "field 'vec': element 2: expected a float within its range"},
      {Row(R"("_delete":1)"), "field '_delete': expected true or false, got 1"},
      {Row(R"("_delete":true,"_delete":true)"), "field '_delete': it comes twice"},
      {Row(R"("_delete":true,"title":"x")"),
       "field 'title': a delete carries only its key and its time"},
  };
  for (const auto& test : cases) {
    EXPECT_THAT(ParseOne(Catalog(), test.record),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr(std::string(test.message))))
        << test.record;
  }
}

TEST(RecordParser, WhatIsNotJsonIsRefusedWithTheByte) {
  const struct {
    std::string record;
    std::string_view message;
  } cases[] = {
      {"", "not JSON: the record is empty"},
      {"  \n", "not JSON: the record is empty"},
      {"[1,2]", "expected a JSON object, got [1,2]"},
      {"17", "expected a JSON object, got 17"},
      {R"({"pos":1)", "not JSON at byte 8: it ends before its last bracket"},
      {R"({"pos":1]})", "not JSON at byte 8: a missing or extra comma"},
      {R"({"pos" 1})", "not JSON at byte"},
      {R"({"pos":1,})", "not JSON at byte"},
      {R"({"pos":1 "paid":true})", "not JSON at byte 9: a missing or extra comma"},
      {R"({pos:1})", "not JSON at byte"},
      {R"({"pos":tru})", "not JSON at byte 7: expected a value, near 'tru"},
      {R"({"pos":01})", "not JSON at byte 7: expected a value, near '01"},
      {R"({"pos":+1})", "not JSON at byte 7: expected a value"},
      {R"({"pos":})", "not JSON at byte 7"},
      {R"({"dwell_s":NaN})",
       "field 'dwell_s': not JSON at byte 11: NaN and infinities are refused"},
      {R"({"dwell_s":-Infinity})", "NaN and infinities are refused"},
      {Click("") + "}", "something follows the value"},
      {Click("") + Click(""), "something follows the value"},
      {Click("") + " x", "something follows the value, near ' x"},
      {Click(R"("title":"}")") + ",1", "something follows the value, near ',1"},
      {R"({"title":"}","pos":[1)", "it ends before its last bracket"},
      {"{\"title\":\"a\nb\"}", "not JSON at byte 11: a control character inside a string"},
      {R"({"title":"abc)", "not JSON at byte 9: a string does not end"},
      {R"({"click_id":"\x"})", "not JSON at byte 12: a bad escape or half a surrogate pair"},
      {R"({"click_id":"\ud800"})", "not JSON at byte 12: a bad escape or half a surrogate pair"},
      {R"({"click_id":"\udc00x"})", "a bad escape or half a surrogate pair"},
      {R"({"\ud800":1})", "a bad escape or half a surrogate pair"},
      {"{\"click_id\":\"a\xff\"}", "not UTF-8 at byte 14"},
      {"{\"click_id\":\"\xed\xa0\x80\"}", "not UTF-8 at byte 13"},
      {"{\"click_id\":\"\xc0\xaf\"}", "not UTF-8 at byte 13"},
  };
  for (const auto& test : cases) {
    EXPECT_THAT(ParseOne(Clicks(), test.record),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr(std::string(test.message))))
        << test.record;
  }
}

TEST(RecordParser, AnEntityKeyOfAnEventMayBeNull) {  // S1.3
  const Source clicks = Clicks();

  const ParsedBatch parsed = Parse(clicks, {Click(R"("user_id":null)")});

  ASSERT_OK(parsed.statuses[0]);
  EXPECT_EQ(ColumnNamed(parsed, clicks, "user_id").reasons[0], registry::Reason::kInputNull);
}

TEST(RecordParser, IntegersOfAnySizeAreKeysAsDecimalText) {
  const Source clicks = Clicks();

  const ParsedBatch parsed = Parse(
      clicks, {Click(R"("user_id":123456789012345678901234567890)"), Click(R"("user_id":-0)")});

  ASSERT_OK(parsed.statuses[0]);
  EXPECT_EQ(ColumnNamed(parsed, clicks, "user_id").strings[0], "123456789012345678901234567890");
  EXPECT_EQ(ColumnNamed(parsed, clicks, "user_id").strings[1], "0");
}

TEST(RecordParser, ATombstoneCarriesKeyAndTimeOnly) {  // S1.5
  const Source catalog = Catalog();

  const ParsedBatch parsed = Parse(catalog, {Row(R"("_delete":true,"title":null)"),
                                             Row(R"("_delete":false,"title":"t")"), Row("")});

  for (const Status& status : parsed.statuses) ASSERT_OK(status);
  EXPECT_EQ(parsed.good.infos[0].flags, RecordInfo::kDelete);
  EXPECT_EQ(parsed.good.infos[1].flags, 0);
  // A delete and an empty row of one key and time are two records.
  EXPECT_NE(parsed.good.infos[0].id, parsed.good.infos[2].id);
}

TEST(RecordParser, IntegersAreTimesInTheSourcesUnit) {
  Source clicks = Clicks();
  const auto record = [](std::string_view time) {
    return Concat(R"({"click_id":"c","clicked_at":)", time, "}");
  };
  const auto time_of = [&](std::string_view time) -> StatusOr<TimeUs> {
    const ParsedBatch parsed = Parse(clicks, {record(time)});
    if (!parsed.statuses[0].ok()) return parsed.statuses[0];
    return parsed.good.infos[0].event_time;
  };

  clicks.unit = Source::TimeUnit::kSeconds;
  EXPECT_THAT(time_of("1714557600"), IsOkAndHolds(kTen));
  EXPECT_THAT(time_of("\"2024-05-01T10:00:00Z\""), IsOkAndHolds(kTen));
  EXPECT_THAT(time_of("1714557600.5"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("an integer of seconds, got 1714")));
  EXPECT_THAT(time_of("9223372036854775"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("within the years 0001 to 9999")));
  EXPECT_THAT(time_of("92233720368547758070"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("within the years 0001 to 9999")));
  EXPECT_THAT(time_of("253402300800"), StatusIs(StatusCode::kInvalidArgument, _));
  EXPECT_THAT(time_of("253402300799"), IsOkAndHolds(_));
  EXPECT_THAT(time_of("\"1714557600\""),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("an integer of seconds or an RFC")));
  clicks.unit = Source::TimeUnit::kMilliseconds;
  EXPECT_THAT(time_of("1714557600000"), IsOkAndHolds(kTen));
  clicks.unit = Source::TimeUnit::kMicroseconds;
  EXPECT_THAT(time_of("1714557600000000"), IsOkAndHolds(kTen));
}

TEST(RecordParser, TextFormatReadsScalarsFromTextAndEmptyIsNull) {
  Source clicks = Clicks();
  clicks.unit = Source::TimeUnit::kSeconds;

  const ParsedBatch parsed =
      Parse(clicks,
            {R"({"click_id":"c","clicked_at":"1714557600","pos":"-7","dwell_s":"1.5","paid":"false",
                  "item_id":"17","user_id":"","score":"","shown_for":"10m"})",
             R"({"click_id":"c","clicked_at":"2024-05-01T10:00:00Z","pos":"7 "})",
             R"({"click_id":"c","clicked_at":"2024-05-01T10:00:00Z","dwell_s":"nan"})",
             R"({"click_id":"c","clicked_at":""})"},
            RecordFormat::kJsonText);

  ASSERT_OK(parsed.statuses[0]);
  EXPECT_EQ(parsed.good.infos[0].event_time, kTen);
  EXPECT_EQ(ColumnNamed(parsed, clicks, "pos").ints[0], -7);
  EXPECT_EQ(ColumnNamed(parsed, clicks, "dwell_s").doubles[0], 1.5);
  EXPECT_EQ(ColumnNamed(parsed, clicks, "paid").ints[0], 0);
  EXPECT_EQ(ColumnNamed(parsed, clicks, "item_id").strings[0], "17");
  EXPECT_FALSE(ColumnNamed(parsed, clicks, "user_id").valid(0));
  EXPECT_FALSE(ColumnNamed(parsed, clicks, "score").valid(0));
  EXPECT_THAT(parsed.statuses[1],
              StatusIs(StatusCode::kInvalidArgument, HasSubstr(R"(expected int64, got "7 ")")));
  EXPECT_THAT(parsed.statuses[2],
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("expected a finite double")));
  EXPECT_THAT(parsed.statuses[3], StatusIs(StatusCode::kInvalidArgument, HasSubstr("got null")));
}

TEST(RecordParser, TextFormatReadsListsFromJsonText) {
  const Source catalog = Catalog();

  const ParsedBatch parsed =
      Parse(catalog,
            {Row(R"("tags":"[\"a\",\"b\"]","vec":"[1,2,3]","sizes":"[4]","_delete":"false")"),
             Row(R"("tags":"[\"a\"")"), Row(R"("tags":"a,b")"), Row(R"("tags":"[] []")")},
            RecordFormat::kJsonText);

  ASSERT_OK(parsed.statuses[0]);
  EXPECT_EQ(ColumnNamed(parsed, catalog, "tags").strings[1], "b");
  EXPECT_THAT(ColumnNamed(parsed, catalog, "vec").floats, ElementsAre(1, 2, 3));
  EXPECT_THAT(parsed.statuses[1], StatusIs(StatusCode::kInvalidArgument, HasSubstr("'tags'")));
  EXPECT_THAT(parsed.statuses[2], StatusIs(StatusCode::kInvalidArgument,
                                           HasSubstr("as a JSON array in text, got a,b")));
  EXPECT_THAT(parsed.statuses[3],
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("something follows")));
}

TEST(RecordParser, IgnoredFieldsMustStillBeJson) {
  Source clicks = Clicks();
  clicks.ignore_extra = true;

  EXPECT_OK(ParseOne(clicks, Click(R"("more":{"a":[1,{"b":null}],"c":"\u00e9"},"x":-1.5e3)")));
  EXPECT_THAT(ParseOne(clicks, Click(R"("more":{"a":[1,tru]})")),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("not JSON at byte")));
  EXPECT_THAT(ParseOne(clicks, Click(R"("more":{"a":1 2})")),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("not JSON at byte")));
}

TEST(RecordParser, DeepNestingIsRefused) {
  Source clicks = Clicks();
  clicks.ignore_extra = true;
  const std::string bomb =
      Concat(R"({"more":)", std::string(200'000, '['), std::string(200'000, ']'), "}");

  EXPECT_THAT(ParseOne(clicks, bomb),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("nested deeper than 64 levels")));
}

TEST(RecordParser, ARecordOverOneMebibyteIsRefused) {
  const std::string big = Click(Concat(R"("item_id":")", std::string(kMaxRecordBytes, 'x'), "\""));

  EXPECT_THAT(ParseOne(Clicks(), big),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("the limit is 1048576")));
}

TEST(RecordParser, LongValuesAreCutBetweenCharacters) {
  std::string value;
  for (int i = 0; i < 100; ++i) value += "é";

  const Status status = ParseOne(Clicks(), Click(Concat(R"("pos":"x)", value, "\"")));

  EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, HasSubstr("é...")));
  EXPECT_TRUE(IsUtf8(Message(status)));
  EXPECT_LT(Message(status).size(), 120u);
}

TEST(RecordParser, WithoutAnIdTheSamePayloadIsOneRecord) {  // S1.4, S1.7
  Source catalog = Catalog();

  const ParsedBatch parsed = Parse(
      catalog, {Row(R"("title":"t","price":1)"), Row(R"( "price" : 1.0 , "title" : "\u0074" )"),
                Row(R"("title":"t","price":1,"tags":null)"), Row(R"("title":"t","price":2)")});

  const auto& infos = parsed.good.infos;
  ASSERT_EQ(infos.size(), 4u);
  EXPECT_EQ(infos[0].id, infos[0].payload_hash);
  EXPECT_EQ(infos[0].id, infos[1].id);  // values, not their spelling
  EXPECT_EQ(infos[0].id, infos[2].id);  // nulls are omitted
  EXPECT_NE(infos[0].id, infos[3].id);
}

// A column added later reads null, so it must not change the hash of what was sent before.
TEST(RecordParser, AnAddedColumnDoesNotChangeThePayloadHash) {
  const Source before = Clicks();
  std::vector<registry::SourceColumn> columns = before.columns;
  columns.push_back({"added", TypeOf(Kind::kString), ""});
  const Source after = MakeSource("clicks", false, "clicked_at", "", "click_id", columns);

  const ParsedBatch old_batch = Parse(before, {Click(R"("pos":1)")});
  const ParsedBatch new_batch = Parse(after, {Click(R"("pos":1)")});

  EXPECT_EQ(old_batch.good.infos[0].payload_hash, new_batch.good.infos[0].payload_hash);
}

// These bytes are stored: the numbers must never change.
TEST(RecordParser, PayloadHashIsFrozen) {
  const ParsedBatch parsed = Parse(Clicks(), {Click(R"("pos":1,"dwell_s":2.5,"user_id":"u")")});

  ASSERT_EQ(parsed.good.size(), 1u);
  std::string canonical;
  ByteWriter out(canonical);
  out.Fixed(uint8_t{0});
  const auto head = [&](std::string_view name, Kind kind) {
    out.String(name);
    out.Fixed(static_cast<uint8_t>(kind));
    out.Fixed(uint8_t{0});
  };
  head("click_id", Kind::kString);
  out.String("c1");
  head("clicked_at", Kind::kTimestamp);
  out.Fixed(int64_t{kTen});
  head("dwell_s", Kind::kDouble);
  out.Fixed(2.5);
  head("pos", Kind::kInt64);
  out.Fixed(int64_t{1});
  head("user_id", Kind::kKey);
  out.String("u");
  EXPECT_EQ(parsed.good.infos[0].payload_hash, HashTo128(canonical));
}

TEST(RecordParser, BatchLimitsAreNamed) {  // S11
  const std::vector<std::string_view> many(kMaxBatchRecords + 1, "{}");
  EXPECT_THAT(CheckBatchLimits(Clicks(), many),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("10001 records")));
  const std::string half(kMaxBatchBytes / 16, 'x');
  const std::vector<std::string_view> heavy(17, half);
  EXPECT_THAT(CheckBatchLimits(Clicks(), heavy),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("bytes, the limit is 16777216")));
  Source wide = Clicks();
  wide.columns.push_back({"zvec", VectorOf(4'096), ""});
  EXPECT_THAT(CheckBatchLimits(wide, std::span(many).first(5'000)),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("send fewer records")));
  EXPECT_OK(CheckBatchLimits(Clicks(), std::span(many).first(kMaxBatchRecords)));
}

// Whatever comes, there is a status and no crash; what is accepted has whole columns.
TEST(RecordParser, MutatedRecordsNeverCrash) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  Source clicks = Clicks();
  clicks.ignore_extra = true;
  const std::string base =
      Click(R"("pos":12,"dwell_s":1.5e2,"paid":true,"item_id":"a\u00e9\n","x":[{"y":null},"é"])");
  std::vector<std::string> records;
  for (int i = 0; i < 3'000; ++i) {
    std::string record = base;
    for (uint64_t n = 1 + random() % 4; n > 0 && !record.empty(); --n) {
      const size_t at = random() % record.size();
      switch (random() % 4) {
        case 0:
          record[at] = static_cast<char>(random());
          break;
        case 1:
          record.erase(at, 1 + random() % 5);
          break;
        case 2:
          record.insert(at, 1, R"({}[]",:\0e-u)"[random() % 12]);
          break;
        default:
          record.resize(at + 1);
          break;
      }
    }
    records.push_back(std::move(record));
  }

  const ParsedBatch parsed = Parse(clicks, records);

  ASSERT_EQ(parsed.statuses.size(), records.size());
  EXPECT_EQ(parsed.request_index.size(), parsed.good.size());
  for (const Column& column : parsed.good.columns) EXPECT_EQ(column.rows, parsed.good.size());
  for (const Status& status : parsed.statuses) EXPECT_TRUE(IsUtf8(Message(status)));
}

}  // namespace
}  // namespace larder::featurestore
