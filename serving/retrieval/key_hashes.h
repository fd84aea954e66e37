// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_RETRIEVAL_KEY_HASHES_H_
#define LARDER_SERVING_RETRIEVAL_KEY_HASHES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/sync.h"
#include "featurestore/store.h"

namespace larder::serving {

// A hash of the key of every ordinal, computed once per key: `sample` draws by key and not by
// ordinal, so that the same request draws the same candidates after a restart too.
//
// Memory: 8 bytes per key. Thread-safety: thread-safe.
class KeyHashes {
 public:
  using Hashes = std::shared_ptr<const std::vector<uint64_t>>;

  // Hashes of the ordinals below `count` at least, of an entity whose keys `snapshot` has.
  Hashes Get(const std::string& entity, size_t count, featurestore::Snapshot& snapshot);

 private:
  Mutex mu_;
  std::map<std::string, Hashes> by_entity_ ABSL_GUARDED_BY(mu_);
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_RETRIEVAL_KEY_HASHES_H_
