// SPDX-License-Identifier: Apache-2.0
#include "serving/text/base64.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace larder::serving {

void AppendBase64(std::string_view bytes, std::string& out) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  out.reserve(out.size() + (bytes.size() + 2) / 3 * 4);
  for (; !bytes.empty(); bytes.remove_prefix(std::min<size_t>(bytes.size(), 3))) {
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0U);
    }
    for (size_t i = 0; i < 4; ++i) {
      out.push_back(i <= bytes.size() ? kAlphabet[group >> (18 - 6 * i) & 63] : '=');
    }
  }
}

}  // namespace larder::serving
