// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_SHORTEST_DOUBLE_H_
#define LARDER_CLI_SHORTEST_DOUBLE_H_

#include <array>
#include <charconv>

namespace larder::cli {

// The double whose shortest digits are the float's: 0.1 and not 0.10000000149011612.
inline double ShortestDouble(float value) {
  std::array<char, 32> digits;
  const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  auto shortest = static_cast<double>(value);
  std::from_chars(digits.data(), end, shortest);
  return shortest;
}

}  // namespace larder::cli

#endif  // LARDER_CLI_SHORTEST_DOUBLE_H_
