// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_INTERNAL_ZONE_H_
#define LARDER_REGISTRY_INTERNAL_ZONE_H_

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace larder::registry::internal {

// The offset from UTC of "UTC" or of a fixed offset "+02:00", "-05:30" (up to 18 hours); nullopt
// for anything else. Named zones need zone data pinned with kSemantics (L3.2) and are not supported
// yet.
std::optional<DurationUs> ZoneOffset(std::string_view zone);

}  // namespace larder::registry::internal

#endif  // LARDER_REGISTRY_INTERNAL_ZONE_H_
