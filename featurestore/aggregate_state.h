// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_AGGREGATE_STATE_H_
#define LARDER_FEATURESTORE_AGGREGATE_STATE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/status.h"
#include "featurestore/window_shape.h"
#include "registry/column.h"

namespace larder::featurestore {

// The state of one aggregate for one key: a commutative monoid over the set of records (R3, S3.2).
//
// Make() is the identity; Update() folds one record in, Merge() another state; Scalar/Append
// finalise; Encode() gives canonical bytes (S10). What can never be read again, older than
// Cut(newest event), is dropped at once, so the state is a function of the set of folded records
// and equal sets give equal bytes, in whatever order or parts they came.
//
// The shape passed to each call must be the one that it was made with.
// Thread-safety: thread-compatible.
class AggregateState {
 public:
  static std::unique_ptr<AggregateState> Make(const WindowShape& shape);
  virtual ~AggregateState() = default;
  AggregateState(const AggregateState&) = delete;
  AggregateState& operator=(const AggregateState&) = delete;

  // Folds one record with a non-null argument. Returns false if it was skipped (S1.8).
  bool Update(const WindowShape& shape, const EventKey& key, const Argument& argument);
  // Folds all records of `other`, a state of the same shape over other records.
  void Merge(const WindowShape& shape, const AggregateState& other);

  // The value of the window that begins at `start` (shape.Start(T)). For shape.scalar().
  virtual Scalar ScalarAt(const WindowShape& shape, TimeUs start) const = 0;
  // Exact windows: equal for all starts that give the same value while nothing is folded in (S3.3).
  virtual int64_t WindowId(TimeUs start) const;
  // Appends the value as one row (the other shapes). Does not touch `out.times`.
  virtual void AppendAt(const WindowShape& shape, TimeUs start, registry::Column& out) const;

  // Asks for the memory that AppendAt will read beyond the object itself.
  virtual void Prefetch() const {}

  // Canonical bytes, see docs/formats/state.md.
  void Encode(std::string& out) const;
  // Errors: kDataLoss for bytes that Encode cannot have written.
  static StatusOr<std::unique_ptr<AggregateState>> Decode(const WindowShape& shape,
                                                          std::string_view bytes);

  TimeUs newest() const { return newest_; }   // kNever if nothing was folded in
  uint64_t skipped() const { return skipped_; }
  // Heap and own bytes.
  virtual size_t MemoryBytes() const = 0;

  // For the checkpoint: the share of the state hash that its stored blob has (S10), and whether
  // it changed since.
  Hash128 share;
  bool dirty = false;

 protected:
  AggregateState() = default;
  // `key.event_time` is at or after shape.Cut(newest()).
  virtual void Fold(const WindowShape& shape, const EventKey& key, const Argument& argument) = 0;
  virtual void MergeFrom(const WindowShape& shape, const AggregateState& other) = 0;
  virtual void Prune(const WindowShape& shape, TimeUs cut) = 0;
  virtual void EncodeBody(ByteWriter& out) const = 0;
  // Calls in.Fail() for anything that EncodeBody cannot have written.
  virtual void DecodeBody(const WindowShape& shape, ByteReader& in) = 0;

 private:
  TimeUs newest_ = kNever;
  uint32_t skipped_ = 0;
};

// Appends the value of a key that has no state (S3.4): 0, an empty list, or null `empty`.
void AppendIdentity(const WindowShape& shape, registry::Column& out);
Scalar IdentityScalar(const WindowShape& shape);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_AGGREGATE_STATE_H_
