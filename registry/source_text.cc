// SPDX-License-Identifier: Apache-2.0
#include "registry/source_text.h"

namespace larder::registry {

std::string SourcePosition::ToString() const {
  return std::to_string(line) + ":" + std::to_string(column);
}

SourceText SourceText::Plain(std::string_view text, std::string_view file, SourcePosition begin) {
  SourceText source;
  source.text = text;
  source.file = file;
  source.positions.reserve(text.size() + 1);
  SourcePosition position = begin;
  for (size_t i = 0; i < text.size(); ++i) {
    source.positions.push_back(position);
    const bool more_of_code_point =
        i + 1 < text.size() && (static_cast<unsigned char>(text[i + 1]) & 0xC0) == 0x80;
    if (text[i] == '\n') {
      position = {position.line + 1, 1};
    } else if (!more_of_code_point) {
      ++position.column;
    }
  }
  source.positions.push_back(position);
  return source;
}

std::string Clipped(std::string_view text) {
  constexpr size_t kMaxBytes = 64;
  if (text.size() <= kMaxBytes) return std::string(text);
  size_t end = kMaxBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

}  // namespace larder::registry
