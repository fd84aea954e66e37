// SPDX-License-Identifier: Apache-2.0
#include "serving/request_values.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/clock.h"
#include "serving/context.h"
#include "serving/known_names.h"

namespace larder::serving {
namespace {

using registry::Column;
using registry::Kind;
using registry::Reason;
using registry::Type;

// What a Value is, for messages.
std::string_view KindName(const v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kBoolValue: return "bool";
    case v1::Value::kInt64Value: return "int64";
    case v1::Value::kDoubleValue: return "double";
    case v1::Value::kText: return "text";
    case v1::Value::kTimestampValue: return "timestamp";
    case v1::Value::kDurationValue: return "duration";
    case v1::Value::kList: return "list";
    case v1::Value::kVectorF32Le:
    case v1::Value::kVectorI8: return "vector";
    case v1::Value::KIND_NOT_SET: return "null";
  }
  return "unknown";
}

Status Wrong(const Type& type, const v1::Value& value) {
  if (value.kind_case() == v1::Value::kText) {
    std::string_view shown = Utf8Prefix(value.text(), 40);
    if (!IsUtf8(shown)) shown = "bytes that are not UTF-8";
    return InvalidArgument("expected ", type.Name(), ", got '", shown, "'");
  }
  return InvalidArgument("expected ", type.Name(), ", got ", KindName(value));
}

template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Whole microseconds of a protobuf time, if it is one and in range.
std::optional<int64_t> Micros(int64_t seconds, int32_t nanos) {
  constexpr int64_t kMaxSeconds = 315'576'000'000;  // 10,000 years, protobuf's own bound
  if (seconds < -kMaxSeconds || seconds > kMaxSeconds) return std::nullopt;
  if (nanos <= -1'000'000'000 || nanos >= 1'000'000'000 || nanos % 1'000 != 0) return std::nullopt;
  return seconds * kSecondUs + nanos / 1'000;
}

StatusOr<int64_t> ToInteger(const Type& type, const v1::Value& value) {
  const bool text = value.kind_case() == v1::Value::kText;
  std::optional<int64_t> result;
  switch (type.kind) {
    case Kind::kBool:
      if (value.kind_case() == v1::Value::kBoolValue) result = value.bool_value() ? 1 : 0;
      if (text && value.text() == "true") result = 1;
      if (text && value.text() == "false") result = 0;
      break;
    case Kind::kInt64:
      if (value.kind_case() == v1::Value::kInt64Value) result = value.int64_value();
      if (text) result = ParseNumber<int64_t>(value.text());
      break;
    case Kind::kTimestamp:
      if (value.kind_case() == v1::Value::kTimestampValue) {
        result = Micros(value.timestamp_value().seconds(), value.timestamp_value().nanos());
      }
      if (text) {
        if (auto parsed = ParseTime(value.text()); parsed.ok()) result = *parsed;
      }
      break;
    default:
      if (value.kind_case() == v1::Value::kDurationValue) {
        result = Micros(value.duration_value().seconds(), value.duration_value().nanos());
      }
      if (text) {
        if (auto parsed = ParseDuration(value.text()); parsed.ok()) result = *parsed;
      }
      break;
  }
  if (!result.has_value()) return Wrong(type, value);
  return *result;
}

StatusOr<double> ToDouble(const Type& type, const v1::Value& value) {
  std::optional<double> result;
  if (value.kind_case() == v1::Value::kDoubleValue) result = value.double_value();
  if (value.kind_case() == v1::Value::kInt64Value) {
    result = static_cast<double>(value.int64_value());
  }
  if (value.kind_case() == v1::Value::kText) result = ParseNumber<double>(value.text());
  if (!result.has_value()) return Wrong(type, value);
  if (type.kind == Kind::kFloat) result = static_cast<double>(static_cast<float>(*result));
  if (!std::isfinite(*result)) return InvalidArgument("expected a finite ", type.Name());
  return *result;
}

StatusOr<std::string_view> ToText(const Type& type, const v1::Value& value) {
  if (value.kind_case() != v1::Value::kText) return Wrong(type, value);
  const std::string& text = value.text();
  if (type.kind == Kind::kKey) {
    LARDER_RETURN_IF_ERROR(CheckKey("value", text));
  } else if (text.size() > kMaxTextBytes) {
    return InvalidArgument("text of ", text.size(), " bytes, at most ", kMaxTextBytes);
  } else if (!IsUtf8(text)) {
    return InvalidArgument("text is not UTF-8");
  }
  return std::string_view(text);
}

Status AppendVector(const Type& type, const v1::Value& value, Column& out) {
  const size_t n = type.dimensions;
  if (type.int8) {
    if (value.kind_case() != v1::Value::kVectorI8) return Wrong(type, value);
    const std::string& bytes = value.vector_i8();
    if (bytes.size() != n) {
      return InvalidArgument("expected ", type.Name(), " of ", n, " codes, got ", bytes.size());
    }
    out.AppendCodes({reinterpret_cast<const int8_t*>(bytes.data()), n});
    return OkStatus();
  }
  if (value.kind_case() != v1::Value::kVectorF32Le) return Wrong(type, value);
  const std::string& bytes = value.vector_f32le();
  if (bytes.size() != n * sizeof(float)) {
    return InvalidArgument("expected ", type.Name(), " of ", n, " float32, got ", bytes.size(),
                           " bytes");
  }
  std::vector<float> floats(n);
  std::memcpy(floats.data(), bytes.data(), bytes.size());
  for (const float x : floats) {
    if (!std::isfinite(x)) return InvalidArgument("vector has a component that is not finite");
  }
  out.AppendFloats(floats);
  return OkStatus();
}

Status AppendList(const Type& type, const v1::Value& value, Column& out) {
  if (value.kind_case() != v1::Value::kList) return Wrong(type, value);
  if (static_cast<size_t>(value.list().values_size()) > kMaxListValues) {
    return InvalidArgument("list of ", value.list().values_size(), " values, at most ",
                             kMaxListValues);
  }
  const Type element = type.Element();
  for (const v1::Value& item : value.list().values()) {
    if (item.kind_case() == v1::Value::KIND_NOT_SET) {
      out.AddNull(Reason::kInputNull);
      continue;
    }
    switch (element.kind) {
      case Kind::kFloat:
      case Kind::kDouble: {
        LARDER_ASSIGN_OR_RETURN(const double number, ToDouble(element, item));
        out.AddDouble(number);
        break;
      }
      case Kind::kString:
      case Kind::kKey: {
        LARDER_ASSIGN_OR_RETURN(const std::string_view text, ToText(element, item));
        out.AddString(text);
        break;
      }
      case Kind::kVector: return Unimplemented("lists of vectors in a request");
      default: {
        LARDER_ASSIGN_OR_RETURN(const int64_t integer, ToInteger(element, item));
        out.AddInt(integer);
        break;
      }
    }
  }
  out.EndList();
  return OkStatus();
}

Status AppendValue(const Type& type, const v1::Value& value, Column& out) {
  if (value.kind_case() == v1::Value::KIND_NOT_SET) {
    out.AppendNull(Reason::kInputNull);
    return OkStatus();
  }
  if (type.list) return AppendList(type, value, out);
  switch (type.kind) {
    case Kind::kFloat:
    case Kind::kDouble: {
      LARDER_ASSIGN_OR_RETURN(const double number, ToDouble(type, value));
      out.AppendDouble(number);
      return OkStatus();
    }
    case Kind::kString:
    case Kind::kKey: {
      LARDER_ASSIGN_OR_RETURN(const std::string_view text, ToText(type, value));
      out.AppendString(text);
      return OkStatus();
    }
    case Kind::kVector: return AppendVector(type, value, out);
    default: {
      LARDER_ASSIGN_OR_RETURN(const int64_t integer, ToInteger(type, value));
      out.AppendInt(integer);
      return OkStatus();
    }
  }
}

// A name as a client sent it, fit for a message.
std::string Shown(std::string_view name) {
  return IsUtf8(name) ? std::string(Utf8Prefix(name, 100)) : std::string("(not UTF-8)");
}

}  // namespace

Status CheckKey(std::string_view what, std::string_view key) {
  if (key.empty() || key.size() > kMaxKeyBytes) {
    return InvalidArgument(what, ": a key has 1 to ", kMaxKeyBytes, " bytes, got ", key.size());
  }
  if (!IsUtf8(key)) return InvalidArgument(what, ": a key is UTF-8, got other bytes");
  return OkStatus();
}

StatusOr<std::vector<Column>> RequestColumns(std::span<const registry::RequestColumn> declared,
                                             const ValueMap& values) {
  std::vector<Column> columns;
  columns.reserve(declared.size());
  size_t used = 0;
  for (const registry::RequestColumn& declaration : declared) {
    Column& column = columns.emplace_back(Column::Of(declaration.type, 1));
    const auto it = values.find(declaration.name);
    if (it == values.end()) {
      column.AppendNull(Reason::kInputNull);
    } else {
      ++used;
      LARDER_RETURN_IF_ERROR(Annotate(AppendValue(declaration.type, it->second, column),
                                      Concat("request column '", declaration.name, "'")));
    }
    column.times.assign(1, registry::kNoTime);
  }
  if (used == values.size()) return columns;
  for (const auto& [name, value] : values) {
    bool known = false;
    for (const registry::RequestColumn& declaration : declared) known |= declaration.name == name;
    if (!known) {
      return InvalidArgument("unknown request column '", Shown(name), "'",
                             ExpectedOneOf(declared));
    }
  }
  return columns;
}

Column KeyColumn(std::string_view entity, std::span<const std::string_view> keys,
                 std::vector<registry::Ordinal> ordinals) {
  Column column = Column::Of(Type{.kind = Kind::kKey, .of = std::string(entity)}, keys.size());
  for (const std::string_view key : keys) column.AppendString(key);
  column.ordinals = std::move(ordinals);
  column.times.assign(keys.size(), registry::kNoTime);
  return column;
}

StatusOr<std::vector<Column>> RoleColumns(std::span<const registry::Role> roles, const KeyMap& keys,
                                          registry::FeatureReader& reader) {
  for (const auto& [name, key] : keys) {
    bool known = false;
    for (const registry::Role& role : roles) known |= role.name == name && !role.candidate;
    if (!known) {
      std::vector<registry::Role> sendable(roles.begin(), roles.end());
      std::erase_if(sendable, [](const registry::Role& role) { return role.candidate; });
      return InvalidArgument("unknown role '", Shown(name), "'", ExpectedOneOf(sendable));
    }
    LARDER_RETURN_IF_ERROR(CheckKey(Concat("role '", name, "'"), key));
  }
  std::vector<Column> columns;
  columns.reserve(roles.size());
  for (const registry::Role& role : roles) {
    const auto it = role.candidate ? keys.end() : keys.find(role.name);
    if (it != keys.end()) {
      const std::string_view key = it->second;
      std::vector<registry::Ordinal> ordinal(1, registry::kNoOrdinal);
      reader.FindKeys(role.entity, {&key, 1}, ordinal);
      columns.push_back(KeyColumn(role.entity, {&key, 1}, std::move(ordinal)));
      continue;
    }
    Column& column = columns.emplace_back(KeyColumn(role.entity, {}, {}));
    if (role.candidate) continue;
    column.AppendNull(Reason::kNotFound);
    column.ordinals.assign(1, registry::kNoOrdinal);
    column.times.assign(1, registry::kNoTime);
  }
  return columns;
}

}  // namespace larder::serving
