// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_NUMBER_OPTION_H_
#define LARDER_CLI_NUMBER_OPTION_H_

#include <CLI/CLI.hpp>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/status.h"

namespace larder::cli {

// What a number may be, both ends included.
struct NumberRange {
  uint64_t low = 0;
  uint64_t high = std::numeric_limits<uint64_t>::max();
};

inline constexpr uint64_t kMaxUint32 = std::numeric_limits<uint32_t>::max();

// Decimal digits only: no sign, no "0x".
// Errors: kInvalidArgument saying what was expected and what came.
StatusOr<uint64_t> ParseNumber(std::string_view text, const NumberRange& range);

// Adds an option for a whole number, "what [default]" in the help. `field` must outlive the parsing
// and hold all of the range. Without `shown` the default is what `field` holds now.
template <typename Field>
CLI::Option* AddNumber(CLI::App* command, const std::string& names, Field& field,
                       const NumberRange& range, const std::string& what,
                       std::string shown = "") {
  if constexpr (std::integral<Field>) {
    if (shown.empty()) shown = std::to_string(field);
  }
  const auto set = [&field, range, names](const std::string& text) {
    const StatusOr<uint64_t> number = ParseNumber(text, range);
    if (!number.ok()) {
      throw CLI::ValidationError(names, std::string(Message(number.status())));
    }
    field = static_cast<Field>(*number);
  };
  return command->add_option_function<std::string>(names, set, Concat(what, " [", shown, "]"))
      ->type_name("N");
}

}  // namespace larder::cli

#endif  // LARDER_CLI_NUMBER_OPTION_H_
