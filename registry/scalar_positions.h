// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_SCALAR_POSITIONS_H_
#define LARDER_REGISTRY_SCALAR_POSITIONS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace larder::registry {

// The offset in `file` of every byte of a YAML scalar's decoded `text`, plus one for its end.
//
// `begin` is where the scalar starts in the file: at its quote, its `|` or `>`, or its first
// character. The YAML parser's text is the authority; this only walks text and file together, so
// it works for plain, quoted, folded and literal scalars. Should they ever part, the rest gets the
// offset where they did.
// Order: never decreasing. Cost: O(bytes of the scalar in the file).
std::vector<uint32_t> ScalarPositions(std::string_view file, size_t begin, std::string_view text);

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_SCALAR_POSITIONS_H_
