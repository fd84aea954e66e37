// SPDX-License-Identifier: Apache-2.0
#include "featurestore/row_table.h"

#include <bit>
#include <utility>

#include "featurestore/value_bytes.h"

namespace larder::featurestore {

using registry::Column;
using registry::kNoTime;
using registry::Ordinal;
using registry::Reason;

namespace {

constexpr size_t kPrefetch = 8;
constexpr size_t kPrefetchValue = 4;
constexpr size_t kHeadBytes = 192;

// Where one column lies in the layout of the row at hand: almost always that of the row before.
class ColumnIn {
 public:
  ColumnIn(std::string_view table, std::string_view column, const registry::Type& type)
      : table_(table), column_(column), type_(type) {}

  // Errors: kInternal if the column has another type than it is read as.
  Status Enter(const RowLayout* layout) {
    layout_ = layout;
    index_ = layout->Find(column_);
    if (index_ < 0) return OkStatus();
    const registry::Type& type = layout->columns[static_cast<size_t>(index_)].type;
    if (type.kind == type_.kind && type.list == type_.list) return OkStatus();
    return Internal("column ", table_, ".", column_, " is ", type.Name(), ", read as ",
                    type_.Name());
  }
  const RowLayout* layout() const { return layout_; }
  int index() const { return index_; }  // -1: the layout has none such
  // Asks for the value of a row whose head is at hand.
  void Prefetch(const Row* row) const {
    if (row == nullptr || row->layout() != layout_ || index_ < 0) return;
    const std::string_view bytes = row->bytes(static_cast<size_t>(index_));
    __builtin_prefetch(bytes.data());
  }

 private:
  const std::string_view table_;
  const std::string_view column_;
  const registry::Type& type_;
  const RowLayout* layout_ = nullptr;
  int index_ = -1;
};

}  // namespace

void RowTable::Prefetch(std::span<const Ordinal> ordinals, size_t i) const {
  const size_t near = i + kPrefetch;
  const size_t far = near + kPrefetch;
  if (far < ordinals.size() && ordinals[far] < rows_.capacity()) {
    __builtin_prefetch(&rows_[ordinals[far]]);
  }
  if (near >= ordinals.size()) return;
  // The head of a row and its slots take more than one cache line.
  const auto* row = reinterpret_cast<const char*>(Find(ordinals[near]));
  for (size_t offset = 0; offset < kHeadBytes; offset += 64) __builtin_prefetch(row + offset);
}

void RowTable::Set(Ordinal ordinal, Row::Ptr row) {
  rows_.EnsureSize(size_t{ordinal} + 1);
  Row::Ptr& slot = rows_[ordinal];
  const bool dirty = slot != nullptr && slot->dirty;
  if (slot != nullptr) row->share = slot->share;  // of the stored blob that it will replace
  row->dirty = true;
  slot = std::move(row);
  if (!dirty) dirty_.push_back(ordinal);
}

void RowTable::Install(Ordinal ordinal, Row::Ptr row) {
  rows_.EnsureSize(size_t{ordinal} + 1);
  rows_[ordinal] = std::move(row);
}

Reason RowTable::ReasonOf(const Row* row, const ReadAt& at) {
  if (row == nullptr) return Reason::kNotFound;
  if (row->deleted()) return Reason::kDeleted;
  if (at.Expired(row->event_time())) return Reason::kExpired;
  return Reason::kValid;
}

Status RowTable::Read(std::string_view column, std::span<const Ordinal> ordinals,
                      const ReadAt& at, Column& out) const {
  if (IsFixed(out.type)) return ReadFixed(column, ordinals, at, out);
  ColumnIn in(name_, column, out.type);
  for (size_t i = 0; i < ordinals.size(); ++i) {
    Prefetch(ordinals, i);
    if (i + kPrefetchValue < ordinals.size()) in.Prefetch(Find(ordinals[i + kPrefetchValue]));
    const Row* row = Find(ordinals[i]);
    const Reason reason = ReasonOf(row, at);
    if (at.want_times) out.times.push_back(row == nullptr ? kNoTime : row->event_time());
    if (reason != Reason::kValid) {
      out.AppendNull(reason);
      continue;
    }
    if (row->layout() != in.layout()) LARDER_RETURN_IF_ERROR(in.Enter(row->layout()));
    row->AppendColumn(in.index(), out);
  }
  return OkStatus();
}

Status RowTable::ReadFixed(std::string_view column, std::span<const Ordinal> ordinals,
                           const ReadAt& at, Column& out) const {
  ColumnIn in(name_, column, out.type);
  const bool real = IsReal(out.type.kind);
  const size_t begin = out.rows;
  out.rows += ordinals.size();
  out.reasons.resize(out.rows);
  if (at.want_times) out.times.resize(out.rows);
  if (real) {
    out.doubles.resize(out.rows);
  } else {
    out.ints.resize(out.rows);
  }
  for (size_t i = 0; i < ordinals.size(); ++i) {
    Prefetch(ordinals, i);
    const Row* row = Find(ordinals[i]);
    Reason reason = ReasonOf(row, at);
    if (at.want_times) out.times[begin + i] = row == nullptr ? kNoTime : row->event_time();
    int64_t bits = 0;
    if (reason == Reason::kValid) {
      if (row->layout() != in.layout()) LARDER_RETURN_IF_ERROR(in.Enter(row->layout()));
      if (in.index() >= 0 && row->valid(static_cast<size_t>(in.index()))) {
        bits = row->bits(static_cast<size_t>(in.index()));
      } else {
        reason = Reason::kInputNull;
      }
    }
    out.reasons[begin + i] = reason;
    if (real) {
      out.doubles[begin + i] = std::bit_cast<double>(bits);
    } else {
      out.ints[begin + i] = bits;
    }
  }
  return OkStatus();
}

Status RowTable::ReadTimes(std::span<const Ordinal> ordinals, const ReadAt& at,
                           Column& out) const {
  for (const Ordinal ordinal : ordinals) {
    const Row* row = Find(ordinal);
    const Reason reason = ReasonOf(row, at);
    if (at.want_times) out.times.push_back(row == nullptr ? kNoTime : row->event_time());
    if (reason == Reason::kValid) {
      out.AppendInt(row->event_time());
    } else {
      out.AppendNull(reason);
    }
  }
  return OkStatus();
}

std::vector<Ordinal> RowTable::TakeDirty() { return std::exchange(dirty_, {}); }

}  // namespace larder::featurestore
