// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_INTERNAL_TILED_STATE_H_
#define LARDER_FEATURESTORE_INTERNAL_TILED_STATE_H_

#include <algorithm>
#include <string>
#include <vector>

#include "featurestore/aggregate_state.h"
#include "featurestore/internal/tiles.h"

namespace larder::featurestore::internal {

// One accumulator per non-empty tile, in order of time (S3.1); a single one without a window.
// Records arrive almost in order, so the newest tile is looked at first.
template <typename Tile>
class TiledState final : public AggregateState {
 public:
  Scalar ScalarAt(const WindowShape& shape, TimeUs start) const override {
    if (slots_.size() == 1 && slots_.front().index >= shape.TileOf(start)) {
      return slots_.front().tile.Result(shape);
    }
    return Window(shape, start).Result(shape);
  }

  void AppendAt(const WindowShape& shape, TimeUs start, registry::Column& out) const override {
    if constexpr (std::is_same_v<Tile, FirstTile<std::string>>) {
      const Tile tile = Window(shape, start);
      if (tile.empty) {
        out.AppendNull(registry::Reason::kEmpty);
      } else {
        out.AppendString(tile.first.value);
      }
    } else {
      AggregateState::AppendAt(shape, start, out);
    }
  }

  size_t MemoryBytes() const override {
    size_t bytes = sizeof *this + slots_.capacity() * sizeof(Slot);
    if constexpr (std::is_same_v<Tile, FirstTile<std::string>>) {
      for (const Slot& slot : slots_) bytes += slot.tile.first.HeapBytes();
    }
    return bytes;
  }

 protected:
  void Fold(const WindowShape& shape, const EventKey& key, const Argument& argument) override {
    TileAt(shape.TileOf(key.event_time)).Add(shape, key, argument);
  }

  void MergeFrom(const WindowShape& shape, const AggregateState& other) override {
    for (const Slot& slot : static_cast<const TiledState&>(other).slots_) {
      TileAt(slot.index).Merge(shape, slot.tile);
    }
  }

  void Prune(const WindowShape& shape, TimeUs cut) override {
    if (!shape.tiled()) return;
    const int64_t oldest = shape.TileOf(cut);
    if (slots_.empty() || slots_.front().index >= oldest) return;
    slots_.erase(slots_.begin(), std::lower_bound(slots_.begin(), slots_.end(), oldest, Before));
  }

  void EncodeBody(ByteWriter& out) const override {
    out.Varint(slots_.size());
    int64_t previous = 0;
    for (const Slot& slot : slots_) {
      out.SignedVarint(slot.index - previous);
      previous = slot.index;
      slot.tile.Encode(out);
    }
  }

  void DecodeBody(const WindowShape& shape, ByteReader& in) override {
    const size_t count = in.Count(2);
    slots_.resize(count);
    int64_t previous = 0;
    for (size_t i = 0; i < count && in.ok(); ++i) {
      Slot& slot = slots_[i];
      const int64_t step = in.SignedVarint();
      if (__builtin_add_overflow(previous, step, &slot.index) || (i > 0 && step <= 0)) in.Fail();
      previous = slot.index;
      slot.tile.Decode(shape, in);
    }
  }

 private:
  struct Slot {
    int64_t index = 0;
    Tile tile;
  };
  static bool Before(const Slot& slot, int64_t index) { return slot.index < index; }

  Tile& TileAt(int64_t index) {
    if (slots_.empty() || slots_.back().index < index) {
      return slots_.emplace_back(Slot{index, {}}).tile;
    }
    if (slots_.back().index == index) return slots_.back().tile;
    const auto at = std::lower_bound(slots_.begin(), slots_.end(), index, Before);
    if (at->index == index) return at->tile;
    return slots_.insert(at, Slot{index, {}})->tile;
  }

  Tile Window(const WindowShape& shape, TimeUs start) const {
    const int64_t oldest = shape.TileOf(start);
    Tile sum;
    for (auto slot = slots_.rbegin(); slot != slots_.rend() && slot->index >= oldest; ++slot) {
      sum.Merge(shape, slot->tile);
    }
    return sum;
  }

  std::vector<Slot> slots_;
};

}  // namespace larder::featurestore::internal

#endif  // LARDER_FEATURESTORE_INTERNAL_TILED_STATE_H_
