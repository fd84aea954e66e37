// SPDX-License-Identifier: Apache-2.0
#include "serving/text/vector_cache.h"

#include <algorithm>

namespace larder::serving {

bool VectorCache::Find(const Key& key, std::span<int8_t> codes, Facts& facts) {
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  const auto place = shard.places.find(key);
  if (place == shard.places.end() || place->second->codes.size() != codes.size()) return false;
  shard.entries.splice(shard.entries.begin(), shard.entries, place->second);
  std::copy(place->second->codes.begin(), place->second->codes.end(), codes.begin());
  facts = place->second->facts;
  return true;
}

void VectorCache::Insert(const Key& key, std::span<const int8_t> codes, Facts facts,
                         bool may_evict) {
  const size_t size = codes.size() + kEntryBytes;
  if (size > shard_bytes_) return;
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  if (shard.places.contains(key)) return;
  if (shard.bytes + size > shard_bytes_ && !may_evict) return;
  while (shard.bytes + size > shard_bytes_) {
    const Entry& last = shard.entries.back();
    shard.bytes -= last.codes.size() + kEntryBytes;
    shard.places.erase(last.key);
    shard.entries.pop_back();
    ++shard.evictions;
  }
  shard.entries.push_front({key, facts, {codes.begin(), codes.end()}});
  shard.places.emplace(key, shard.entries.begin());
  shard.bytes += size;
}

VectorCache::Stats VectorCache::GetStats() const {
  Stats stats;
  for (const Shard& shard : shards_) {
    MutexLock lock(shard.mu);
    stats.entries += shard.entries.size();
    stats.bytes += shard.bytes;
    stats.evictions += shard.evictions;
  }
  return stats;
}

}  // namespace larder::serving
