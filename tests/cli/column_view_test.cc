// SPDX-License-Identifier: Apache-2.0
#include "cli/column_view.h"

#include <gmock/gmock.h>

#include <limits>
#include <vector>

#include "base/bytes.h"
#include "tests/support/status_matchers.h"

namespace larder::cli {
namespace {

using testing::HasSubstr;

template <typename T>
void SetValues(std::vector<T> values, std::string* out) {
  out->clear();
  ByteWriter writer(*out);
  for (const T value : values) writer.Fixed(value);
}

v1::Column Of(v1::ColumnType type, size_t rows) {
  v1::Column column;
  column.set_name("view.x");
  column.set_type(type);
  column.set_rows(rows);
  return column;
}

v1::Column Doubles(std::vector<double> values) {
  v1::Column column = Of(v1::COLUMN_TYPE_FLOAT64, values.size());
  SetValues(values, column.mutable_values());
  return column;
}

v1::Column Strings() {
  v1::Column column = Of(v1::COLUMN_TYPE_STRING, 2);
  SetValues<int32_t>({0, 2, 5}, column.mutable_offsets());
  column.set_values("abcde");
  return column;
}

TEST(ColumnView, ReadsNumbersTextAndTimes) {
  const v1::Column doubles = Doubles({0.5, 2e9});
  ASSERT_OK_AND_ASSIGN(const ColumnView view, ColumnView::Open(doubles));
  EXPECT_EQ(view.Text(0), "0.5");
  EXPECT_EQ(view.ToJson(1), 2e9);
  EXPECT_EQ(view.Number(1), 2e9);

  const v1::Column strings = Strings();
  ASSERT_OK_AND_ASSIGN(const ColumnView text, ColumnView::Open(strings));
  EXPECT_EQ(text.String(0), "ab");
  EXPECT_EQ(text.Text(1), "cde");

  v1::Column times = Of(v1::COLUMN_TYPE_TIMESTAMP_US, 1);
  SetValues<int64_t>({0}, times.mutable_values());
  ASSERT_OK_AND_ASSIGN(const ColumnView time, ColumnView::Open(times));
  EXPECT_EQ(time.Text(0), "1970-01-01T00:00:00Z");
}

TEST(ColumnView, FloatsAreShownWithTheDigitsThatTheyHave) {
  v1::Column column = Of(v1::COLUMN_TYPE_FLOAT32, 1);
  SetValues<float>({0.1f}, column.mutable_values());
  ASSERT_OK_AND_ASSIGN(const ColumnView view, ColumnView::Open(column));

  EXPECT_EQ(view.ToJson(0).dump(), "0.1");
  EXPECT_EQ(view.Text(0), "0.1");
}

TEST(ColumnView, BoolsAndValidityAreBitsFromTheLowEnd) {
  v1::Column column = Of(v1::COLUMN_TYPE_BOOL, 9);
  column.set_values(std::string("\x02\x01", 2));
  column.set_validity(std::string("\xFE\x01", 2));
  ASSERT_OK_AND_ASSIGN(const ColumnView view, ColumnView::Open(column));

  EXPECT_TRUE(view.IsNull(0));
  EXPECT_EQ(view.Text(1), "yes");
  EXPECT_EQ(view.Text(2), "no");
  EXPECT_EQ(view.Text(8), "yes");
}

TEST(ColumnView, NullsSayWhyAndValuesHowOld) {
  v1::Column column = Doubles({0, 7});
  column.set_validity("\x02");
  column.set_reasons(std::string("\x04\x00", 2));
  SetValues<int64_t>({-1, 5 * kSecondUs}, column.mutable_ages_us());
  ASSERT_OK_AND_ASSIGN(const ColumnView view, ColumnView::Open(column));

  EXPECT_EQ(view.Text(0), "(empty)");
  EXPECT_TRUE(view.ToJson(0).is_null());
  EXPECT_EQ(view.Reason(0), "empty");
  EXPECT_EQ(view.Age(0), -1);
  EXPECT_EQ(view.Age(1), 5 * kSecondUs);
}

TEST(ColumnView, OneRowHoldsForAllIds) {
  const v1::Column column = Doubles({3});
  ASSERT_OK_AND_ASSIGN(const ColumnView view, ColumnView::Open(column));

  EXPECT_TRUE(view.Fits(100));
  EXPECT_EQ(view.Text(77), "3");
}

TEST(ColumnView, ListsAndVectorsShowTheirFirstElements) {
  v1::Column list = Of(v1::COLUMN_TYPE_LIST, 2);
  SetValues<int32_t>({0, 2, 2}, list.mutable_offsets());
  *list.mutable_child() = Strings();
  ASSERT_OK_AND_ASSIGN(const ColumnView view, ColumnView::Open(list));
  EXPECT_EQ(view.Text(0), "[ab, cde]");
  EXPECT_EQ(view.Text(1), "[]");

  v1::Column vectors = Of(v1::COLUMN_TYPE_FIXED_SIZE_LIST, 1);
  vectors.set_list_size(5);
  *vectors.mutable_child() = Of(v1::COLUMN_TYPE_INT8, 5);
  SetValues<int8_t>({1, -2, 3, 4, 5}, vectors.mutable_child()->mutable_values());
  ASSERT_OK_AND_ASSIGN(const ColumnView vector, ColumnView::Open(vectors));
  EXPECT_EQ(vector.Text(0), "[1, -2, 3, … 2 more]");
  EXPECT_EQ(vector.ToJson(0).dump(), "[1,-2,3,4,5]");
}

TEST(ColumnView, BuffersThatDoNotFitAreErrorsThatNameTheColumn) {
  const auto expect_bad = [](const v1::Column& column) {
    EXPECT_THAT(ColumnView::Open(column), StatusIs(StatusCode::kInternal, HasSubstr("view.x")));
  };
  v1::Column column = Doubles({1, 2});
  column.mutable_values()->pop_back();
  expect_bad(column);

  column = Doubles({1, 2});
  column.set_validity("ab");
  expect_bad(column);

  column = Doubles({1, 2});
  column.set_reasons("a");
  expect_bad(column);

  column = Doubles({1, 2});
  column.set_ages_us("a");
  expect_bad(column);

  column = Doubles({1, 2});
  column.set_rows(std::numeric_limits<uint64_t>::max());
  expect_bad(column);

  column = Of(v1::COLUMN_TYPE_UNSPECIFIED, 1);
  expect_bad(column);
}

TEST(ColumnView, OffsetsMustStartAtZeroGrowAndStayInside) {
  for (const std::vector<int32_t>& offsets :
       std::vector<std::vector<int32_t>>{{1, 2, 5}, {0, 3, 2}, {0, 2, 6}, {0, -1, 5}, {0, 5}, {}}) {
    v1::Column column = Strings();
    SetValues(offsets, column.mutable_offsets());
    EXPECT_THAT(ColumnView::Open(column), StatusIs(StatusCode::kInternal, HasSubstr("offsets")));
  }
}

}  // namespace
}  // namespace larder::cli
