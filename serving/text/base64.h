// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_TEXT_BASE64_H_
#define LARDER_SERVING_TEXT_BASE64_H_

#include <string>
#include <string_view>

namespace larder::serving {

// Appends the bytes in the standard alphabet with padding (RFC 4648, section 4).
void AppendBase64(std::string_view bytes, std::string& out);

}  // namespace larder::serving

#endif  // LARDER_SERVING_TEXT_BASE64_H_
