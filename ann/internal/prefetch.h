// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_INTERNAL_PREFETCH_H_
#define LARDER_ANN_INTERNAL_PREFETCH_H_

#include <cstddef>
#include <span>

namespace larder::ann {

// Asks for all cache lines of a span, so that they are under way when they are needed.
template <typename T>
void Prefetch(std::span<const T> values) {
  const char* bytes = reinterpret_cast<const char*>(values.data());
  for (size_t i = 0; i < values.size_bytes(); i += 64) __builtin_prefetch(bytes + i);
}

}  // namespace larder::ann

#endif  // LARDER_ANN_INTERNAL_PREFETCH_H_
