// SPDX-License-Identifier: Apache-2.0
#include "featurestore/row_table.h"

#include <utility>

namespace larder::featurestore {

using registry::Column;
using registry::kNoTime;
using registry::Ordinal;
using registry::Reason;

namespace {

constexpr size_t kPrefetch = 8;

}  // namespace

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
  const RowLayout* layout = nullptr;  // of the last row: almost always the next one's too
  int index = -1;
  for (size_t i = 0; i < ordinals.size(); ++i) {
    if (i + kPrefetch < ordinals.size()) __builtin_prefetch(Find(ordinals[i + kPrefetch]));
    const Row* row = Find(ordinals[i]);
    const Reason reason = ReasonOf(row, at);
    if (at.want_times) out.times.push_back(row == nullptr ? kNoTime : row->event_time());
    if (reason != Reason::kValid) {
      out.AppendNull(reason);
      continue;
    }
    if (row->layout() != layout) {
      layout = row->layout();
      index = layout->Find(column);
      if (index >= 0) {
        const registry::Type& type = layout->columns[static_cast<size_t>(index)].type;
        if (type.kind != out.type.kind || type.list != out.type.list) {
          return Internal("column ", name_, ".", column, " is ", type.Name(), ", read as ",
                          out.type.Name());
        }
      }
    }
    row->AppendColumn(index, out);
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
