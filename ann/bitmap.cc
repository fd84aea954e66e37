// SPDX-License-Identifier: Apache-2.0
#include "ann/bitmap.h"

namespace larder::ann {
namespace {

// The compiler's baseline has no instruction for it and counts in a dozen steps.
#if defined(__x86_64__)
__attribute__((target("popcnt"))) size_t CountFast(std::span<const uint64_t> words) {
  size_t count = 0;
  for (const uint64_t word : words) count += static_cast<size_t>(__builtin_popcountll(word));
  return count;
}
#endif

size_t CountPlain(std::span<const uint64_t> words) {
  size_t count = 0;
  for (const uint64_t word : words) count += static_cast<size_t>(std::popcount(word));
  return count;
}

}  // namespace

size_t Bitmap::Count() const {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("popcnt")) return CountFast(words_);
#endif
  return CountPlain(words_);
}

}  // namespace larder::ann
