// SPDX-License-Identifier: Apache-2.0
#include "serving/column_codec.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/bytes.h"

namespace larder::serving {
namespace {

using registry::Column;
using registry::Kind;
using registry::Reason;
using registry::Type;

constexpr size_t kMaxArrowOffset = std::numeric_limits<int32_t>::max();

void SetBit(std::string& bits, size_t i) {
  bits[i / 8] = static_cast<char>(static_cast<uint8_t>(bits[i / 8]) | (1U << (i % 8)));
}

// Validity of `n` values; nothing if all are valid.
template <typename IsValid>
void EncodeValidity(size_t n, IsValid&& is_valid, v1::Column* out) {
  size_t valid = 0;
  for (size_t i = 0; i < n; ++i) valid += is_valid(i) ? 1 : 0;
  if (valid == n) return;
  std::string& bits = *out->mutable_validity();
  bits.assign((n + 7) / 8, '\0');
  for (size_t i = 0; i < n; ++i) {
    if (is_valid(i)) SetBit(bits, i);
  }
}

template <typename T>
void AppendRaw(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
void EncodeArray(v1::ColumnType type, std::span<const T> values, v1::Column* out) {
  out->set_type(type);
  out->set_values(std::string(AsBytes(values)));
}

Status EncodeStringValues(const registry::StringValues& strings, v1::Column* out) {
  out->set_type(v1::COLUMN_TYPE_STRING);
  if (strings.bytes.size() > kMaxArrowOffset) {
    return ResourceExhausted("column '", out->name(), "': strings take ", strings.bytes.size(),
                             " bytes, at most ", kMaxArrowOffset, " fit into a column");
  }
  std::string& offsets = *out->mutable_offsets();
  offsets.reserve((strings.size() + 1) * sizeof(int32_t));
  AppendRaw<uint32_t>(offsets, 0);
  offsets.append(AsBytes(std::span<const uint32_t>(strings.ends)));
  out->set_values(strings.bytes);
  return OkStatus();
}

// A double as the nearest int64.
int64_t ToInt(double value) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (!(value < kLimit)) return std::numeric_limits<int64_t>::max();
  if (value < -kLimit) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(std::nearbyint(value));
}

// Numbers of a column of any numeric kind, as T.
template <typename T>
void EncodeNumbers(v1::ColumnType type, const Column& column, v1::Column* out) {
  out->set_type(type);
  std::string& values = *out->mutable_values();
  const bool ints = column.type.kind == Kind::kInt64;
  const size_t n = ints ? column.ints.size() : column.doubles.size();
  values.resize(n * sizeof(T));
  for (size_t i = 0; i < n; ++i) {
    T value;
    if constexpr (std::is_same_v<T, int64_t>) {
      value = ints ? column.ints[i] : ToInt(column.doubles[i]);
    } else {
      value = ints ? static_cast<T>(column.ints[i]) : static_cast<T>(column.doubles[i]);
    }
    std::memcpy(values.data() + i * sizeof(T), &value, sizeof value);
  }
}

bool FitsFloat(double value) { return std::isfinite(static_cast<float>(value)); }

// `column`, of doubles, with null for what float32 cannot hold: infinities are no values (S1.8).
Column NullBeyondFloat(Column column) {
  for (size_t i = 0; i < column.doubles.size(); ++i) {
    if (FitsFloat(column.doubles[i])) continue;
    column.doubles[i] = 0;
    if (column.type.list && column.element_reasons.empty()) {
      column.element_reasons.resize(column.elements());
    }
    (column.type.list ? column.element_reasons : column.reasons)[i] = Reason::kInputNull;
  }
  return column;
}

void EncodeBools(const std::vector<int64_t>& values, v1::Column* out) {
  out->set_type(v1::COLUMN_TYPE_BOOL);
  std::string& bits = *out->mutable_values();
  bits.assign((values.size() + 7) / 8, '\0');
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] != 0) SetBit(bits, i);
  }
}

void EncodeVectorValues(const Column& column, v1::Column* out) {
  out->set_type(v1::COLUMN_TYPE_FIXED_SIZE_LIST);
  out->set_list_size(column.type.dimensions);
  v1::Column* child = out->mutable_child();
  if (column.type.int8) {
    child->set_rows(column.codes.size());
    EncodeArray(v1::COLUMN_TYPE_INT8, std::span<const int8_t>(column.codes), child);
  } else {
    child->set_rows(column.floats.size());
    EncodeArray(v1::COLUMN_TYPE_FLOAT32, std::span<const float>(column.floats), child);
  }
}

// The element values of `column` (for lists those of all rows), as kind `as`.
Status EncodeElements(const Column& column, const Type& as, v1::Column* out) {
  if (IsNumber(column.type.kind) && IsNumber(as.kind)) {
    switch (as.kind) {
      case Kind::kInt64: EncodeNumbers<int64_t>(v1::COLUMN_TYPE_INT64, column, out); break;
      case Kind::kFloat: EncodeNumbers<float>(v1::COLUMN_TYPE_FLOAT32, column, out); break;
      default: EncodeNumbers<double>(v1::COLUMN_TYPE_FLOAT64, column, out); break;
    }
    return OkStatus();
  }
  if (column.type.kind != as.kind) {
    return Internal("column '", out->name(), "' is ", column.type.Name(), ", declared as ",
                    as.Name());
  }
  switch (column.type.kind) {
    case Kind::kBool: EncodeBools(column.ints, out); break;
    case Kind::kTimestamp:
      EncodeArray(v1::COLUMN_TYPE_TIMESTAMP_US, std::span<const int64_t>(column.ints), out);
      break;
    case Kind::kDuration:
      EncodeArray(v1::COLUMN_TYPE_DURATION_US, std::span<const int64_t>(column.ints), out);
      break;
    case Kind::kString:
    case Kind::kKey: return EncodeStringValues(column.strings, out);
    case Kind::kVector: EncodeVectorValues(column, out); break;
    case Kind::kInt64:
    case Kind::kFloat:
    case Kind::kDouble: break;  // above
  }
  return OkStatus();
}

