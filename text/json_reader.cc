// SPDX-License-Identifier: Apache-2.0
#include "text/internal/json_reader.h"

#include <utility>

namespace larder::text::internal {

StatusOr<JsonReader> JsonReader::Of(const Json& json, std::string where) {
  if (!json.is(Json::Kind::kObject)) return DataLoss(where, ": expected an object");
  return JsonReader(json, std::move(where));
}

const Json* JsonReader::Find(std::string_view key) const {
  const Json* value = json_->Find(key);
  return value == nullptr || value->is(Json::Kind::kNull) ? nullptr : value;
}

StatusOr<const Json*> JsonReader::Get(std::string_view key, Json::Kind kind,
                                      std::string_view what) const {
  const Json* value = json_->Find(key);
  if (value == nullptr) return DataLoss(where_, ": '", key, "' is missing");
  if (!value->is(kind)) return DataLoss(where_, ": '", key, "' is no ", what);
  return value;
}

StatusOr<std::string> JsonReader::Text(std::string_view key) const {
  LARDER_ASSIGN_OR_RETURN(const Json* value, Get(key, Json::Kind::kString, "text"));
  return value->text;
}

StatusOr<bool> JsonReader::Bool(std::string_view key) const {
  LARDER_ASSIGN_OR_RETURN(const Json* value, Get(key, Json::Kind::kBool, "truth value"));
  return value->boolean;
}

StatusOr<bool> JsonReader::BoolOr(std::string_view key, bool missing) const {
  return Find(key) == nullptr ? StatusOr<bool>(missing) : Bool(key);
}

}  // namespace larder::text::internal
