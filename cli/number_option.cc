// SPDX-License-Identifier: Apache-2.0
#include "cli/number_option.h"

#include <charconv>

namespace larder::cli {

StatusOr<uint64_t> ParseNumber(std::string_view text, const NumberRange& range) {
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end && value >= range.low && value <= range.high) {
    return value;
  }
  return InvalidArgument("expected a whole number of ", range.low, " to ", range.high, ", got '",
                         text, "'");
}

}  // namespace larder::cli