Status EncodeList(const Column& column, const Type& as, v1::Column* out) {
  out->set_type(v1::COLUMN_TYPE_LIST);
  if (column.elements() > kMaxArrowOffset) {
    return ResourceExhausted("column '", out->name(), "': ", column.elements(),
                             " elements, at most ", kMaxArrowOffset, " fit into a column");
  }
  out->set_offsets(std::string(AsBytes(std::span<const uint32_t>(column.offsets))));
  v1::Column* child = out->mutable_child();
  child->set_rows(column.elements());
  if (!column.element_reasons.empty()) {
    EncodeValidity(
        column.elements(), [&](size_t i) { return column.element_reasons[i] == Reason::kValid; },
        child);
  }
  return EncodeElements(column, as, child);
}

void EncodeReasons(const Column& column, v1::Column* out) {
  if (out->validity().empty()) return;
  std::string& bytes = *out->mutable_reasons();
  bytes.resize(column.rows);
  for (size_t i = 0; i < column.rows; ++i) bytes[i] = static_cast<char>(column.reasons[i]);
}

void EncodeAges(const Column& column, TimeUs now, v1::Column* out) {
  std::string& bytes = *out->mutable_ages_us();
  bytes.reserve(column.rows * sizeof(int64_t));
  for (size_t i = 0; i < column.rows; ++i) {
    const bool known = i < column.times.size() && column.times[i] != registry::kNoTime;
    AppendRaw<int64_t>(bytes, known ? now - column.times[i] : -1);
  }
}

template <typename T>
void EncodeOptionals(v1::ColumnType type, std::string_view name,
                     std::span<const std::optional<T>> values, v1::Column* out) {
  out->set_name(std::string(name));
  out->set_rows(values.size());
  out->set_type(type);
  EncodeValidity(
      values.size(), [&](size_t i) { return values[i].has_value(); }, out);
  std::string& bytes = *out->mutable_values();
  bytes.reserve(values.size() * sizeof(T));
  for (const std::optional<T>& value : values) AppendRaw<T>(bytes, value.value_or(T{}));
}

template <typename T>
void EncodeFixedSize(v1::ColumnType type, std::string_view name, std::span<const T> values,
                     size_t size, v1::Column* out) {
  out->set_name(std::string(name));
  out->set_type(v1::COLUMN_TYPE_FIXED_SIZE_LIST);
  out->set_list_size(static_cast<uint32_t>(size));
  out->set_rows(size == 0 ? 0 : values.size() / size);
  v1::Column* child = out->mutable_child();
  child->set_rows(values.size());
  EncodeArray(type, values, child);
}

}  // namespace

Status EncodeColumn(std::string_view name, const Column& column, const Type& as,
                    const EncodeOptions& options, v1::Column* out) {
  out->set_name(std::string(name));
  out->set_rows(column.rows);
  if (column.type.list != as.list) {
    return Internal("column '", name, "' is ", column.type.Name(), ", declared as ", as.Name());
  }
  if (as.kind == Kind::kFloat &&
      !std::all_of(column.doubles.begin(), column.doubles.end(), FitsFloat)) {
    return EncodeColumn(name, NullBeyondFloat(column), as, options, out);
  }
  EncodeValidity(
      column.rows, [&](size_t i) { return column.valid(i); }, out);
  LARDER_RETURN_IF_ERROR(as.list ? EncodeList(column, as, out) : EncodeElements(column, as, out));
  if (options.reasons) EncodeReasons(column, out);
  if (options.ages) EncodeAges(column, options.now, out);
  return OkStatus();
}

void EncodeStrings(std::string_view name, std::span<const std::string> values, v1::Column* out) {
  out->set_name(std::string(name));
  out->set_rows(values.size());
  out->set_type(v1::COLUMN_TYPE_STRING);
  std::string& offsets = *out->mutable_offsets();
  std::string& bytes = *out->mutable_values();
  offsets.reserve((values.size() + 1) * sizeof(int32_t));
  AppendRaw<uint32_t>(offsets, 0);
  for (const std::string& value : values) {
    bytes.append(value);
    AppendRaw(offsets, static_cast<uint32_t>(bytes.size()));
  }
}

void EncodeDoubles(std::string_view name, std::span<const std::optional<double>> values,
                   v1::Column* out) {
  EncodeOptionals<double>(v1::COLUMN_TYPE_FLOAT64, name, values, out);
}

void EncodeInts(std::string_view name, std::span<const std::optional<int64_t>> values,
                v1::Column* out) {
  EncodeOptionals<int64_t>(v1::COLUMN_TYPE_INT64, name, values, out);
}

void EncodeVectors(std::string_view name, std::span<const int8_t> values, size_t size,
                   v1::Column* out) {
  EncodeFixedSize(v1::COLUMN_TYPE_INT8, name, values, size, out);
}

void EncodeVectors(std::string_view name, std::span<const float> values, size_t size,
                   v1::Column* out) {
  EncodeFixedSize(v1::COLUMN_TYPE_FLOAT32, name, values, size, out);
}

void EncodeHalves(std::string_view name, std::span<const uint16_t> values, size_t size,
                  v1::Column* out) {
  EncodeFixedSize(v1::COLUMN_TYPE_FLOAT16, name, values, size, out);
}

}  // namespace larder::serving
