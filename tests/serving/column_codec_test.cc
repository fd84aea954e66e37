// SPDX-License-Identifier: Apache-2.0
#include "serving/column_codec.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using registry::Column;
using registry::Kind;
using registry::Reason;
using registry::Type;
using testing::HasSubstr;

std::string Bytes(std::initializer_list<int> bytes) {
  std::string out;
  for (const int byte : bytes) out.push_back(static_cast<char>(byte));
  return out;
}

v1::Column Encoded(const Column& column, const Type& as, const EncodeOptions& options = {}) {
  v1::Column out;
  EXPECT_OK(EncodeColumn("c", column, as, options, &out));
  return out;
}

Type Scalar(Kind kind) { return Type{.kind = kind, .of = {}}; }

TEST(ColumnCodec, SendsADoubleAsFloat32UnlessItsFeatureSaysOtherwise) {  // S4.4
  Column column = Column::Of(Scalar(Kind::kDouble));
  column.AppendDouble(1.5);
  column.AppendDouble(-2);

  const v1::Column narrow = Encoded(column, Scalar(Kind::kFloat));
  const v1::Column wide = Encoded(column, Scalar(Kind::kDouble));

  EXPECT_EQ(narrow.type(), v1::COLUMN_TYPE_FLOAT32);
  EXPECT_EQ(narrow.values(), Bytes({0, 0, 0xC0, 0x3F, 0, 0, 0, 0xC0}));
  EXPECT_EQ(wide.type(), v1::COLUMN_TYPE_FLOAT64);
  EXPECT_EQ(wide.values(), Bytes({0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0xC0}));
  EXPECT_EQ(wide.name(), "c");
  EXPECT_EQ(wide.rows(), 2U);
  EXPECT_EQ(wide.validity(), "");
}

TEST(ColumnCodec, ADoubleThatFloat32CannotHoldIsNullThere) {  // S1.8
  Column column = Column::Of(Scalar(Kind::kDouble));
  column.AppendDouble(3.4028235e38);
  column.AppendDouble(-1e39);

  const v1::Column narrow = Encoded(column, Scalar(Kind::kFloat), {.reasons = true});
  const v1::Column wide = Encoded(column, Scalar(Kind::kDouble), {.reasons = true});

  EXPECT_EQ(narrow.validity(), Bytes({0b01}));
  EXPECT_EQ(narrow.reasons(), Bytes({0, v1::NULL_REASON_INPUT_NULL}));
  EXPECT_EQ(narrow.values(), Bytes({0xFF, 0xFF, 0x7F, 0x7F, 0, 0, 0, 0}));
  EXPECT_EQ(wide.validity(), "");
}

TEST(ColumnCodec, AnElementThatFloat32CannotHoldIsNullThere) {  // S1.8
  Column column = Column::Of(Type{.kind = Kind::kDouble, .list = true, .of = {}});
  column.AddDouble(1e300);
  column.AddDouble(1);
  column.EndList();

  const v1::Column out = Encoded(column, Type{.kind = Kind::kFloat, .list = true, .of = {}});

  EXPECT_EQ(out.validity(), "");
  EXPECT_EQ(out.child().validity(), Bytes({0b10}));
  EXPECT_EQ(out.child().values(), Bytes({0, 0, 0, 0, 0, 0, 0x80, 0x3F}));
}

