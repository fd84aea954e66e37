// SPDX-License-Identifier: Apache-2.0
#include "base/low_priority.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <new>

namespace larder {
namespace {

TEST(AtLowPriority, GivesWayAndLeavesTheCallerAsItWas) {
  const int before = getpriority(PRIO_PROCESS, 0);
  const auto inside =
      AtLowPriority([] { return std::make_unique<int>(getpriority(PRIO_PROCESS, 0)); });
  EXPECT_EQ(*inside, std::min(before + 10, 19));
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), before);
}

TEST(AtLowPriority, ThrowsWhatTheWorkThrows) {
  EXPECT_THROW(AtLowPriority([]() -> int { throw std::bad_alloc(); }), std::bad_alloc);
}

}  // namespace
}  // namespace larder
