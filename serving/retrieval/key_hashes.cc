// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieval/key_hashes.h"

#include <utility>

#include "base/hash.h"

namespace larder::serving {

KeyHashes::Hashes KeyHashes::Get(const std::string& entity, size_t count,
                                 featurestore::Snapshot& snapshot) {
  Hashes known;
  {
    MutexLock lock(mu_);
    known = by_entity_[entity];
  }
  if (known != nullptr && known->size() >= count) return known;

  // Ordinals never change their keys, so two threads that do this at once do the same.
  auto grown = std::make_shared<std::vector<uint64_t>>();
  // Room for what comes next, so that a growing catalog is not copied for every key.
  grown->reserve(count + count / 8);
  if (known != nullptr) *grown = *known;
  for (size_t ordinal = grown->size(); ordinal < count; ++ordinal) {
    grown->push_back(
        Hash64(snapshot.KeyOf(entity, static_cast<registry::Ordinal>(ordinal))));
  }
  MutexLock lock(mu_);
  Hashes& slot = by_entity_[entity];
  if (slot == nullptr || slot->size() < grown->size()) slot = std::move(grown);
  return slot;
}

}  // namespace larder::serving
