// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_INTERNAL_EXACT_STATE_H_
#define LARDER_FEATURESTORE_INTERNAL_EXACT_STATE_H_

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "featurestore/aggregate_state.h"
#include "featurestore/internal/tiles.h"

namespace larder::featurestore::internal {

inline constexpr size_t kMaxExactEntries = 65'536;  // S3.1

// `over exact w`: the newest 65,536 records, oldest first, folded into a `Tile` at read.
template <typename Tile, typename Value>
class ExactState final : public AggregateState {
 public:
  Scalar ScalarAt(const WindowShape& shape, TimeUs start) const override {
    const size_t first = FirstAt(start);
    if (Overflows(first)) return {0, registry::Reason::kTooManyEvents};
    return Window(shape, first).Result(shape);
  }

  int64_t WindowId(TimeUs start) const override { return static_cast<int64_t>(FirstAt(start)); }

  void AppendAt(const WindowShape& shape, TimeUs start, registry::Column& out) const override {
    if constexpr (std::is_same_v<Tile, FirstTile<std::string>>) {
      const size_t first = FirstAt(start);
      if (Overflows(first)) {
        out.AppendNull(registry::Reason::kTooManyEvents);
      } else if (first == entries_.size()) {
        out.AppendNull(registry::Reason::kEmpty);
      } else {
        out.AppendString(entries_[first].value);
      }
    } else {
      AggregateState::AppendAt(shape, start, out);
    }
  }

  size_t MemoryBytes() const override {
    size_t bytes = sizeof *this + entries_.capacity() * sizeof(Entry<Value>);
    for (const Entry<Value>& entry : entries_) bytes += entry.HeapBytes();
    return bytes;
  }

 protected:
  void Fold(const WindowShape&, const EventKey& key, const Argument& argument) override {
    Insert(Entry<Value>::Of(key, argument));
  }

  void MergeFrom(const WindowShape&, const AggregateState& other) override {
    const auto& from = static_cast<const ExactState&>(other);
    for (size_t i = from.begin_; i < from.entries_.size(); ++i) Insert(from.entries_[i]);
  }

  void Prune(const WindowShape&, TimeUs cut) override {
    while (begin_ < entries_.size() && entries_[begin_].key.event_time < cut) ++begin_;
    Compact();
  }

  void EncodeBody(ByteWriter& out) const override {
    out.Varint(entries_.size() - begin_);
    for (size_t i = begin_; i < entries_.size(); ++i) entries_[i].Encode(out);
  }

  void DecodeBody(const WindowShape& shape, ByteReader& in) override {
    const size_t count = in.Count(kMinEntryBytes);
    if (count > kMaxExactEntries) in.Fail();
    if (in.ok()) entries_.reserve(count);
    for (size_t i = 0; i < count && in.ok(); ++i) {
      Entry<Value> entry = Entry<Value>::Decode(in);
      if (!entries_.empty() && entry.key <= entries_.back().key) in.Fail();
      if (!shape.Holds(entry.argument())) in.Fail();
      entries_.push_back(std::move(entry));
    }
  }

 private:
  static bool Before(const Entry<Value>& a, const Entry<Value>& b) { return a.key < b.key; }
  std::ptrdiff_t begin() const { return static_cast<std::ptrdiff_t>(begin_); }

  void Insert(Entry<Value> entry) {
    const bool full = entries_.size() - begin_ == kMaxExactEntries;
    if (full && Before(entry, entries_[begin_])) return;
    if (entries_.size() == begin_ || Before(entries_.back(), entry)) {
      entries_.push_back(std::move(entry));
    } else {
      const auto at =
          std::lower_bound(entries_.begin() + begin(), entries_.end(), entry, Before);
      if (at->key == entry.key) return;
      entries_.insert(at, std::move(entry));
    }
    if (full) ++begin_;
    Compact();
  }

  // Entries leave at the front; the room is taken back when half of it is unused.
  void Compact() {
    if (begin_ < 16 || begin_ * 2 < entries_.size()) return;
    entries_.erase(entries_.begin(), entries_.begin() + begin());
    begin_ = 0;
  }

  // Index of the first entry inside the window.
  size_t FirstAt(TimeUs start) const {
    const auto at = std::lower_bound(
        entries_.begin() + begin(), entries_.end(), start,
        [](const Entry<Value>& entry, TimeUs time) { return entry.key.event_time < time; });
    return static_cast<size_t>(at - entries_.begin());
  }
  // As many as are kept, all of them inside: older ones may be missing.
  bool Overflows(size_t first) const {
    return first == begin_ && entries_.size() - begin_ == kMaxExactEntries;
  }

  Tile Window(const WindowShape& shape, size_t first) const {
    Tile sum;
    if constexpr (std::is_same_v<Tile, CountTile>) {
      sum.count = entries_.size() - first;
    } else {
      for (size_t i = first; i < entries_.size(); ++i) {
        sum.Add(shape, entries_[i].key, entries_[i].argument());
      }
    }
    return sum;
  }

  std::vector<Entry<Value>> entries_;
  size_t begin_ = 0;  // entries before it are gone
};

}  // namespace larder::featurestore::internal

#endif  // LARDER_FEATURESTORE_INTERNAL_EXACT_STATE_H_
