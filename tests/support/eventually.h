// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_SUPPORT_EVENTUALLY_H_
#define LARDER_TESTS_SUPPORT_EVENTUALLY_H_

#include <chrono>
#include <thread>

namespace larder {

// Waits for what another thread brings about; false after ten seconds.
template <typename Condition>
bool Eventually(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace larder

#endif  // LARDER_TESTS_SUPPORT_EVENTUALLY_H_
