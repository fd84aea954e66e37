// SPDX-License-Identifier: Apache-2.0
#include "featurestore/evict.h"

#include <algorithm>

namespace larder::featurestore {
namespace {

constexpr size_t kSliceKeys = 256;  // under one hold of the writer lock

}  // namespace

void EvictCleanKeys(StoreState& state, SharedMutex& lock, Checkpointer& checkpointer,
                    size_t cached_keys) {
  checkpointer.WhileIdle([&] {
    for (const auto& entity : state.entities()) {
      if (entity->resident() || entity->keys().size() <= cached_keys) continue;
      // At most two rounds: the first may only clear the marks of keys in use.
      size_t looks = size_t{2} * entity->keys().end();
      while (looks > 0 && entity->keys().size() > cached_keys) {
        WriterLock writer(lock);
        const size_t surplus = entity->keys().size() - cached_keys;
        const size_t looked =
            entity->Evict(std::min(surplus, kSliceKeys), std::min(looks, kSliceKeys));
        looks -= std::min(looks, std::max<size_t>(looked, 1));
      }
    }
  });
}

}  // namespace larder::featurestore
