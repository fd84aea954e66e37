// SPDX-License-Identifier: Apache-2.0
#include "registry/type.h"

namespace larder::registry {
namespace {

std::string ElementName(const Type& type) {
  switch (type.kind) {
    case Kind::kBool: return "bool";
    case Kind::kInt64: return "int64";
    case Kind::kFloat: return "float";
    case Kind::kDouble: return "double";
    case Kind::kString: return "string";
    case Kind::kTimestamp: return "timestamp";
    case Kind::kDuration: return "duration";
    case Kind::kKey: return "key<" + type.of + ">";
    case Kind::kVector:
      return "vector<" + (type.of.empty() ? std::to_string(type.dimensions) : type.of) + ">";
  }
  return "unknown";
}

}  // namespace

std::string Type::Name() const {
  return list ? "list<" + ElementName(*this) + ">" : ElementName(*this);
}

const char* ReasonName(Reason reason) {
  switch (reason) {
    case Reason::kValid: return "valid";
    case Reason::kNotFound: return "not_found";
    case Reason::kDeleted: return "deleted";
    case Reason::kExpired: return "expired";
    case Reason::kEmpty: return "empty";
    case Reason::kInputNull: return "input_null";
    case Reason::kNeverComputed: return "never_computed";
    case Reason::kQuarantined: return "quarantined";
    case Reason::kErased: return "erased";
    case Reason::kTooManyKeys: return "too_many_keys";
    case Reason::kTooManyEvents: return "too_many_events";
    case Reason::kPending: return "pending";
    case Reason::kFailed: return "failed";
  }
  return "unknown";
}

}  // namespace larder::registry
