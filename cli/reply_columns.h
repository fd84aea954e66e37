// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_REPLY_COLUMNS_H_
#define LARDER_CLI_REPLY_COLUMNS_H_

#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "cli/column_view.h"
#include "cli/json.h"
#include "cli/table.h"
#include "larder/v1/common.pb.h"

namespace larder::cli {

// The feature columns of a reply, checked against its number of ids.
// Errors: kInternal for a column that does not fit.
using ProtoColumns = google::protobuf::RepeatedPtrField<v1::Column>;
StatusOr<std::vector<ColumnView>> OpenColumns(const ProtoColumns& columns, size_t ids);

// Those that `names` mean, in the order of `names`: the one with just that name, else all whose
// last parts it is. All if `names` is empty.
// Errors: kInvalidArgument naming the columns that there are.
StatusOr<std::vector<ColumnView>> PickColumns(std::vector<ColumnView> columns,
                                              const std::vector<std::string>& names);

// A column's name for people: without the leading "candidate.".
std::string ShortName(const ColumnView& column);

// The value, with its age behind it when `ages`: "12 (3.4 h)".
std::string Cell(const ColumnView& column, size_t row, bool ages);

// Adds a table column per feature: numbers to the right.
void AddFeatureColumns(Table& table, std::span<const ColumnView> columns);

// One object per row: "features", "reasons" of nulls, and "ages_s" when `ages`.
Json RowToJson(std::span<const ColumnView> columns, size_t row, bool ages);

}  // namespace larder::cli

#endif  // LARDER_CLI_REPLY_COLUMNS_H_
