// SPDX-License-Identifier: Apache-2.0
#include "cli/input/line_reader.h"

#include <algorithm>

namespace larder::cli {
namespace {

constexpr size_t kKeptOfLongLine = 1'000;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

StatusOr<bool> LineReader::Next(Line& line) {
  line = Line{.text = std::move(line.text), .number = ++number_};
  line.text.clear();
  bool any = false;
  for (;;) {
    LARDER_ASSIGN_OR_RETURN(const std::string_view buffered, bytes_.Peek());
    if (buffered.empty()) break;
    any = true;
    const size_t end = buffered.find('\n');
    const std::string_view part = buffered.substr(0, end);
    line.size_bytes += part.size();
    // One byte more than allowed, so that a "\r" at the end does not count.
    if (line.size_bytes > max_bytes_ + 1) {
      line.too_long = true;
      line.text.append(part.substr(0, kKeptOfLongLine));
      line.text.resize(std::min(line.text.size(), kKeptOfLongLine));
    } else {
      line.text.append(part);
    }
    bytes_.Skip(end == std::string_view::npos ? buffered.size() : end + 1);
    if (end != std::string_view::npos) break;
  }
  if (!any) return false;
  if (!line.too_long && line.text.ends_with('\r')) line.text.pop_back();
  if (line.text.size() > max_bytes_) {
    line.too_long = true;
    line.text.resize(std::min(line.text.size(), kKeptOfLongLine));
  }
  if (line.number == 1 && line.text.starts_with(kByteOrderMark)) {
    line.text.erase(0, kByteOrderMark.size());
  }
  return true;
}

}  // namespace larder::cli
