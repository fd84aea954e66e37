// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_KEY_TABLE_H_
#define LARDER_FEATURESTORE_KEY_TABLE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "featurestore/chunked_array.h"
#include "registry/column.h"

namespace larder::featurestore {

// The keys of one entity and their dense ordinals. An ordinal of a key that was removed is given
// to a later key.
//
// Thread-safety: one writer, which excludes readers; the writer itself may read at any time.
// Cost: about 60 bytes a key; a look-up of many keys at once overlaps its cache misses.
class KeyTable {
 public:
  KeyTable();

  // kNoOrdinal if the key is not here.
  registry::Ordinal Find(std::string_view key) const;
  void FindAll(std::span<const std::string_view> keys, std::span<registry::Ordinal> out) const;
  // The ordinal of the key, which is added if it is new. Views of keys last until Remove.
  registry::Ordinal Add(std::string_view key);
  void Remove(registry::Ordinal ordinal);

  bool Contains(registry::Ordinal ordinal) const {
    return ordinal < end_ && keys_[ordinal] != nullptr;
  }
  // Empty for an ordinal that is not in use.
  std::string_view KeyOf(registry::Ordinal ordinal) const;
  // All ordinals in use are below it.
  registry::Ordinal end() const { return end_; }
  size_t size() const { return size_; }

 private:
  struct Slot {
    uint32_t tag = 0;
    registry::Ordinal ordinal = registry::kNoOrdinal;
  };
  static constexpr registry::Ordinal kDeleted = registry::kNoOrdinal - 1;

  size_t Probe(uint64_t hash, std::string_view key) const;
  void Grow();
  static std::unique_ptr<char[]> Store(std::string_view key);

  std::vector<Slot> slots_;  // open addressing, a power of two
  size_t used_ = 0;          // slots that are not empty, deleted ones included
  size_t size_ = 0;
  registry::Ordinal end_ = 0;
  std::vector<registry::Ordinal> free_;
  ChunkedArray<std::unique_ptr<char[]>> keys_;  // u16 length, bytes
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_KEY_TABLE_H_
