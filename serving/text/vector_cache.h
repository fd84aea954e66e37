// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_TEXT_VECTOR_CACHE_H_
#define LARDER_SERVING_TEXT_VECTOR_CACHE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/sync.h"
#include "text/encoder.h"

namespace larder::serving {

// The vectors of the texts that were asked for last, by the content of the text: what a slow
// encoder need not do again. The least recently used go first.
//
// Thread-safety: thread-safe; a sixteenth of the texts shares a lock.
class VectorCache {
 public:
  // `max_bytes`: of vectors and what goes around them. 0: nothing is kept.
  explicit VectorCache(size_t max_bytes) : shard_bytes_(max_bytes / kShards) {}

  struct Key {
    Hash128 text;
    uint64_t text_bytes = 0;
    uint32_t encoder = 0;  // a number per digest
    text::TextRole role = text::TextRole::kDocument;
    bool operator==(const Key&) const = default;
  };
  // What is known beside the codes.
  struct Facts {
    uint32_t tokens = 0;
    bool truncated = false;
  };

  // Fills `codes`, which must have the size of what was inserted; false if it is not there.
  bool Find(const Key& key, std::span<int8_t> codes, Facts& facts);

  // Keeps a vector. Without `may_evict` only if there is room: work that passes over everything
  // once must not push out what is asked for again and again.
  void Insert(const Key& key, std::span<const int8_t> codes, Facts facts, bool may_evict);

  struct Stats {
    uint64_t entries = 0;
    uint64_t bytes = 0;
    uint64_t evictions = 0;  // since start
  };
  Stats GetStats() const;

  // What an entry takes beside its codes: the key and the nodes of a list and of a table.
  static constexpr size_t kEntryBytes = 192;

 private:
  static constexpr size_t kShards = 16;

  struct KeyHash {
    size_t operator()(const Key& key) const {
      return key.text.low ^ (key.encoder * 2 + static_cast<size_t>(key.role));
    }
  };
  struct Entry {
    Key key;
    Facts facts;
    std::vector<int8_t> codes;
  };
  struct Shard {
    mutable Mutex mu;
    std::list<Entry> entries ABSL_GUARDED_BY(mu);  // the last used first
    std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> places ABSL_GUARDED_BY(mu);
    size_t bytes ABSL_GUARDED_BY(mu) = 0;
    uint64_t evictions ABSL_GUARDED_BY(mu) = 0;
  };

  Shard& ShardOf(const Key& key) { return shards_[key.text.high % kShards]; }

  const size_t shard_bytes_;
  std::array<Shard, kShards> shards_;
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_TEXT_VECTOR_CACHE_H_
