// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_INTERNAL_LOWER_CASE_H_
#define LARDER_REGISTRY_INTERNAL_LOWER_CASE_H_

#include <string>
#include <string_view>

namespace larder::registry::internal {

// The small letter of one code point: Unicode's simple lower-case mapping for Latin (ASCII,
// Latin-1, Extended-A), basic Greek and Cyrillic (up to U+052F); everything else is itself. The
// ranges are written out here, not asked of the C library or a Unicode package, whose answers
// change.
char32_t LowerCodePoint(char32_t c);

// Appends `text` (valid UTF-8) in small letters to `out`.
void AppendLower(std::string_view text, std::string& out);

// The number of code points of valid UTF-8.
size_t CountCodePoints(std::string_view text);

}  // namespace larder::registry::internal

#endif  // LARDER_REGISTRY_INTERNAL_LOWER_CASE_H_
