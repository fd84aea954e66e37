// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <gtest/gtest.h>

#include <sstream>

namespace larder::cli {
namespace {

std::string Printed(const Table& table) {
  std::ostringstream out;
  table.Print(out);
  return out.str();
}

TEST(Table, AlignsByDisplayWidth) {
  Table table;
  table.AddColumn("NAME");
  table.AddColumn("N", Table::Align::kRight);
  table.AddRow({"日本", "7"});
  table.AddRow({"abc", "1234"});

  EXPECT_EQ(Printed(table),
            "NAME     N\n"
            "日本     7\n"
            "abc   1234\n");
}

TEST(Table, ShortensLongCellsAndLeavesNoTrailingSpaces) {
  Table table;
  table.AddColumn("A", Table::Align::kLeft, 4);
  table.AddColumn("B");
  table.AddRow({"abcdefgh", "x"});
  table.AddRow({"y"});

  EXPECT_EQ(Printed(table),
            "A     B\n"
            "abc…  x\n"
            "y\n");
}

TEST(Table, WithoutColumnsPrintsNothing) { EXPECT_EQ(Printed(Table()), ""); }

}  // namespace
}  // namespace larder::cli
