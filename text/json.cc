// SPDX-License-Identifier: Apache-2.0
#include "text/internal/json.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>
#include <utility>

namespace larder::text::internal {
namespace {

constexpr int kMaxDepth = 32;
// Some 200 bytes each: a vocabulary of a million pieces and what is around it.
constexpr size_t kMaxValues = 1'200'000;

// `values` counts those of the whole document.
StatusOr<Json> Convert(simdjson::dom::element element, std::string_view file, int depth,
                       size_t& values) {
  if (depth > kMaxDepth) return DataLoss(file, ": more than ", kMaxDepth, " levels of nesting");
  if (++values > kMaxValues) return DataLoss(file, ": more than ", kMaxValues, " values");
  Json json;
  switch (element.type()) {
    case simdjson::dom::element_type::NULL_VALUE: break;
    case simdjson::dom::element_type::BOOL:
      json.kind = Json::Kind::kBool;
      json.boolean = element.get_bool().value_unsafe();
      break;
    case simdjson::dom::element_type::INT64:
      json.kind = Json::Kind::kInteger;
      json.integer = element.get_int64().value_unsafe();
      json.number = static_cast<double>(json.integer);
      break;
    case simdjson::dom::element_type::UINT64:
      json.kind = Json::Kind::kDouble;
      json.number = static_cast<double>(element.get_uint64().value_unsafe());
      break;
    case simdjson::dom::element_type::DOUBLE:
      json.kind = Json::Kind::kDouble;
      json.number = element.get_double().value_unsafe();
      break;
    case simdjson::dom::element_type::STRING:
      json.kind = Json::Kind::kString;
      json.text = std::string(element.get_string().value_unsafe());
      break;
    case simdjson::dom::element_type::ARRAY: {
      json.kind = Json::Kind::kArray;
      const simdjson::dom::array array = element.get_array().value_unsafe();
      for (const simdjson::dom::element item : array) {
        LARDER_ASSIGN_OR_RETURN(Json value, Convert(item, file, depth + 1, values));
        json.items.push_back(std::move(value));
      }
      break;
    }
    case simdjson::dom::element_type::OBJECT: {
      json.kind = Json::Kind::kObject;
      const simdjson::dom::object object = element.get_object().value_unsafe();
      for (const auto& [key, member] : object) {
        LARDER_ASSIGN_OR_RETURN(Json value, Convert(member, file, depth + 1, values));
        if (!json.members.emplace(std::string(key), std::move(value)).second) {
          return DataLoss(file, ": the key '", key, "' stands twice in one object");
        }
      }
      break;
    }
  }
  return json;
}

bool IsBeyondInt64(std::string_view number) {
  int64_t value = 0;
  return number.find_first_of(".eE") == std::string_view::npos &&
         std::from_chars(number.data(), number.data() + number.size(), value).ec ==
             std::errc::result_out_of_range;
}

// The text with "e0" after every integer beyond int64: the parser takes it for a double then. What
// is no JSON stays none.
std::string WithLongIntegersAsDoubles(std::string_view text) {
  std::string out;
  bool quoted = false;
  while (!text.empty()) {
    size_t size = 1;
    const char first = text.front();
    bool is_long = false;
    if (quoted && first == '\\') {
      size = std::min<size_t>(2, text.size());
    } else if (first == '"') {
      quoted = !quoted;
    } else if (!quoted && (first == '-' || (first >= '0' && first <= '9'))) {
      size = std::min(text.find_first_not_of("+-.0123456789Ee"), text.size());
      is_long = IsBeyondInt64(text.substr(0, size));
    }
    out += text.substr(0, size);
    if (is_long) out += "e0";
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace

const Json* Json::Find(std::string_view key) const {
  const auto found = members.find(key);
  return found == members.end() ? nullptr : &found->second;
}

StatusOr<Json> ParseJson(std::string_view text, std::string_view file) {
  simdjson::dom::parser parser;
  auto result = parser.parse(text.data(), text.size());
  if (result.error() == simdjson::NUMBER_ERROR) {
    const std::string changed = WithLongIntegersAsDoubles(text);
    result = parser.parse(changed.data(), changed.size());
  }
  if (result.error() != simdjson::SUCCESS) {
    return DataLoss(file, ": not JSON: ", simdjson::error_message(result.error()));
  }
  size_t values = 0;
  return Convert(result.value_unsafe(), file, 0, values);
}

std::string JsonString(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out.push_back(kHex[static_cast<size_t>(c) >> 4]);
      out.push_back(kHex[static_cast<size_t>(c) & 15]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

}  // namespace larder::text::internal
