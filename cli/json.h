// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_JSON_H_
#define LARDER_CLI_JSON_H_

#include <nlohmann/json.hpp>
#include <string>

namespace larder::cli {

// Objects keep the order in which their members were added.
using Json = nlohmann::ordered_json;

// On one line; bytes that are not UTF-8 become U+FFFD.
inline std::string DumpJson(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace larder::cli

#endif  // LARDER_CLI_JSON_H_
