// SPDX-License-Identifier: Apache-2.0
#include "registry/value.h"

#include <cmath>
#include <utility>

namespace larder::registry {
namespace {

Value OfKind(Kind kind) {
  Value value;
  value.type.kind = kind;
  return value;
}

Value OfInteger(Kind kind, int64_t integer) {
  Value value = OfKind(kind);
  value.integer = integer;
  return value;
}

}  // namespace

Value Value::Null(Type type, Reason reason) {
  Value value;
  value.type = std::move(type);
  value.reason = reason;
  return value;
}

Value Value::Bool(bool value) { return OfInteger(Kind::kBool, value ? 1 : 0); }
Value Value::Int(int64_t value) { return OfInteger(Kind::kInt64, value); }
Value Value::Timestamp(int64_t value) { return OfInteger(Kind::kTimestamp, value); }
Value Value::Duration(int64_t value) { return OfInteger(Kind::kDuration, value); }

Value Value::Double(double value) {
  Value result = OfKind(Kind::kDouble);
  if (std::isfinite(value)) {
    result.number = value;
  } else {
    result.reason = Reason::kInputNull;
  }
  return result;
}

Value Value::Text(std::string value) {
  Value result = OfKind(Kind::kString);
  result.text = std::move(value);
  return result;
}

}  // namespace larder::registry
