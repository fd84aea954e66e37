// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_INTERNAL_PREFETCH_H_
#define LARDER_ANN_INTERNAL_PREFETCH_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace larder::ann {

// Asks for all cache lines of a span, so that they are under way when they are needed.
template <typename T>
void Prefetch(std::span<const T> values) {
  constexpr uintptr_t kLine = 64;
  const auto begin = reinterpret_cast<uintptr_t>(values.data());
  for (uintptr_t line = begin & ~(kLine - 1); line < begin + values.size_bytes(); line += kLine) {
    __builtin_prefetch(reinterpret_cast<const void*>(line));
  }
}

}  // namespace larder::ann

#endif  // LARDER_ANN_INTERNAL_PREFETCH_H_
