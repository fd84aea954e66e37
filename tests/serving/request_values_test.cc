// SPDX-License-Identifier: Apache-2.0
#include "serving/request_values.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using registry::Column;
using registry::Kind;
using registry::Reason;
using registry::RequestColumn;
using registry::Type;
using testing::HasSubstr;

Type Scalar(Kind kind, bool list = false) { return Type{.kind = kind, .list = list, .of = {}}; }

v1::Value Text(const std::string& text) {
  v1::Value value;
  value.set_text(text);
  return value;
}

StatusOr<Column> One(const Type& type, const v1::Value& value) {
  const std::vector<RequestColumn> declared = {{"c", type}};
  ValueMap values;
  values["c"] = value;
  LARDER_ASSIGN_OR_RETURN(std::vector<Column> columns, RequestColumns(declared, values));
  return std::move(columns.front());
}

TEST(RequestValues, ReadsTypedScalars) {
  v1::Value value;
  value.set_int64_value(9);
  EXPECT_EQ(One(Scalar(Kind::kInt64), value)->ints, std::vector<int64_t>{9});
  EXPECT_EQ(One(Scalar(Kind::kDouble), value)->doubles, std::vector<double>{9});
  value.set_bool_value(true);
  EXPECT_EQ(One(Scalar(Kind::kBool), value)->ints, std::vector<int64_t>{1});
  value.mutable_timestamp_value()->set_seconds(2);
  EXPECT_EQ(One(Scalar(Kind::kTimestamp), value)->ints, std::vector<int64_t>{2 * kSecondUs});
  value.mutable_duration_value()->set_nanos(5'000);
  EXPECT_EQ(One(Scalar(Kind::kDuration), value)->ints, std::vector<int64_t>{5});
}

TEST(RequestValues, ParsesTextByTheDeclaredType) {
  EXPECT_EQ(One(Scalar(Kind::kInt64), Text("9"))->ints, std::vector<int64_t>{9});
  EXPECT_EQ(One(Scalar(Kind::kDouble), Text("2.5"))->doubles, std::vector<double>{2.5});
  EXPECT_EQ(One(Scalar(Kind::kBool), Text("false"))->ints, std::vector<int64_t>{0});
  EXPECT_EQ(One(Scalar(Kind::kDuration), Text("90s"))->ints, std::vector<int64_t>{90 * kSecondUs});
  EXPECT_EQ(One(Scalar(Kind::kTimestamp), Text("1970-01-01T00:00:01Z"))->ints,
            std::vector<int64_t>{kSecondUs});
  EXPECT_EQ(One(Scalar(Kind::kString), Text("9"))->strings[0], "9");
}

TEST(RequestValues, ReadsListsWithNulls) {
  v1::Value value;
  *value.mutable_list()->add_values() = Text("a");
  value.mutable_list()->add_values();
  ASSERT_OK_AND_ASSIGN(const Column column, One(Scalar(Kind::kString, true), value));
  EXPECT_EQ(column.elements(), 2U);
  EXPECT_EQ(column.element_reason(1), Reason::kInputNull);
}

TEST(RequestValues, ReadsVectors) {
  v1::Value value;
  const std::vector<float> floats = {1, -2};
  value.set_vector_f32le(std::string(reinterpret_cast<const char*>(floats.data()), 8));
  const Type type{.kind = Kind::kVector, .of = {}, .dimensions = 2};
  EXPECT_EQ(One(type, value)->floats, floats);
  value.set_vector_f32le("123");
  EXPECT_THAT(One(type, value), StatusIs(StatusCode::kInvalidArgument, HasSubstr("got 3 bytes")));
}

TEST(RequestValues, WhatIsNotSentIsNull) {
  const std::vector<RequestColumn> declared = {{"hour", Scalar(Kind::kInt64)}};
  ASSERT_OK_AND_ASSIGN(const auto columns, RequestColumns(declared, ValueMap()));
  ASSERT_EQ(columns.size(), 1U);
  EXPECT_EQ(columns[0].rows, 1U);
  EXPECT_EQ(columns[0].reasons[0], Reason::kInputNull);
}

TEST(RequestValues, NamesTheColumnAndTheTypeOfAWrongValue) {
  EXPECT_THAT(One(Scalar(Kind::kInt64), Text("nine")),
              StatusIs(StatusCode::kInvalidArgument,
                       HasSubstr("request column 'c': expected int64, got 'nine'")));
  v1::Value value;
  value.set_double_value(1.5);
  EXPECT_THAT(One(Scalar(Kind::kInt64), value),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("got double")));
  EXPECT_THAT(One(Scalar(Kind::kString), value),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("expected string")));
}