TEST(ColumnCodec, PacksBooleansAndValidityLowestBitFirst) {
  Column column = Column::Of(Scalar(Kind::kBool));
  for (int i = 0; i < 9; ++i) {
    if (i == 1) {
      column.AppendNull(Reason::kExpired);
    } else {
      column.AppendInt(i % 3 == 0 ? 1 : 0);
    }
  }

  const v1::Column out = Encoded(column, Scalar(Kind::kBool), {.reasons = true});

  EXPECT_EQ(out.values(), Bytes({0b01001001, 0}));
  EXPECT_EQ(out.validity(), Bytes({0b11111101, 1}));
  EXPECT_EQ(out.reasons(), Bytes({0, 3, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(ColumnCodec, CutsStringsByOffsets) {
  Column column = Column::Of(Scalar(Kind::kString));
  column.AppendString("ab");
  column.AppendNull(Reason::kNotFound);
  column.AppendString("c");

  const v1::Column out = Encoded(column, Scalar(Kind::kString));

  EXPECT_EQ(out.values(), "abc");
  EXPECT_EQ(out.offsets(), Bytes({0, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0}));
  EXPECT_EQ(out.validity(), Bytes({0b101}));
  EXPECT_EQ(out.reasons(), "");
}

TEST(ColumnCodec, SendsKeysAsStrings) {
  Column column = Column::Of(Type{.kind = Kind::kKey, .of = "item"});
  column.AppendString("i1");
  const v1::Column out = Encoded(column, column.type);
  EXPECT_EQ(out.type(), v1::COLUMN_TYPE_STRING);
  EXPECT_EQ(out.values(), "i1");
}

TEST(ColumnCodec, SendsListsWithNullElementsInTheChild) {
  Column column = Column::Of(Type{.kind = Kind::kInt64, .list = true, .of = {}});
  column.AddInt(7);
  column.AddNull(Reason::kNotFound);
  column.EndList();
  column.AppendNull(Reason::kInputNull);
  column.AddInt(9);
  column.EndList();

  const v1::Column out = Encoded(column, column.type);

  EXPECT_EQ(out.type(), v1::COLUMN_TYPE_LIST);
  EXPECT_EQ(out.rows(), 3U);
  EXPECT_EQ(out.offsets(), Bytes({0, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0}));
  EXPECT_EQ(out.validity(), Bytes({0b101}));
  EXPECT_EQ(out.child().type(), v1::COLUMN_TYPE_INT64);
  EXPECT_EQ(out.child().rows(), 3U);
  EXPECT_EQ(out.child().validity(), Bytes({0b101}));
  EXPECT_EQ(out.child().values().size(), 24U);
}

TEST(ColumnCodec, SendsVectorsAsFixedSizeLists) {
  Column codes = Column::Of(Type{.kind = Kind::kVector, .of = "t", .dimensions = 2, .int8 = true});
  codes.AppendCodes(std::vector<int8_t>{1, -1});
  codes.AppendNull(Reason::kNotFound);
  Column floats = Column::Of(Type{.kind = Kind::kVector, .of = "t", .dimensions = 1});
  floats.AppendFloats(std::vector<float>{1});

  const v1::Column int8s = Encoded(codes, codes.type);
  const v1::Column float32s = Encoded(floats, floats.type);

  EXPECT_EQ(int8s.type(), v1::COLUMN_TYPE_FIXED_SIZE_LIST);
  EXPECT_EQ(int8s.list_size(), 2U);
  EXPECT_EQ(int8s.validity(), Bytes({0b01}));
  EXPECT_EQ(int8s.child().type(), v1::COLUMN_TYPE_INT8);
  EXPECT_EQ(int8s.child().values(), Bytes({1, 0xFF, 0, 0}));
  EXPECT_EQ(float32s.child().type(), v1::COLUMN_TYPE_FLOAT32);
  EXPECT_EQ(float32s.child().values(), Bytes({0, 0, 0x80, 0x3F}));
}

TEST(ColumnCodec, SendsAgesOnRequest) {  // S4.2
  Column column = Column::Of(Scalar(Kind::kInt64));
  column.AppendInt(1);
  column.AppendInt(2);
  column.times = {90, registry::kNoTime};

  const v1::Column out =
      Encoded(column, Scalar(Kind::kInt64), {.reasons = true, .ages = true, .now = 100});

  EXPECT_EQ(out.ages_us(), Bytes({10, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                  0xFF, 0xFF}));
  EXPECT_EQ(out.reasons(), "");  // nothing is null
}

TEST(ColumnCodec, WidensIntegersThatAreDeclaredAsDouble) {
  Column column = Column::Of(Scalar(Kind::kInt64));
  column.AppendInt(2);
  EXPECT_EQ(Encoded(column, Scalar(Kind::kFloat)).values(), Bytes({0, 0, 0, 0x40}));
}

TEST(ColumnCodec, KeepsEmptyColumnsWellFormed) {
  const v1::Column out = Encoded(Column::Of(Scalar(Kind::kString)), Scalar(Kind::kString));
  EXPECT_EQ(out.rows(), 0U);
  EXPECT_EQ(out.offsets(), Bytes({0, 0, 0, 0}));
}

TEST(ColumnCodec, RefusesAKindThatIsNotTheDeclaredOne) {
  Column column = Column::Of(Scalar(Kind::kString));
  v1::Column out;
  EXPECT_THAT(EncodeColumn("c", column, Scalar(Kind::kInt64), {}, &out),
              StatusIs(StatusCode::kInternal, HasSubstr("'c' is string, declared as int64")));
}

TEST(ColumnCodec, EncodesOptionalNumbers) {
  v1::Column out;
  EncodeInts("rank", std::vector<std::optional<int64_t>>{1, std::nullopt}, &out);
  EXPECT_EQ(out.rows(), 2U);
  EXPECT_EQ(out.validity(), Bytes({0b01}));
  EXPECT_EQ(out.values().size(), 16U);
}

}  // namespace
}  // namespace larder::serving
