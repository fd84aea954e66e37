// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_INTERNAL_CHECK_RANGE_H_
#define LARDER_TEXT_INTERNAL_CHECK_RANGE_H_

#include <concepts>
#include <string_view>
#include <type_traits>

#include "base/status.h"

namespace larder::text::internal {

// Errors: kInvalidArgument naming the option unless min <= value <= max.
template <std::integral Number>
Status CheckRange(std::string_view name, Number value, std::type_identity_t<Number> min,
                  std::type_identity_t<Number> max) {
  if (value >= min && value <= max) return OkStatus();
  return InvalidArgument(name, " is ", value, ", expected ", min, " to ", max);
}

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_INTERNAL_CHECK_RANGE_H_
