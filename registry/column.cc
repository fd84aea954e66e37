// SPDX-License-Identifier: Apache-2.0
#include "registry/column.h"

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace larder::registry {
namespace {

// A null element's entry in the value array.
void AddEmptyValue(Column& column) {
  switch (column.type.kind) {
    case Kind::kBool:
    case Kind::kInt64:
    case Kind::kTimestamp:
    case Kind::kDuration: column.ints.push_back(0); return;
    case Kind::kFloat:
    case Kind::kDouble: column.doubles.push_back(0); return;
    case Kind::kString:
    case Kind::kKey: column.strings.push_back({}); return;
    case Kind::kVector:
      if (column.type.int8) {
        column.codes.resize(column.codes.size() + column.type.dimensions);
      } else {
        column.floats.resize(column.floats.size() + column.type.dimensions);
      }
      return;
  }
}

void CopyValue(const Column& from, size_t element, Column& to) {
  switch (from.type.kind) {
    case Kind::kBool:
    case Kind::kInt64:
    case Kind::kTimestamp:
    case Kind::kDuration: to.ints.push_back(from.ints[element]); return;
    case Kind::kFloat:
    case Kind::kDouble: to.doubles.push_back(from.doubles[element]); return;
    case Kind::kString:
    case Kind::kKey: to.strings.push_back(from.strings[element]); return;
    case Kind::kVector: {
      const size_t size = from.type.dimensions;
      const auto begin = static_cast<std::ptrdiff_t>(element * size);
      const auto end = static_cast<std::ptrdiff_t>((element + 1) * size);
      if (from.type.int8) {
        to.codes.insert(to.codes.end(), from.codes.begin() + begin, from.codes.begin() + end);
      } else {
        to.floats.insert(to.floats.end(), from.floats.begin() + begin, from.floats.begin() + end);
      }
      return;
    }
  }
}

// How many elements the value array holds.
size_t ValueCount(const Column& column) {
  switch (column.type.kind) {
    case Kind::kBool:
    case Kind::kInt64:
    case Kind::kTimestamp:
    case Kind::kDuration: return column.ints.size();
    case Kind::kFloat:
    case Kind::kDouble: return column.doubles.size();
    case Kind::kString:
    case Kind::kKey: return column.strings.size();
    case Kind::kVector: {
      const size_t values = column.type.int8 ? column.codes.size() : column.floats.size();
      return column.type.dimensions == 0 ? 0 : values / column.type.dimensions;
    }
  }
  return 0;
}

void EndRow(Column& column, Reason reason) {
  if (column.type.list) column.offsets.push_back(static_cast<uint32_t>(ValueCount(column)));
  column.reasons.push_back(reason);
  ++column.rows;
}

// Call after an element has been added to the value array.
void AddReason(Column& column, Reason reason) {
  if (reason == Reason::kValid && column.element_reasons.empty()) return;
  column.element_reasons.resize(ValueCount(column) - 1, Reason::kValid);
  column.element_reasons.push_back(reason);
}

}  // namespace

void Column::AppendNull(Reason reason) {
  if (!type.list) AddEmptyValue(*this);
  EndRow(*this, reason);
}

void Column::AppendInt(int64_t value) {
  ints.push_back(value);
  EndRow(*this, Reason::kValid);
}

void Column::AppendDouble(double value) {
  doubles.push_back(value);
  EndRow(*this, Reason::kValid);
}

void Column::AppendString(std::string_view value) {
  strings.push_back(value);
  EndRow(*this, Reason::kValid);
}

void Column::AppendCodes(std::span<const int8_t> vector) {
  LARDER_CHECK(vector.size() == type.dimensions);
  codes.insert(codes.end(), vector.begin(), vector.end());
  EndRow(*this, Reason::kValid);
}

void Column::AppendFloats(std::span<const float> vector) {
  LARDER_CHECK(vector.size() == type.dimensions);
  floats.insert(floats.end(), vector.begin(), vector.end());
  EndRow(*this, Reason::kValid);
}

void Column::AddInt(int64_t value) {
  ints.push_back(value);
  AddReason(*this, Reason::kValid);
}

void Column::AddDouble(double value) {
  doubles.push_back(value);
  AddReason(*this, Reason::kValid);
}

void Column::AddString(std::string_view value) {
  strings.push_back(value);
  AddReason(*this, Reason::kValid);
}

void Column::AddNull(Reason reason) {
  AddEmptyValue(*this);
  AddReason(*this, reason);
}

void Column::EndList() { EndRow(*this, Reason::kValid); }

void Column::AppendRow(const Column& from, size_t row) {
  if (!from.times.empty() && times.size() == rows) times.push_back(from.times[row]);
  if (!type.list) {
    CopyValue(from, row, *this);
    EndRow(*this, from.reasons[row]);
    return;
  }
  for (size_t element = from.offsets[row]; element < from.offsets[row + 1]; ++element) {
    CopyValue(from, element, *this);
    AddReason(*this, from.element_reason(element));
  }
  EndRow(*this, from.reasons[row]);
}

Column Column::Of(Type type, size_t reserve_rows) {
  Column column;
  column.type = std::move(type);
  column.reasons.reserve(reserve_rows);
  if (column.type.list) {
    column.offsets.reserve(reserve_rows + 1);
    column.offsets.push_back(0);
    return column;
  }
  switch (column.type.kind) {
    case Kind::kBool:
    case Kind::kInt64:
    case Kind::kTimestamp:
    case Kind::kDuration: column.ints.reserve(reserve_rows); break;
    case Kind::kFloat:
    case Kind::kDouble: column.doubles.reserve(reserve_rows); break;
    case Kind::kString:
    case Kind::kKey: column.strings.ends.reserve(reserve_rows); break;
    case Kind::kVector:
      if (column.type.int8) {
        column.codes.reserve(reserve_rows * column.type.dimensions);
      } else {
        column.floats.reserve(reserve_rows * column.type.dimensions);
      }
      break;
  }
  return column;
}

}  // namespace larder::registry
