// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_WINDOW_TABLE_H_
#define LARDER_FEATURESTORE_WINDOW_TABLE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/status.h"
#include "featurestore/aggregate_state.h"
#include "featurestore/chunked_array.h"
#include "featurestore/position.h"
#include "featurestore/window_shape.h"
#include "registry/column.h"
#include "registry/compiled_registry.h"

namespace larder::featurestore {

// How a stored feature is read: the T of the snapshot and the feature's ttl (S4.2).
struct ReadAt {
  TimeUs now = 0;
  DurationUs ttl = 0;  // 0: none
  bool want_times = false;

  bool Expired(TimeUs newest) const { return ttl > 0 && newest != kNever && now - newest > ttl; }
};

// The window states of one aggregate, by ordinal of its entity: a small cell per key with the
// cached value (S3.3), so that reading a thousand keys touches a thousand cache lines.
//
// Thread-safety: one writer, which excludes readers (the store's lock); readers cache finalised
// values in the cells among themselves without further locks.
class WindowTable {
 public:
  // States never fold positions at or before `p0` (S7.2).
  WindowTable(const registry::Aggregate& aggregate, Position p0, bool active);

  const WindowShape& shape() const { return shape_; }
  const Digest& digest() const { return digest_; }
  const std::string& entity() const { return entity_; }
  // False: it misses a past, and reads `never_computed` (S7.5).
  bool active() const { return active_; }

  // Folds one record at `position`, unless the state holds it already (recovery) or it is not
  // after `p0`. Returns false if the input is one that the state skips (S1.8).
  bool Update(registry::Ordinal ordinal, Position position, const EventKey& key,
              const Argument& argument);

  // Puts a stored state in. While recovering, what is at or before `position` is in it already.
  void Install(registry::Ordinal ordinal, Position position, std::unique_ptr<AggregateState> state);
  // From here on every fold is new: forgets the positions that states were stored with.
  void EndRecovery() {
    recovering_ = false;
    stored_positions_ = {};
  }
  // Forgets a clean state (its key leaves the cache).
  void Drop(registry::Ordinal ordinal);

  // Appends the value for each ordinal (kNoOrdinal and unknown ones: S3.4).
  Status Read(std::span<const registry::Ordinal> ordinals, const ReadAt& at,
              registry::Column& out) const;
  // The same for one state that is not in the table; `state` may be null.
  void ReadState(const AggregateState* state, const ReadAt& at, registry::Column& out) const;

  // nullptr if the key has none.
  const AggregateState* Find(registry::Ordinal ordinal) const;
  AggregateState* Find(registry::Ordinal ordinal);

  // Ordinals whose state changed since they were last taken; a state taken counts as clean when
  // its `dirty` is cleared.
  std::vector<registry::Ordinal> TakeDirty();
  size_t dirty_count() const { return dirty_.size(); }
  size_t state_count() const { return states_; }

 private:
  // `tag` says which window `value` is of: its beginning (or WindowId), and in the low six bits
  // the reason. Written by readers: kBusy while one of them changes the pair.
  struct Cell {
    mutable std::atomic<int64_t> tag{kStale};
    mutable std::atomic<int64_t> value{0};
    TimeUs newest = kNever;
    std::unique_ptr<AggregateState> state;
  };
  static constexpr int64_t kStale = -1;
  static constexpr int64_t kBusy = -2;
  static constexpr int kReasonBits = 6;
  static constexpr int64_t kReasonMask = (int64_t{1} << kReasonBits) - 1;

  Scalar Value(const Cell& cell, TimeUs start) const;
  void PrefetchCell(registry::Ordinal ordinal) const;
  void PrefetchStates(std::span<const registry::Ordinal> ordinals, size_t i) const;
  void ReadScalars(std::span<const registry::Ordinal> ordinals, const ReadAt& at,
                   registry::Column& out) const;

  WindowShape shape_;
  Digest digest_;
  std::string entity_;
  Position p0_;
  bool active_;
  ChunkedArray<Cell> cells_;
  std::vector<registry::Ordinal> dirty_;
  bool recovering_ = true;
  std::vector<Position> stored_positions_;  // while recovering
  size_t states_ = 0;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_WINDOW_TABLE_H_
