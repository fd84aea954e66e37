// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_INTERNAL_JSON_H_
#define LARDER_TEXT_INTERNAL_JSON_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace larder::text::internal {

// A parsed JSON value, owned. Most documents are a few kilobytes; vocabularies are the largest.
struct Json {
  enum class Kind { kNull, kBool, kInteger, kDouble, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  bool boolean = false;
  int64_t integer = 0;
  double number = 0;  // also set for kInteger
  std::string text;
  std::vector<Json> items;
  std::map<std::string, Json, std::less<>> members;

  bool is(Kind k) const { return kind == k; }
  // Null if this is no object or has no such member.
  const Json* Find(std::string_view key) const;
};

// Parses one JSON document. Duplicate keys are refused (readers would disagree about them), as
// are more than 32 levels and more than 1,200,000 values. An integer beyond int64 is a kDouble:
// other programs write such ones (a tokenizer's model_max_length of 10^30, for "no limit").
// Errors: kDataLoss, "`file`: …".
StatusOr<Json> ParseJson(std::string_view text, std::string_view file);

// `text` as a JSON string with its quotes. `text` must be UTF-8.
std::string JsonString(std::string_view text);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_INTERNAL_JSON_H_
