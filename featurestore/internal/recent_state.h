// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_INTERNAL_RECENT_STATE_H_
#define LARDER_FEATURESTORE_INTERNAL_RECENT_STATE_H_

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "featurestore/aggregate_state.h"
#include "featurestore/internal/tiles.h"

namespace larder::featurestore::internal {

// `last`: the n newest records, newest last; with `distinct` the newest record of each value, of
// the n values whose newest record is newest. Both depend on the set of records alone: a value
// that fell out was beaten by n others, which can only become newer, and it comes back only with
// a newer record of its own. No clock removes entries; those before the window are not shown.
template <typename Value>
class RecentState final : public AggregateState {
 public:
  Scalar ScalarAt(const WindowShape&, TimeUs start) const override {
    if constexpr (std::is_same_v<Value, std::string>) {
      return {0, registry::Reason::kFailed};  // texts are read through AppendAt
    } else {
      if (entries_.empty() || entries_.back().key.event_time < start) {
        return {0, registry::Reason::kEmpty};
      }
      return Valid(entries_.back().value);
    }
  }

  void AppendAt(const WindowShape& shape, TimeUs start, registry::Column& out) const override {
    if (!shape.list) {
      AppendSingle(shape, start, out);
      return;
    }
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
      if (entry->key.event_time < start) break;
      if constexpr (std::is_same_v<Value, std::string>) {
        out.AddString(entry->value);
      } else if (shape.real) {
        out.AddDouble(std::bit_cast<double>(entry->value));
      } else {
        out.AddInt(entry->value);
      }
    }
    out.EndList();
  }

  void Prefetch() const override {
    const auto* bytes = reinterpret_cast<const char*>(entries_.data());
    const size_t size = std::min(entries_.size() * sizeof(Entry<Value>), kPrefetchBytes);
    for (size_t i = 0; i < size; i += 64) __builtin_prefetch(bytes + i);
  }

  size_t MemoryBytes() const override {
    size_t bytes = sizeof *this + entries_.capacity() * sizeof(Entry<Value>);
    for (const Entry<Value>& entry : entries_) bytes += entry.HeapBytes();
    return bytes;
  }

 protected:
  void Fold(const WindowShape& shape, const EventKey& key, const Argument& argument) override {
    Insert(shape, Entry<Value>::Of(key, argument));
  }

  void MergeFrom(const WindowShape& shape, const AggregateState& other) override {
    for (const Entry<Value>& entry : static_cast<const RecentState&>(other).entries_) {
      Insert(shape, entry);
    }
  }

  void Prune(const WindowShape&, TimeUs cut) override {
    auto end = entries_.begin();
    while (end != entries_.end() && end->key.event_time < cut) ++end;
    if (end != entries_.begin()) entries_.erase(entries_.begin(), end);
  }

  void EncodeBody(ByteWriter& out) const override {
    out.Varint(entries_.size());
    for (const Entry<Value>& entry : entries_) entry.Encode(out);
  }

  void DecodeBody(const WindowShape& shape, ByteReader& in) override {
    const size_t count = in.Count(kMinEntryBytes);
    if (count > shape.n) in.Fail();
    for (size_t i = 0; i < count && in.ok(); ++i) {
      Entry<Value> entry = Entry<Value>::Decode(in);
      if (!entries_.empty() && entry.key <= entries_.back().key) in.Fail();
      entries_.push_back(std::move(entry));
    }
  }

 private:
  static constexpr size_t kPrefetchBytes = 512;

  void AppendSingle(const WindowShape& shape, TimeUs start, registry::Column& out) const {
    if constexpr (std::is_same_v<Value, std::string>) {
      if (entries_.empty() || entries_.back().key.event_time < start) {
        out.AppendNull(registry::Reason::kEmpty);
      } else {
        out.AppendString(entries_.back().value);
      }
    } else {
      AggregateState::AppendAt(shape, start, out);
    }
  }

  void Insert(const WindowShape& shape, Entry<Value> entry) {
    const bool full = entries_.size() == shape.n;
    if (full && entry.key <= entries_.front().key) return;
    if (shape.distinct) {
      const auto same = std::find_if(
          entries_.begin(), entries_.end(),
          [&](const Entry<Value>& other) { return other.value == entry.value; });
      if (same != entries_.end()) {
        if (entry.key <= same->key) return;
        entries_.erase(same);
      }
    }
    const auto at = std::lower_bound(
        entries_.begin(), entries_.end(), entry,
        [](const Entry<Value>& a, const Entry<Value>& b) { return a.key < b.key; });
    if (at != entries_.end() && at->key == entry.key) return;
    entries_.insert(at, std::move(entry));
    if (entries_.size() > shape.n) entries_.erase(entries_.begin());
  }

  std::vector<Entry<Value>> entries_;
};

}  // namespace larder::featurestore::internal

#endif  // LARDER_FEATURESTORE_INTERNAL_RECENT_STATE_H_
