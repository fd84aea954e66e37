// SPDX-License-Identifier: Apache-2.0
#include "cli/column_view.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "cli/format.h"
#include "cli/shortest_double.h"

namespace larder::cli {
namespace {

constexpr size_t kMaxRows = 100'000'000;
constexpr size_t kListElementsShown = 3;

template <typename T>
T Fixed(std::string_view bytes, size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof value, sizeof value);
  return value;
}

// Bytes per value; 0 for types without values of a fixed size.
size_t ValueBytes(v1::ColumnType type) {
  switch (type) {
    case v1::COLUMN_TYPE_INT64:
    case v1::COLUMN_TYPE_FLOAT64:
    case v1::COLUMN_TYPE_TIMESTAMP_US:
    case v1::COLUMN_TYPE_DURATION_US:
      return 8;
    case v1::COLUMN_TYPE_FLOAT32:
      return 4;
    case v1::COLUMN_TYPE_INT8:
      return 1;
    default:
      return 0;
  }
}

bool OffsetsFit(std::string_view offsets, size_t rows, size_t values) {
  if (offsets.size() != (rows + 1) * sizeof(int32_t) || Fixed<int32_t>(offsets, 0) != 0) {
    return false;
  }
  for (size_t i = 0; i < rows; ++i) {
    if (Fixed<int32_t>(offsets, i + 1) < Fixed<int32_t>(offsets, i)) return false;
  }
  return static_cast<size_t>(Fixed<int32_t>(offsets, rows)) <= values;
}

Status Malformed(const v1::Column& column, std::string_view what) {
  return Internal("reply column '", column.name(), "': ", what, " does not fit its ", column.rows(),
                  " rows");
}

}  // namespace

std::string_view ReasonName(v1::NullReason reason) {
  constexpr std::array<std::string_view, 13> kNames{
      "",       "not_found",     "deleted",         "expired",
      "empty",  "input_null",    "never_computed",  "quarantined",
      "erased", "too_many_keys", "too_many_events", "pending",
      "failed"};
  const auto index = static_cast<size_t>(reason);
  return index < kNames.size() ? kNames[index] : "unknown";
}

StatusOr<ColumnView> ColumnView::Open(const v1::Column& column) {
  const size_t rows = column.rows();
  if (rows > kMaxRows) return Malformed(column, "number of rows");
  if (!column.validity().empty() && column.validity().size() != (rows + 7) / 8) {
    return Malformed(column, "validity");
  }
  if (!column.reasons().empty() && column.reasons().size() != rows) {
    return Malformed(column, "reasons");
  }
  if (!column.ages_us().empty() && column.ages_us().size() != rows * sizeof(int64_t)) {
    return Malformed(column, "ages_us");
  }
  ColumnView view(column);
  switch (column.type()) {
    case v1::COLUMN_TYPE_BOOL:
      if (column.values().size() != (rows + 7) / 8) return Malformed(column, "values");
      return view;
    case v1::COLUMN_TYPE_STRING:
      if (!OffsetsFit(column.offsets(), rows, column.values().size())) {
        return Malformed(column, "offsets");
      }
      return view;
    case v1::COLUMN_TYPE_LIST:
    case v1::COLUMN_TYPE_FIXED_SIZE_LIST: {
      LARDER_ASSIGN_OR_RETURN(ColumnView child, Open(column.child()));
      const bool fits = column.type() == v1::COLUMN_TYPE_LIST
                            ? OffsetsFit(column.offsets(), rows, child.rows())
                            : child.rows() == rows * column.list_size();
      if (!fits) return Malformed(column, "child");
      view.child_ = std::make_shared<const ColumnView>(std::move(child));
      return view;
    }
    default:
      if (ValueBytes(column.type()) == 0) return Malformed(column, "type");
      if (column.values().size() != rows * ValueBytes(column.type())) {
        return Malformed(column, "values");
      }
      return view;
  }
}

bool ColumnView::IsNull(size_t row) const {
  row = Row(row);
  const std::string& bits = column_->validity();
  return !bits.empty() && ((static_cast<uint8_t>(bits[row / 8]) >> (row % 8)) & 1) == 0;
}

std::string_view ColumnView::Reason(size_t row) const {
  if (column_->reasons().empty()) return "";
  return ReasonName(
      static_cast<v1::NullReason>(static_cast<uint8_t>(column_->reasons()[Row(row)])));
}

DurationUs ColumnView::Age(size_t row) const {
  return column_->ages_us().empty() ? -1 : Fixed<int64_t>(column_->ages_us(), Row(row));
}

