// SPDX-License-Identifier: Apache-2.0
#include "featurestore/window_table.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "featurestore/value_bytes.h"

namespace larder::featurestore {

using registry::Column;
using registry::kNoOrdinal;
using registry::kNoTime;
using registry::Ordinal;
using registry::Reason;

namespace {

constexpr size_t kPrefetch = 8;

TimeUs TimeOf(TimeUs newest) { return newest == kNever ? kNoTime : newest; }

}  // namespace

WindowTable::WindowTable(const registry::Aggregate& aggregate, Position p0, bool active)
    : shape_(WindowShape::Of(aggregate)),
      digest_(aggregate.digest),
      entity_(aggregate.entity),
      p0_(p0),
      active_(active) {}

bool WindowTable::Update(Ordinal ordinal, Position position, const EventKey& key,
                         const Argument& argument) {
  if (position <= p0_) return true;
  if (ordinal < stored_positions_.size() && position <= stored_positions_[ordinal]) {
    return shape_.Holds(argument);
  }
  if (ordinal >= cells_.capacity()) cells_.EnsureSize(size_t{ordinal} + 1);
  Cell& cell = cells_[ordinal];
  if (cell.state == nullptr) {
    cell.state = AggregateState::Make(shape_);
    ++states_;
  }
  AggregateState& state = *cell.state;
  const bool held = state.Update(shape_, key, argument);
  cell.tag.store(kStale, std::memory_order_relaxed);
  cell.newest = state.newest();
  if (!state.dirty) {
    state.dirty = true;
    dirty_.push_back(ordinal);
  }
  return held;
}

void WindowTable::Install(Ordinal ordinal, Position position,
                          std::unique_ptr<AggregateState> state) {
  cells_.EnsureSize(size_t{ordinal} + 1);
  Cell& cell = cells_[ordinal];
  if (cell.state == nullptr) ++states_;
  cell.newest = state->newest();
  cell.state = std::move(state);
  cell.tag.store(kStale, std::memory_order_relaxed);
  if (!recovering_) return;
  if (ordinal >= stored_positions_.size()) {
    stored_positions_.resize(std::max<size_t>(size_t{ordinal} + 1, stored_positions_.size() * 2));
  }
  stored_positions_[ordinal] = position;
}

void WindowTable::Drop(Ordinal ordinal) {
  if (ordinal >= cells_.capacity() || cells_[ordinal].state == nullptr) return;
  LARDER_CHECK(!cells_[ordinal].state->dirty);
  cells_[ordinal].state = nullptr;
  cells_[ordinal].newest = kNever;
  cells_[ordinal].tag.store(kStale, std::memory_order_relaxed);
  // The ordinal may become another key's.
  if (ordinal < stored_positions_.size()) stored_positions_[ordinal] = {};
  --states_;
}

const AggregateState* WindowTable::Find(Ordinal ordinal) const {
  return ordinal < cells_.capacity() ? cells_[ordinal].state.get() : nullptr;
}

AggregateState* WindowTable::Find(Ordinal ordinal) {
  return ordinal < cells_.capacity() ? cells_[ordinal].state.get() : nullptr;
}

std::vector<Ordinal> WindowTable::TakeDirty() { return std::exchange(dirty_, {}); }

Scalar WindowTable::Value(const Cell& cell, TimeUs start) const {
  if (cell.state == nullptr) return IdentityScalar(shape_);
  // Without a window one value serves all T; hops are multiples of 64 µs, so the low bits of a
  // tiled window's beginning are free.
  const int64_t window =
      shape_.exact() ? cell.state->WindowId(start) << kReasonBits : (shape_.tiled() ? start : 0);
  int64_t tag = cell.tag.load(std::memory_order_acquire);
  if ((tag & ~kReasonMask) == window) {
    const int64_t bits = cell.value.load(std::memory_order_acquire);
    // Unchanged: no other reader replaced the value in between. None can have come back to this
    // one, because an older window never replaces a newer.
    if (cell.tag.load(std::memory_order_relaxed) == tag) {
      return {bits, static_cast<Reason>(tag & kReasonMask)};
    }
  }
  const Scalar scalar = cell.state->ScalarAt(shape_, start);
  const bool older = tag == kStale || (tag != kBusy && (tag & ~kReasonMask) < window);
  if (older && cell.tag.compare_exchange_strong(tag, kBusy, std::memory_order_acq_rel)) {
    cell.value.store(scalar.bits, std::memory_order_release);
    cell.tag.store(window | static_cast<int64_t>(scalar.reason), std::memory_order_release);
  }
  return scalar;
}

void WindowTable::PrefetchCell(Ordinal ordinal) const {
  if (ordinal < cells_.capacity()) __builtin_prefetch(&cells_[ordinal]);
}

// Cell, state, what the state points to: in steps, so that the misses of many keys overlap.
void WindowTable::PrefetchStates(std::span<const Ordinal> ordinals, size_t i) const {
  const auto at = [&](size_t steps) {
    const size_t next = i + steps * kPrefetch;
    return next < ordinals.size() ? ordinals[next] : kNoOrdinal;
  };
  PrefetchCell(at(3));
  if (const AggregateState* state = Find(at(2))) {
    const auto* bytes = reinterpret_cast<const char*>(state);
    __builtin_prefetch(bytes);
    __builtin_prefetch(bytes + 64);
  }
  if (const AggregateState* state = Find(at(1))) state->Prefetch();
}

void WindowTable::ReadScalars(std::span<const Ordinal> ordinals, const ReadAt& at,
                              Column& out) const {
  const bool real = IsReal(out.type.kind);
  const size_t begin = out.rows;
  const size_t count = ordinals.size();
  out.rows += count;
  out.reasons.resize(out.rows);
  if (at.want_times) out.times.resize(out.rows);
  if (real) {
    out.doubles.resize(out.rows);
  } else {
    out.ints.resize(out.rows);
  }
  const TimeUs start = shape_.Start(at.now);
  const Scalar none = IdentityScalar(shape_);
  const size_t capacity = cells_.capacity();
  for (size_t i = 0; i < count; ++i) {
    if (i + kPrefetch < count) PrefetchCell(ordinals[i + kPrefetch]);
    Scalar scalar = none;
    TimeUs newest = kNever;
    if (ordinals[i] < capacity) {
      const Cell& cell = cells_[ordinals[i]];
      scalar = Value(cell, start);
      newest = cell.newest;
    }
    if (at.Expired(newest)) scalar = {0, Reason::kExpired};
    out.reasons[begin + i] = scalar.reason;
    const int64_t bits = scalar.reason == Reason::kValid ? scalar.bits : 0;
    if (real) {
      out.doubles[begin + i] = std::bit_cast<double>(bits);
    } else {
      out.ints[begin + i] = bits;
    }
    if (at.want_times) out.times[begin + i] = TimeOf(newest);
  }
}

void WindowTable::ReadState(const AggregateState* state, const ReadAt& at, Column& out) const {
  const TimeUs newest = state == nullptr ? kNever : state->newest();
  if (!active_) {
    out.AppendNull(Reason::kNeverComputed);
  } else if (at.Expired(newest)) {
    out.AppendNull(Reason::kExpired);
  } else if (state == nullptr) {
    AppendIdentity(shape_, out);
  } else {
    state->AppendAt(shape_, shape_.Start(at.now), out);
  }
  if (at.want_times) out.times.push_back(active_ ? TimeOf(newest) : kNoTime);
}

Status WindowTable::Read(std::span<const Ordinal> ordinals, const ReadAt& at, Column& out) const {
  if (out.type.kind != shape_.type.kind || out.type.list != shape_.type.list) {
    return Internal("aggregate ", digest_.Short(), " is ", shape_.type.Name(), ", read as ",
                    out.type.Name());
  }
  if (active_ && shape_.scalar()) {
    ReadScalars(ordinals, at, out);
    return OkStatus();
  }
  for (size_t i = 0; i < ordinals.size(); ++i) {
    PrefetchStates(ordinals, i);
    ReadState(Find(ordinals[i]), at, out);
  }
  return OkStatus();
}

}  // namespace larder::featurestore
