// SPDX-License-Identifier: Apache-2.0
#include "cli/reply_columns.h"

#include <algorithm>
#include <utility>

#include "cli/format.h"

namespace larder::cli {
namespace {

constexpr std::string_view kCandidate = "candidate.";
constexpr size_t kFeatureWidth = 44;

bool IsNumber(v1::ColumnType type) {
  return type == v1::COLUMN_TYPE_INT64 || type == v1::COLUMN_TYPE_FLOAT32 ||
         type == v1::COLUMN_TYPE_FLOAT64;
}

// The columns that `name` means: the one of that name, as the server or as a table has it, else all
// whose last parts it is.
std::vector<size_t> Matches(std::span<const ColumnView> columns, const std::string& name) {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name() == name) return {i};
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (ShortName(columns[i]) == name) return {i};
  }
  std::vector<size_t> found;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name().ends_with("." + name)) found.push_back(i);
  }
  return found;
}

}  // namespace

StatusOr<std::vector<ColumnView>> OpenColumns(const ProtoColumns& columns, size_t ids) {
  std::vector<ColumnView> views;
  for (const v1::Column& column : columns) {
    LARDER_ASSIGN_OR_RETURN(ColumnView view, ColumnView::Open(column));
    if (!view.Fits(ids)) {
      return Internal("reply column '", column.name(), "' has ", column.rows(), " rows for ", ids,
                      " ids");
    }
    views.push_back(std::move(view));
  }
  return views;
}

std::string ShortName(const ColumnView& column) {
  std::string_view name = column.name();
  if (name.starts_with(kCandidate)) name.remove_prefix(kCandidate.size());
  return std::string(name);
}

StatusOr<std::vector<ColumnView>> PickColumns(std::vector<ColumnView> columns,
                                              const std::vector<std::string>& names) {
  if (names.empty()) return columns;
  std::vector<size_t> picked;
  for (const std::string& name : names) {
    const std::vector<size_t> found = Matches(columns, name);
    if (found.empty()) {
      std::string known;
      for (const ColumnView& column : columns)
        known += Concat(known.empty() ? "" : ", ", ShortName(column));
      return InvalidArgument("--columns: there is no column '", name, "', there are: ", known);
    }
    for (const size_t i : found) {
      if (std::find(picked.begin(), picked.end(), i) == picked.end()) picked.push_back(i);
    }
  }
  std::vector<ColumnView> out;
  for (const size_t i : picked) out.push_back(columns[i]);
  return out;
}

std::string Cell(const ColumnView& column, size_t row, bool ages) {
  const DurationUs age = ages ? column.Age(row) : -1;
  std::string text = column.Text(row);
  return age < 0 ? text : Concat(Shorten(text, kFeatureWidth - 12), " (", FormatSpan(age), ")");
}

void AddFeatureColumns(Table& table, std::span<const ColumnView> columns) {
  for (const ColumnView& column : columns) {
    table.AddColumn(ShortName(column),
                    IsNumber(column.type()) ? Table::Align::kRight : Table::Align::kLeft,
                    kFeatureWidth);
  }
}

Json RowToJson(std::span<const ColumnView> columns, size_t row, bool ages) {
  Json features = Json::object();
  Json reasons = Json::object();
  Json ages_s = Json::object();
  for (const ColumnView& column : columns) {
    const std::string name(column.name());
    features[name] = column.ToJson(row);
    if (column.IsNull(row) && !column.Reason(row).empty()) {
      reasons[name] = std::string(column.Reason(row));
    }
    if (ages && column.Age(row) >= 0) {
      ages_s[name] = static_cast<double>(column.Age(row)) / kSecondUs;
    }
  }
  Json out = {{"features", std::move(features)}};
  if (!reasons.empty()) out["reasons"] = std::move(reasons);
  if (ages) out["ages_s"] = std::move(ages_s);
  return out;
}

}  // namespace larder::cli