int32_t ColumnView::Offset(size_t index) const { return Fixed<int32_t>(column_->offsets(), index); }

int64_t ColumnView::Int(size_t row) const {
  if (type() == v1::COLUMN_TYPE_INT8) return Fixed<int8_t>(column_->values(), row);
  return Fixed<int64_t>(column_->values(), row);
}

double ColumnView::Number(size_t row) const {
  row = Row(row);
  switch (type()) {
    case v1::COLUMN_TYPE_FLOAT32:
      return static_cast<double>(Fixed<float>(column_->values(), row));
    case v1::COLUMN_TYPE_FLOAT64:
      return Fixed<double>(column_->values(), row);
    case v1::COLUMN_TYPE_INT64:
    case v1::COLUMN_TYPE_INT8:
      return static_cast<double>(Int(row));
    default:
      return 0;
  }
}

std::string_view ColumnView::String(size_t row) const {
  if (type() != v1::COLUMN_TYPE_STRING) return "";
  row = Row(row);
  const auto begin = static_cast<size_t>(Offset(row));
  return std::string_view(column_->values())
      .substr(begin, static_cast<size_t>(Offset(row + 1)) - begin);
}

std::string ColumnView::ListText(size_t row) const {
  const bool fixed = type() == v1::COLUMN_TYPE_FIXED_SIZE_LIST;
  const size_t begin = fixed ? row * column_->list_size() : static_cast<size_t>(Offset(row));
  const size_t end = fixed ? begin + column_->list_size() : static_cast<size_t>(Offset(row + 1));
  std::string out = "[";
  for (size_t i = begin; i < end && i < begin + kListElementsShown; ++i) {
    if (i > begin) out += ", ";
    out += child_->Text(i);
  }
  if (end - begin > kListElementsShown) {
    out += Concat(", … ", end - begin - kListElementsShown, " more");
  }
  return out + "]";
}

std::string ColumnView::Text(size_t row) const {
  row = Row(row);
  if (IsNull(row)) {
    const std::string_view reason = Reason(row);
    return reason.empty() ? "(null)" : Concat("(", reason, ")");
  }
  switch (type()) {
    case v1::COLUMN_TYPE_BOOL:
      return ToJson(row).get<bool>() ? "yes" : "no";
    case v1::COLUMN_TYPE_INT64:
    case v1::COLUMN_TYPE_INT8:
      return std::to_string(Int(row));
    case v1::COLUMN_TYPE_STRING:
      return std::string(String(row));
    case v1::COLUMN_TYPE_TIMESTAMP_US:
      return FormatTime(Int(row));
    case v1::COLUMN_TYPE_DURATION_US:
      return FormatSpan(Int(row));
    case v1::COLUMN_TYPE_LIST:
    case v1::COLUMN_TYPE_FIXED_SIZE_LIST:
      return ListText(row);
    default:
      return FormatNumber(Number(row));
  }
}

Json ColumnView::ToJson(size_t row) const {
  row = Row(row);
  if (IsNull(row)) return nullptr;
  switch (type()) {
    case v1::COLUMN_TYPE_BOOL:
      return ((static_cast<uint8_t>(column_->values()[row / 8]) >> (row % 8)) & 1) != 0;
    case v1::COLUMN_TYPE_INT64:
    case v1::COLUMN_TYPE_INT8:
      return Int(row);
    case v1::COLUMN_TYPE_STRING:
      return std::string(String(row));
    case v1::COLUMN_TYPE_TIMESTAMP_US:
      return FormatTime(Int(row));
    case v1::COLUMN_TYPE_DURATION_US:
      return static_cast<double>(Int(row)) / kSecondUs;
    case v1::COLUMN_TYPE_FLOAT32:
      return ShortestDouble(Fixed<float>(column_->values(), row));
    case v1::COLUMN_TYPE_LIST:
    case v1::COLUMN_TYPE_FIXED_SIZE_LIST: {
      const bool fixed = type() == v1::COLUMN_TYPE_FIXED_SIZE_LIST;
      const size_t begin = fixed ? row * column_->list_size() : static_cast<size_t>(Offset(row));
      const size_t end =
          fixed ? begin + column_->list_size() : static_cast<size_t>(Offset(row + 1));
      Json list = Json::array();
      for (size_t i = begin; i < end; ++i) list.push_back(child_->ToJson(i));
      return list;
    }
    default:
      return Number(row);
  }
}

}  // namespace larder::cli
