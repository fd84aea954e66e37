// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_ROW_H_
#define LARDER_FEATURESTORE_ROW_H_

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/status.h"
#include "base/sync.h"
#include "featurestore/record_batch.h"
#include "featurestore/window_shape.h"
#include "registry/column.h"
#include "registry/type.h"

namespace larder::featurestore {

// How the columns of a table lie in a packed row; rows keep theirs when a later revision adds
// columns. Immutable.
//
//   validity bits, padded to 8 bytes | one 8-byte slot per column | variable area
//
// A slot holds a number, or u32 offset and u32 length into the variable area.
struct RowLayout {
  struct RowColumn {
    std::string name;
    registry::Type type;
    bool fixed = false;
  };
  uint64_t id = 0;  // hash of its encoded form
  std::vector<RowColumn> columns;
  size_t validity_bytes() const { return (columns.size() + 63) / 64 * 8; }
  size_t fixed_bytes() const { return validity_bytes() + columns.size() * 8; }
  // Index of a column, -1 if there is none.
  int Find(std::string_view name) const;

  std::string Encode() const;
  static StatusOr<RowLayout> Decode(std::string_view bytes);
};

// All layouts of a store, by id. Layouts live as long as the set.
// Thread-safety: thread-safe.
class RowLayouts {
 public:
  // The layout of these columns; made, and given out by TakeNew, if it is new.
  const RowLayout& Get(std::span<const std::string> names,
                       std::span<const registry::Column> columns);
  const RowLayout& Add(RowLayout layout);
  const RowLayout* Find(uint64_t id) const;
  // Those that Get made since the last call: to be stored before rows that use them.
  std::vector<const RowLayout*> TakeNew();

 private:
  mutable Mutex mutex_;
  std::map<uint64_t, RowLayout> layouts_ ABSL_GUARDED_BY(mutex_);
  std::vector<const RowLayout*> new_ ABSL_GUARDED_BY(mutex_);
};

// The current row of a key, or the tombstone of a deleted one (S1.5): one block of memory.
// Thread-safety: thread-compatible.
class Row {
 public:
  struct Free {
    void operator()(Row* row) const { ::operator delete(row); }
  };
  using Ptr = std::unique_ptr<Row, Free>;

  // Packs row `index` of the columns; a tombstone if the record is one.
  static Ptr Pack(const RowLayout& layout, std::span<const registry::Column> columns, size_t index,
                  const RecordInfo& info);
  // Errors: kDataLoss for bytes that EncodeTo cannot have written.
  static StatusOr<Ptr> Decode(const RowLayouts& layouts, std::string_view bytes);
  void EncodeTo(std::string& out) const;
  // What the state hash sees (S10): key of order, flags, columns that are not null by name; it
  // does not depend on the layout.
  void AppendCanonical(std::string& out) const;

  const EventKey& key() const { return key_; }
  TimeUs event_time() const { return key_.event_time; }
  bool deleted() const { return (flags_ & RecordInfo::kDelete) != 0; }
  // Null for tombstones.
  const RowLayout* layout() const { return layout_; }

  bool valid(size_t column) const {
    return ((static_cast<uint8_t>(payload()[column / 8]) >> (column % 8)) & 1) != 0;
  }
  int64_t bits(size_t column) const {
    int64_t value = 0;
    std::memcpy(&value, payload() + layout_->validity_bytes() + column * 8, sizeof value);
    return value;
  }
  std::string_view bytes(size_t column) const {
    const auto slot = static_cast<uint64_t>(bits(column));
    return {payload() + static_cast<uint32_t>(slot), static_cast<size_t>(slot >> 32)};
  }
  // Appends the column's value, or null with kInputNull; `column` -1: the layout has none such.
  void AppendColumn(int column, registry::Column& out) const;

  // For the checkpoint, as in AggregateState.
  Hash128 share;
  bool dirty = false;

 private:
  Row() = default;
  static Ptr Allocate(size_t payload_bytes);
  char* payload() { return reinterpret_cast<char*>(this + 1); }
  const char* payload() const { return reinterpret_cast<const char*>(this + 1); }
  bool CheckPayload() const;

  uint8_t flags_ = 0;
  uint32_t size_ = 0;  // of the payload
  EventKey key_;
  const RowLayout* layout_ = nullptr;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_ROW_H_
