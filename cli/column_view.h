// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_COLUMN_VIEW_H_
#define LARDER_CLI_COLUMN_VIEW_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "cli/json.h"
#include "larder/v1/common.pb.h"

namespace larder::cli {

// Reads a columnar reply value by value. A column with one row holds for every row.
// Thread-safety: thread-compatible.
class ColumnView {
 public:
  // Checks that the buffers fit the type and the number of rows. `column` must outlive the view.
  // Errors: kInternal naming the column and the buffer.
  static StatusOr<ColumnView> Open(const v1::Column& column);

  std::string_view name() const { return column_->name(); }
  v1::ColumnType type() const { return column_->type(); }
  size_t rows() const { return column_->rows(); }
  // True if the column has one value for `ids` ids, or one per id.
  bool Fits(size_t ids) const { return rows() == ids || rows() == 1; }

  bool IsNull(size_t row) const;
  // Why it is null: "empty"; "" if that is not known or it is not null.
  std::string_view Reason(size_t row) const;
  // -1: no age.
  DurationUs Age(size_t row) const;
  // FLOAT64, FLOAT32, INT64 as double. Else 0.
  double Number(size_t row) const;
  // Strings only.
  std::string_view String(size_t row) const;
  // For people: short, lists by their first elements, nulls as "(reason)".
  std::string Text(size_t row) const;
  // For machines: numbers, strings (times as RFC 3339, durations in seconds), arrays, null.
  Json ToJson(size_t row) const;

 private:
  explicit ColumnView(const v1::Column& column) : column_(&column) {}
  size_t Row(size_t row) const { return rows() == 1 ? 0 : row; }
  int32_t Offset(size_t index) const;
  int64_t Int(size_t row) const;
  std::string ListText(size_t row) const;

  const v1::Column* column_;
  std::shared_ptr<const ColumnView> child_;
};

// The name of a reason as in definitions: "never_computed".
std::string_view ReasonName(v1::NullReason reason);

}  // namespace larder::cli

#endif  // LARDER_CLI_COLUMN_VIEW_H_
