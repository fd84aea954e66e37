// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_FORMAT_H_
#define LARDER_CLI_FORMAT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"

namespace larder::cli {

// A number for people: at most five significant digits, "0.12346", "1500", "2.5e+07".
std::string FormatNumber(double value);
// With separators: "63,666".
std::string FormatCount(uint64_t value);
// "512 B", "1.5 MiB".
std::string FormatBytes(uint64_t bytes);
// A span for people, one unit: "12 ms", "3.4 s", "5 h", "12 d".
std::string FormatSpan(DurationUs span);

// Columns that `text` takes on a terminal: wide East Asian characters and emoji two, combining
// marks none. Bytes that are not UTF-8 count one each.
size_t DisplayWidth(std::string_view text);
// `text` cut to `width` columns, with "…" at its end if it was longer; control characters become
// spaces.
std::string Shorten(std::string_view text, size_t width);

// The name of a status code as gRPC has it: "INVALID_ARGUMENT".
std::string_view StatusCodeName(StatusCode code);

}  // namespace larder::cli

#endif  // LARDER_CLI_FORMAT_H_