TEST(RequestValues, LongNamesAndTextsAreCutBetweenCharacters) {
  std::string text = "x";
  for (int i = 0; i < 60; ++i) text += "ä";  // of two bytes: a cut after an even number is inside
  EXPECT_THAT(One(Scalar(Kind::kInt64), Text(text)),
              StatusIs(StatusCode::kInvalidArgument,
                       HasSubstr("got '" + text.substr(0, 39) + "'")));
  ValueMap values;
  values[text] = Text("9");
  EXPECT_THAT(RequestColumns({}, values),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("'" + text.substr(0, 99) + "'")));
}

TEST(RequestValues, RefusesWhatNoColumnMayHold) {
  v1::Value value;
  value.set_double_value(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(One(Scalar(Kind::kDouble), value),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("finite")));
  EXPECT_THAT(One(Scalar(Kind::kDouble), Text("inf")),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("finite")));
  value.set_double_value(1e300);
  EXPECT_THAT(One(Scalar(Kind::kFloat), value),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("finite")));
  EXPECT_THAT(One(Scalar(Kind::kString), Text("\xff")),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("not UTF-8")));
  EXPECT_THAT(One(Scalar(Kind::kString), Text(std::string((1 << 20) + 1, 'a'))),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("at most")));
  EXPECT_THAT(One(Type{.kind = Kind::kKey, .of = "item"}, Text(std::string(257, 'a'))),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("1 to 256 bytes")));
  value.mutable_timestamp_value()->set_nanos(1);
  EXPECT_THAT(One(Scalar(Kind::kTimestamp), value), StatusIs(StatusCode::kInvalidArgument,
                                                             HasSubstr("expected timestamp")));
  value.mutable_timestamp_value()->set_seconds(std::numeric_limits<int64_t>::max());
  EXPECT_THAT(One(Scalar(Kind::kTimestamp), value), StatusIs(StatusCode::kInvalidArgument,
                                                             HasSubstr("expected timestamp")));
}

TEST(RequestValues, RefusesAColumnThatTheRequestDoesNotDeclare) {
  const std::vector<RequestColumn> declared = {{"hour", Scalar(Kind::kInt64)}};
  ValueMap values;
  values["huor"] = Text("9");
  EXPECT_THAT(RequestColumns(declared, values),
              StatusIs(StatusCode::kInvalidArgument,
                       HasSubstr("unknown request column 'huor', expected one of hour")));
}

class OneKeyReader : public registry::FeatureReader {
 public:
  void FindKeys(std::string_view, std::span<const std::string_view> keys,
                std::span<registry::Ordinal> ordinals) override {
    for (size_t i = 0; i < keys.size(); ++i) {
      ordinals[i] = keys[i] == "u1" ? 5 : registry::kNoOrdinal;
    }
  }
  std::string_view KeyOf(std::string_view, registry::Ordinal) override { return "u1"; }
  Status Read(const registry::StoredFeature&, std::span<const registry::Ordinal>, bool,
              Column&) override {
    return OkStatus();
  }
};

TEST(RoleColumns, ARoleThatIsNotSentIsANullKey) {  // S5.2
  const std::vector<registry::Role> roles = {
      {"user", "user"}, {"seed", "item"}, {"candidate", "item", true}};
  KeyMap keys;
  keys["user"] = "u1";
  OneKeyReader reader;

  ASSERT_OK_AND_ASSIGN(const auto columns, RoleColumns(roles, keys, reader));

  ASSERT_EQ(columns.size(), 3U);
  EXPECT_EQ(columns[0].strings[0], "u1");
  EXPECT_EQ(columns[0].ordinals, std::vector<registry::Ordinal>{5});
  EXPECT_EQ(columns[1].reasons[0], Reason::kNotFound);
  EXPECT_EQ(columns[1].ordinals, std::vector<registry::Ordinal>{registry::kNoOrdinal});
  EXPECT_EQ(columns[2].rows, 0U);
}

TEST(RoleColumns, RefusesUnknownRolesAndBadKeys) {
  const std::vector<registry::Role> roles = {{"user", "user"}, {"candidate", "item", true}};
  OneKeyReader reader;
  KeyMap keys;
  keys["candidate"] = "i1";
  EXPECT_THAT(RoleColumns(roles, keys, reader),
              StatusIs(StatusCode::kInvalidArgument,
                       HasSubstr("unknown role 'candidate', expected one of user")));
  keys.clear();
  keys["user"] = "";
  EXPECT_THAT(RoleColumns(roles, keys, reader),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("role 'user': a key has 1 to 256")));
  keys["user"] = "\xc3";
  EXPECT_THAT(RoleColumns(roles, keys, reader),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("UTF-8")));
}

}  // namespace
}  // namespace larder::serving
