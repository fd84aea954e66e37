// SPDX-License-Identifier: Apache-2.0
#include "registry/column.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/expression_fixture.h"

namespace larder::registry {
namespace {

using testing::ElementsAre;

TEST(Column, NullRowsHaveEmptyValues) {
  Column numbers = Column::Of(TypeOf(Kind::kInt64), 2);
  numbers.AppendNull(Reason::kExpired);
  numbers.AppendInt(7);
  EXPECT_THAT(numbers.ints, ElementsAre(0, 7));
  EXPECT_THAT(numbers.reasons, ElementsAre(Reason::kExpired, Reason::kValid));
  EXPECT_EQ(numbers.elements(), 2U);

  Column vectors = Column::Of(VectorOf("titles", 2, true));
  vectors.AppendCodes(std::vector<int8_t>{1, 2});
  vectors.AppendNull(Reason::kEmpty);
  EXPECT_THAT(vectors.codes, ElementsAre(1, 2, 0, 0));
}

TEST(Column, ListsKeepElementsAndTheirNulls) {
  Column lists = Column::Of(ListOfType(TypeOf(Kind::kString)));
  lists.AddString("a");
  lists.AddNull(Reason::kDeleted);
  lists.EndList();
  lists.AppendNull(Reason::kNotFound);
  lists.AddString("b");
  lists.EndList();

  EXPECT_EQ(lists.rows, 3U);
  EXPECT_THAT(lists.offsets, ElementsAre(0, 2, 2, 3));
  EXPECT_THAT(lists.element_reasons,
              ElementsAre(Reason::kValid, Reason::kDeleted, Reason::kValid));
  EXPECT_EQ(lists.element_reason(1), Reason::kDeleted);
  EXPECT_FALSE(lists.valid(1));
}

TEST(Column, AppendRowCopiesValuesNullsAndTimes) {
  Column from = Column::Of(ListOfType(TypeOf(Kind::kInt64)));
  from.AddInt(1);
  from.AddNull(Reason::kEmpty);
  from.EndList();
  from.AppendNull(Reason::kNotFound);
  from.times = {5, 6};
  Column to = Column::Of(from.type);

  to.AppendRow(from, 1);
  to.AppendRow(from, 0);

  EXPECT_THAT(to.offsets, ElementsAre(0, 0, 2));
  EXPECT_THAT(to.reasons, ElementsAre(Reason::kNotFound, Reason::kValid));
  EXPECT_EQ(to.element_reason(1), Reason::kEmpty);
  EXPECT_THAT(to.times, ElementsAre(6, 5));
}

TEST(Type, HasTheNameOfTheLanguage) {
  EXPECT_EQ(TypeOf(Kind::kTimestamp).Name(), "timestamp");
  EXPECT_EQ(ListOfType(KeyOf("item")).Name(), "list<key<item>>");
  EXPECT_EQ(VectorOf("titles", 8, true).Name(), "vector<titles>");
  EXPECT_EQ(VectorOf("", 8, false).Name(), "vector<8>");
  EXPECT_STREQ(ReasonName(Reason::kNeverComputed), "never_computed");
}

}  // namespace
}  // namespace larder::registry
