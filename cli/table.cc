// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "base/status.h"
#include "cli/format.h"

namespace larder::cli {

void Table::AddColumn(std::string header, Align align, size_t max_width) {
  columns_.push_back({std::move(header), align, max_width});
}

void Table::AddRow(std::vector<std::string> cells) {
  LARDER_CHECK(cells.size() <= columns_.size());
  cells.resize(columns_.size());
  for (size_t i = 0; i < cells.size(); ++i) cells[i] = Shorten(cells[i], columns_[i].max_width);
  rows_.push_back(std::move(cells));
}

void Table::Print(std::ostream& out) const {
  if (columns_.empty()) return;
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = DisplayWidth(columns_[i].name);
    for (const auto& row : rows_) width = std::max(width, DisplayWidth(row[i]));
    widths.push_back(width);
  }
  const auto print_row = [&](const auto& cell) {
    std::string line;
    for (size_t i = 0; i < columns_.size(); ++i) {
      const std::string& text = cell(i);
      const std::string space(widths[i] - DisplayWidth(text), ' ');
      if (i > 0) line += "  ";
      line += columns_[i].align == Align::kRight ? space + text : text + space;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << "\n";
  };
  print_row([&](size_t i) -> const std::string& { return columns_[i].name; });
  for (const auto& row : rows_) print_row([&](size_t i) -> const std::string& { return row[i]; });
}

}  // namespace larder::cli
