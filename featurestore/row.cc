// SPDX-License-Identifier: Apache-2.0
#include "featurestore/row.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/bytes.h"
#include "featurestore/hash_bytes.h"
#include "featurestore/value_bytes.h"

namespace larder::featurestore {

using registry::Column;
using registry::Kind;
using registry::Reason;
using registry::Type;

int RowLayout::Find(std::string_view name) const {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

std::string RowLayout::Encode() const {
  std::string out;
  ByteWriter writer(out);
  writer.Varint(columns.size());
  for (const RowColumn& column : columns) {
    writer.String(column.name);
    writer.Fixed(static_cast<uint8_t>(column.type.kind));
    writer.Fixed<uint8_t>(column.type.list);
    writer.Fixed<uint8_t>(column.type.int8);
    writer.Varint(column.type.dimensions);
    writer.String(column.type.of);
  }
  return out;
}

StatusOr<RowLayout> RowLayout::Decode(std::string_view bytes) {
  ByteReader in(bytes);
  RowLayout layout;
  const size_t count = in.Count(6);
  for (size_t i = 0; i < count && in.ok(); ++i) {
    RowColumn column;
    column.name = std::string(in.String());
    const auto kind = in.Fixed<uint8_t>();
    if (kind < static_cast<uint8_t>(Kind::kBool) || kind > static_cast<uint8_t>(Kind::kVector)) {
      in.Fail();
    }
    column.type.kind = static_cast<Kind>(kind);
    column.type.list = in.Fixed<uint8_t>() != 0;
    column.type.int8 = in.Fixed<uint8_t>() != 0;
    const uint64_t dimensions = in.Varint();
    if (dimensions > kMaxRecordBytes) in.Fail();
    column.type.dimensions = static_cast<uint32_t>(dimensions);
    column.type.of = std::string(in.String());
    column.fixed = IsFixed(column.type);
    layout.columns.push_back(std::move(column));
  }
  LARDER_RETURN_IF_ERROR(in.Finish("row layout"));
  layout.id = Hash64(bytes);
  return layout;
}

const RowLayout& RowLayouts::Get(std::span<const std::string> names,
                                 std::span<const Column> columns) {
  RowLayout layout;
  layout.columns.reserve(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    layout.columns.push_back({names[i], columns[i].type, IsFixed(columns[i].type)});
  }
  layout.id = Hash64(layout.Encode());
  const uint64_t id = layout.id;
  MutexLock lock(mutex_);
  const auto [at, added] = layouts_.try_emplace(id, std::move(layout));
  if (added) new_.push_back(&at->second);
  return at->second;
}

const RowLayout& RowLayouts::Add(RowLayout layout) {
  const uint64_t id = layout.id;
  MutexLock lock(mutex_);
  return layouts_.try_emplace(id, std::move(layout)).first->second;
}

const RowLayout* RowLayouts::Find(uint64_t id) const {
  MutexLock lock(mutex_);
  const auto found = layouts_.find(id);
  return found == layouts_.end() ? nullptr : &found->second;
}

std::vector<const RowLayout*> RowLayouts::TakeNew() {
  MutexLock lock(mutex_);
  return std::exchange(new_, {});
}

Row::Ptr Row::Allocate(size_t payload_bytes) {
  void* memory = ::operator new(sizeof(Row) + payload_bytes);
  Ptr row(new (memory) Row());
  row->size_ = static_cast<uint32_t>(payload_bytes);
  return row;
}

namespace {

// Values without a fixed size lie behind the slots, short ones first: those that features use,
// such as keys, share cache lines with the slots, and long texts lie behind them all.
std::string PackPayload(const RowLayout& layout, std::span<const Column> columns, size_t index) {
  std::string payload(layout.fixed_bytes(), '\0');
  const auto set_slot = [&](size_t column, uint64_t slot) {
    std::memcpy(payload.data() + layout.validity_bytes() + column * 8, &slot, sizeof slot);
  };
  std::vector<std::pair<std::string, size_t>> values;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (!columns[i].valid(index)) continue;
    payload[i / 8] = static_cast<char>(static_cast<uint8_t>(payload[i / 8]) | (1U << (i % 8)));
    if (layout.columns[i].fixed) {
      set_slot(i, static_cast<uint64_t>(FixedBits(columns[i], index)));
    } else {
      AppendValueBytes(columns[i], index, values.emplace_back(std::string(), i).first);
    }
  }
  std::stable_sort(values.begin(), values.end(), [](const auto& a, const auto& b) {
    return a.first.size() < b.first.size();
  });
  for (const auto& [bytes, column] : values) {
    set_slot(column, (uint64_t{bytes.size()} << 32) | payload.size());
    payload += bytes;
  }
  return payload;
}

}  // namespace

Row::Ptr Row::Pack(const RowLayout& layout, std::span<const Column> columns, size_t index,
                   const RecordInfo& info) {
  const bool deleted = (info.flags & RecordInfo::kDelete) != 0;
  const std::string payload = deleted ? std::string() : PackPayload(layout, columns, index);
  Ptr row = Allocate(payload.size());
  row->flags_ = info.flags;
  row->key_ = {info.event_time, info.original_event_time, info.id};
  row->layout_ = deleted ? nullptr : &layout;
  std::memcpy(row->payload(), payload.data(), payload.size());
  return row;
}

void Row::EncodeTo(std::string& out) const {
  ByteWriter writer(out);
  writer.Fixed(flags_);
  writer.SignedVarint(key_.event_time);
  writer.SignedVarint(key_.original_event_time - key_.event_time);
  EncodeHash(key_.id, writer);
  writer.Fixed(layout_ == nullptr ? uint64_t{0} : layout_->id);
  writer.Raw({payload(), size_});
}

StatusOr<Row::Ptr> Row::Decode(const RowLayouts& layouts, std::string_view bytes) {
  ByteReader in(bytes);
  const auto flags = in.Fixed<uint8_t>();
  EventKey key;
  key.event_time = in.SignedVarint();
  if (__builtin_add_overflow(key.event_time, in.SignedVarint(), &key.original_event_time)) {
    in.Fail();
  }
  key.id = DecodeHash(in);
  const auto layout_id = in.Fixed<uint64_t>();
  if (!in.ok()) return DataLoss("row is too short");
  Ptr row = Allocate(in.remaining());
  row->flags_ = flags;
  row->key_ = key;
  const std::string_view payload = in.Raw(in.remaining());
  std::memcpy(row->payload(), payload.data(), payload.size());
  if (row->deleted()) {
    if (layout_id != 0 || !payload.empty()) return DataLoss("tombstone with columns");
    return row;
  }
  row->layout_ = layouts.Find(layout_id);
  if (row->layout_ == nullptr) return DataLoss("row with an unknown layout ", layout_id);
  if (!row->CheckPayload()) return DataLoss("row does not fit its layout");
  return row;
}

bool Row::CheckPayload() const {
  if (size_ < layout_->fixed_bytes()) return false;
  for (size_t i = 0; i < layout_->columns.size(); ++i) {
    const RowLayout::RowColumn& column = layout_->columns[i];
    if (column.fixed || !valid(i)) continue;
    const auto slot = static_cast<uint64_t>(bits(i));
    const uint64_t offset = static_cast<uint32_t>(slot);
    const uint64_t length = slot >> 32;
    if (offset < layout_->fixed_bytes() || offset + length > size_) return false;
    if (!CheckValueBytes(column.type, bytes(i))) return false;
  }
  return true;
}

void Row::AppendCanonical(std::string& out) const {
  ByteWriter writer(out);
  writer.Fixed(flags_);
  writer.Fixed(key_.event_time);
  writer.Fixed(key_.original_event_time);
  EncodeHash(key_.id, writer);
  if (layout_ == nullptr) return;
  for (size_t i = 0; i < layout_->columns.size(); ++i) {
    if (!valid(i)) continue;
    writer.String(layout_->columns[i].name);
    if (layout_->columns[i].fixed) {
      writer.Fixed(bits(i));
    } else {
      writer.String(bytes(i));
    }
  }
}

void Row::AppendColumn(int column, Column& out) const {
  if (column < 0 || !valid(static_cast<size_t>(column))) {
    out.AppendNull(Reason::kInputNull);
  } else if (layout_->columns[static_cast<size_t>(column)].fixed) {
    AppendFixed(bits(static_cast<size_t>(column)), out);
  } else {
    AppendValue(bytes(static_cast<size_t>(column)), out);
  }
}

}  // namespace larder::featurestore
