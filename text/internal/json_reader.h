// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_INTERNAL_JSON_READER_H_
#define LARDER_TEXT_INTERNAL_JSON_READER_H_

#include <string>
#include <string_view>

#include "base/status.h"
#include "text/internal/json.h"

namespace larder::text::internal {

// Reads members of one object of a file that somebody else's program wrote: members that nobody
// asks for are not looked at. The value must outlive the reader.
//
// Errors: kDataLoss "`where`: 'key' is missing" or "… is no text".
// Thread-safety: thread-safe.
class JsonReader {
 public:
  // `where` names the object in messages.
  static StatusOr<JsonReader> Of(const Json& json, std::string where);

  // Null if the member is missing or null.
  const Json* Find(std::string_view key) const;
  // `what` names the kind in messages.
  StatusOr<const Json*> Get(std::string_view key, Json::Kind kind, std::string_view what) const;
  StatusOr<std::string> Text(std::string_view key) const;
  StatusOr<bool> Bool(std::string_view key) const;
  // `missing` if the member is missing or null.
  StatusOr<bool> BoolOr(std::string_view key, bool missing) const;

  const std::string& where() const { return where_; }

 private:
  JsonReader(const Json& json, std::string where) : json_(&json), where_(std::move(where)) {}
  const Json* json_;
  std::string where_;
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_INTERNAL_JSON_READER_H_
