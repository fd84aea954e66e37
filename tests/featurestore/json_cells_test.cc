// SPDX-License-Identifier: Apache-2.0
#include "featurestore/json_cells.h"

#include <gtest/gtest.h>

#include "tests/featurestore/test_sources.h"
#include "tests/support/status_matchers.h"

namespace larder::featurestore {
namespace {

using testing::ElementsAre;

const Cell& CellNamed(const JsonCells& cells, const registry::Source& source,
                      std::string_view name) {
  return cells.cells()[static_cast<size_t>(source.FindColumn(name))];
}

TEST(JsonCells, ABadRecordLeavesNothingForTheNext) {
  const registry::Source catalog = Catalog();
  JsonCells cells(catalog, RecordFormat::kJson);
  ASSERT_FALSE(cells.Read(R"({"title":"t","sizes":[1,2],"_delete":true,"price":"x"})").ok());

  ASSERT_OK(cells.Read(R"({"sizes":[3]})"));

  EXPECT_EQ(CellNamed(cells, catalog, "title").state, Cell::State::kAbsent);
  EXPECT_THAT(cells.lists().integers, ElementsAre(3));
  EXPECT_EQ(CellNamed(cells, catalog, "sizes").begin, 0u);
  EXPECT_FALSE(cells.deleted().has_value());
}

TEST(JsonCells, FieldsMayChangeTheirOrderFromRecordToRecord) {
  const registry::Source catalog = Catalog();
  JsonCells cells(catalog, RecordFormat::kJson);
  ASSERT_OK(cells.Read(R"({"title":"a","price":1})"));

  ASSERT_OK(cells.Read(R"({"price":2,"title":"b","item_id":"i"})"));

  EXPECT_EQ(CellNamed(cells, catalog, "title").text, "b");
  EXPECT_EQ(CellNamed(cells, catalog, "price").number, 2.0);
  EXPECT_EQ(CellNamed(cells, catalog, "item_id").text, "i");
}

TEST(JsonCells, SeveralListsShareTheirElementArrays) {
  const registry::Source catalog = Catalog();
  JsonCells cells(catalog, RecordFormat::kJson);

  ASSERT_OK(cells.Read(R"({"weights":[],"sizes":[4,5],"tags":["a","b"],"vec":[1,2,3]})"));

  const Cell& weights = CellNamed(cells, catalog, "weights");
  EXPECT_EQ(weights.state, Cell::State::kValue);
  EXPECT_EQ(weights.begin, weights.end);
  EXPECT_EQ(CellNamed(cells, catalog, "sizes").end, 2u);
  EXPECT_THAT(cells.lists().texts, ElementsAre("a", "b"));
  EXPECT_THAT(cells.lists().floats, ElementsAre(1, 2, 3));
}

}  // namespace
}  // namespace larder::featurestore
