// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_TABLE_H_
#define LARDER_CLI_TABLE_H_

#include <iosfwd>
#include <string>
#include <vector>

namespace larder::cli {

// An aligned table for people: two spaces between columns, no lines, long cells shortened.
// Thread-safety: single-thread.
class Table {
 public:
  enum class Align { kLeft, kRight };

  // Columns come before rows. Cells wider than `max_width` columns are shortened.
  void AddColumn(std::string header, Align align = Align::kLeft, size_t max_width = 60);
  // Missing cells are empty; more cells than columns is a bug.
  void AddRow(std::vector<std::string> cells);
  // Prints headers and rows; nothing if there are no columns.
  void Print(std::ostream& out) const;

 private:
  struct Header {
    std::string name;
    Align align;
    size_t max_width;
  };
  std::vector<Header> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace larder::cli

#endif  // LARDER_CLI_TABLE_H_
