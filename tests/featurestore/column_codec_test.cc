// SPDX-License-Identifier: Apache-2.0
#include "featurestore/column_codec.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "registry/column.h"
#include "tests/support/status_matchers.h"

namespace larder::featurestore {
namespace {

using registry::Column;
using registry::Kind;
using registry::Reason;
using registry::Type;

std::string EncodedType(uint8_t kind, uint8_t bits, uint64_t dimensions) {
  std::string bytes;
  ByteWriter out(bytes);
  out.Fixed(kind);
  out.Fixed(bits);
  out.String("of");
  out.Varint(dimensions);
  return bytes;
}

bool TypeDecodes(const std::string& bytes) {
  ByteReader in(bytes);
  DecodeType(in);
  return in.ok();
}

// True if `bytes` are a column of `type` with `rows` rows.
bool ColumnDecodes(const Type& type, size_t rows, std::string_view bytes) {
  ByteReader in(bytes);
  const Column column = DecodeColumn(type, rows, kMaxBatchCells, in);
  return in.Finish("column").ok();
}

TEST(ColumnCodec, TypesThatDoNotExistAreRefused) {
  constexpr auto kVector = static_cast<uint8_t>(Kind::kVector);
  EXPECT_TRUE(TypeDecodes(EncodedType(kVector, 2, 384)));
  EXPECT_FALSE(TypeDecodes(EncodedType(0, 0, 1)));
  EXPECT_FALSE(TypeDecodes(EncodedType(10, 0, 1)));
  EXPECT_FALSE(TypeDecodes(EncodedType(kVector, 4, 1)));
  EXPECT_FALSE(TypeDecodes(EncodedType(kVector, 1, 1)));  // lists of vectors
  EXPECT_FALSE(TypeDecodes(EncodedType(kVector, 0, 0)));
  EXPECT_FALSE(TypeDecodes(EncodedType(kVector, 0, 1 << 17)));
  EXPECT_FALSE(TypeDecodes(EncodedType(static_cast<uint8_t>(Kind::kInt64), 2, 1)));
}

TEST(ColumnCodec, VectorsCountTheirDimensionsAsCells) {
  const Column scalar = Column::Of(Type{.kind = Kind::kInt64});
  const Column vector = Column::Of(Type{.kind = Kind::kVector, .of = "e", .dimensions = 384});

  EXPECT_EQ(CellsPerRecord(std::vector<Column>{scalar, vector}), 385u);
}

TEST(ColumnCodec, TimesAtTheEndsOfTheRangeComeBack) {
  Column column = Column::Of(Type{.kind = Kind::kTimestamp});
  for (const int64_t time : {std::numeric_limits<int64_t>::max(),
                             std::numeric_limits<int64_t>::min(), int64_t{0}}) {
    column.AppendInt(time);
  }
  std::string bytes;
  ByteWriter out(bytes);
  EncodeColumn(column, out);

  ByteReader in(bytes);
  EXPECT_EQ(DecodeColumn(column.type, 3, kMaxBatchCells, in).ints, column.ints);
  EXPECT_TRUE(in.Finish("column").ok());
}

TEST(ColumnCodec, ElementsThatAreAllNullComeBack) {
  Column column = Column::Of(Type{.kind = Kind::kDouble, .list = true});
  for (int i = 0; i < 9; ++i) column.AddNull(Reason::kInputNull);
  column.EndList();
  std::string bytes;
  ByteWriter out(bytes);
  EncodeColumn(column, out);
  ByteReader in(bytes);

  const Column decoded = DecodeColumn(column.type, 1, 9, in);

  EXPECT_OK(in.Finish("column"));
  EXPECT_EQ(decoded.elements(), 9U);
  EXPECT_EQ(decoded.element_reasons, column.element_reasons);
  ByteReader limited(bytes);
  DecodeColumn(column.type, 1, 8, limited);
  EXPECT_FALSE(limited.ok());
}

TEST(ColumnCodec, MalformedColumnsAreRefused) {
  const Type int64{.kind = Kind::kInt64};
  const Type text{.kind = Kind::kString};
  const Type list{.kind = Kind::kBool, .list = true};

  EXPECT_TRUE(ColumnDecodes(int64, 1, std::string("\0\2", 2)));
  EXPECT_FALSE(ColumnDecodes(int64, 1, std::string("\3\2", 2)));      // unknown kind of nulls
  EXPECT_FALSE(ColumnDecodes(int64, 2, std::string("\0\2", 2)));      // a value too few
  EXPECT_FALSE(ColumnDecodes(int64, 2, std::string("\1\7\2", 3)));    // padding bits set
  EXPECT_TRUE(ColumnDecodes(int64, 2, std::string("\1\2\2", 3)));
  EXPECT_FALSE(ColumnDecodes(text, 1, std::string("\0\5abc", 5)));    // text shorter than said
  EXPECT_TRUE(ColumnDecodes(list, 1, std::string("\0\3\0\5", 4)));
  EXPECT_FALSE(ColumnDecodes(list, 1, std::string("\0\xff\xff\xff\xff\x0f", 6)));  // 2^32 elements
}

}  // namespace
}  // namespace larder::featurestore
