// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_SOURCE_TEXT_H_
#define LARDER_REGISTRY_SOURCE_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

namespace larder::registry {

// A place in a file of definitions.
struct SourcePosition {
  int line = 0;    // 1-based
  int column = 0;  // 1-based, in code points
  bool operator==(const SourcePosition&) const = default;
  // "3:14"
  std::string ToString() const;
};

// The text of one expression and where each of its bytes stands in its file, so that errors have
// true positions also inside folded and quoted YAML scalars.
struct SourceText {
  std::string text;
  std::string file;
  std::vector<SourcePosition> positions;  // one per byte of `text`, plus one for its end

  // Text that stands in the file just as it is, beginning at `begin`.
  static SourceText Plain(std::string_view text, std::string_view file = "",
                          SourcePosition begin = {1, 1});
};

// `text` as messages quote it: the first 64 bytes and "…" if it is longer, cut between code points.
std::string Clipped(std::string_view text);

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_SOURCE_TEXT_H_
