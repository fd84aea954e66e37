// SPDX-License-Identifier: Apache-2.0
#include "registry/scalar_positions.h"

#include <algorithm>

namespace larder::registry {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Walks the file beside the decoded text.
class Walker {
 public:
  Walker(std::string_view file, size_t begin) : file_(file), at_(begin) {
    const char first = at_ < file_.size() ? file_[at_] : '\0';
    if (first == '"' || first == '\'') {
      quote_ = first;
      ++at_;
    } else if (first == '|' || first == '>') {
      SkipBlockHeader();
    }
  }

  // Finds `text` from here on.
  std::vector<uint32_t> Walk(std::string_view text) {
    std::vector<uint32_t> positions;
    positions.reserve(text.size() + 1);
    while (positions.size() < text.size() && !lost_) Step(text, positions);
    positions.resize(text.size() + 1, static_cast<uint32_t>(std::min(at_, file_.size())));
    return positions;
  }

 private:
  void SkipBlockHeader() {
    while (at_ < file_.size() && file_[at_] != '\n') ++at_;
    if (at_ < file_.size()) ++at_;
  }

  void SkipSpace() {
    while (at_ < file_.size() && IsSpace(file_[at_])) ++at_;
  }

  // Adds the positions of the next one or more bytes of `text`.
  void Step(std::string_view text, std::vector<uint32_t>& positions) {
    const char wanted = text[positions.size()];
    // What a folded line break became is a space or a line feed: its exact place does not matter.
    if (!IsSpace(wanted)) SkipSpace();
    if (at_ >= file_.size()) {
      lost_ = true;
      return;
    }
    if (quote_ == '"' && file_[at_] == '\\') return StepEscape(text, positions);
    if (quote_ == '"' && IsSpace(wanted)) return StepSpace(text, positions);
    positions.push_back(static_cast<uint32_t>(at_));
    if (IsSpace(wanted)) {
      if (file_[at_] == wanted) ++at_;
      return;
    }
    if (file_[at_] != wanted) {
      lost_ = true;
      return;
    }
    at_ += quote_ == '\'' && wanted == '\'' ? 2 : 1;
  }

  // Blanks in double quotes: those around a line break are folded into one blank, or into one line
  // feed for each empty line between.
  void StepSpace(std::string_view text, std::vector<uint32_t>& positions) {
    const size_t start = at_;
    size_t end = at_;
    while (end < file_.size() && IsSpace(file_[end])) ++end;
    const auto breaks = static_cast<size_t>(std::count(file_.begin() + start, file_.begin() + end,
                                                       '\n'));
    at_ = breaks > 0 ? end : std::min(at_ + 1, end);
    const size_t made = std::min(breaks > 2 ? breaks - 1 : 1, text.size() - positions.size());
    positions.insert(positions.end(), made, static_cast<uint32_t>(start));
  }

  // A backslash in double quotes: all bytes that it makes stand where it stands.
  void StepEscape(std::string_view text, std::vector<uint32_t>& positions) {
    const size_t start = at_;
    const char kind = at_ + 1 < file_.size() ? file_[at_ + 1] : '\0';
    if (kind == '\n' || kind == '\r') {  // a line continued: nothing is made
      ++at_;
      SkipSpace();
      return;
    }
    const size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    at_ = std::min(at_ + 2 + digits, file_.size());
    size_t made = 1;
    const size_t next = positions.size();
    if (digits > 0 || kind == 'N' || kind == '_' || kind == 'L' || kind == 'P') {
      while (next + made < text.size() && (text[next + made] & 0xC0) == 0x80) ++made;
    }
    positions.insert(positions.end(), made, static_cast<uint32_t>(start));
  }

  std::string_view file_;
  size_t at_;
  char quote_ = '\0';
  bool lost_ = false;
};

}  // namespace

std::vector<uint32_t> ScalarPositions(std::string_view file, size_t begin, std::string_view text) {
  return Walker(file, begin).Walk(text);
}

}  // namespace larder::registry
