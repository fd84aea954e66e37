// SPDX-License-Identifier: Apache-2.0
#include "featurestore/dedupe.h"

#include <algorithm>

#include "base/bytes.h"
#include "featurestore/hash_bytes.h"

namespace larder::featurestore {
namespace {

constexpr uint8_t kIdsFormat = 1;
constexpr uint8_t kIdIsPayloadHash = 1;
constexpr size_t kFirstSlots = 16;

// Linear probing stays short up to here; fuller tables double.
bool IsFull(size_t used, size_t slots) { return used * 8 >= slots * 7; }

}  // namespace

DedupeIndex::DedupeIndex(size_t capacity, OnForget on_forget)
    : capacity_(std::clamp<size_t>(capacity, 1, size_t{1} << 25)),
      on_forget_(std::move(on_forget)) {}

std::optional<OriginalRecord> DedupeIndex::Find(const Hash128& id) const {
  const Table& table = tables_[TableOf(id)];
  if (table.slots.empty()) return std::nullopt;
  const size_t mask = table.slots.size() - 1;
  const uint32_t tag = Tag(id);
  for (size_t i = Home(table, id); table.slots[i] != 0; i = (i + 1) & mask) {
    if ((table.slots[i] & ~kIndexMask) != tag) continue;
    const Record& record = At((table.slots[i] & kIndexMask) - 1);
    if (record.id == id) return record.original;
  }
  return std::nullopt;
}

void DedupeIndex::Add(const Hash128& id, const Hash128& payload_hash, Position position) {
  if (Find(id).has_value()) return;
  size_t at = size();
  if (at == capacity_) {
    at = head_;
    if (on_forget_) on_forget_(At(at).id, At(at).original);
    Erase(At(at).id, at);
    head_ = (head_ + 1) % capacity_;
  } else {
    if (at / kChunkRecords == chunks_.size()) {
      chunks_.push_back(std::make_unique<Record[]>(std::min(capacity_, kChunkRecords)));
    }
    size_.store(at + 1, std::memory_order_relaxed);
  }
  At(at) = Record{id, {payload_hash, position}};
  Table& table = tables_[TableOf(id)];
  if (table.slots.empty() || IsFull(table.used + 1, table.slots.size())) Grow(table);
  Insert(table, id, at);
  oldest_.store(At(head_).original.position.value, std::memory_order_release);
}

void DedupeIndex::Insert(Table& table, const Hash128& id, size_t ring_index) {
  const size_t mask = table.slots.size() - 1;
  size_t i = Home(table, id);
  while (table.slots[i] != 0) i = (i + 1) & mask;
  table.slots[i] = Tag(id) | static_cast<uint32_t>(ring_index + 1);
  ++table.used;
}

void DedupeIndex::Grow(Table& table) {
  const std::vector<uint32_t> old = std::move(table.slots);
  table.slots.assign(old.empty() ? kFirstSlots : old.size() * 2, 0);
  table.used = 0;
  for (const uint32_t slot : old) {
    if (slot == 0) continue;
    const size_t ring_index = (slot & kIndexMask) - 1;
    Insert(table, At(ring_index).id, ring_index);
  }
}

void DedupeIndex::Erase(const Hash128& id, size_t ring_index) {
  Table& table = tables_[TableOf(id)];
  const size_t mask = table.slots.size() - 1;
  const uint32_t wanted = Tag(id) | static_cast<uint32_t>(ring_index + 1);
  size_t hole = Home(table, id);
  while (table.slots[hole] != wanted) hole = (hole + 1) & mask;
  --table.used;
  // Close the gap: move back what would no longer be found from its home.
  for (size_t i = (hole + 1) & mask; table.slots[i] != 0; i = (i + 1) & mask) {
    const size_t home = Home(table, At((table.slots[i] & kIndexMask) - 1).id);
    if (((i - home) & mask) >= ((i - hole) & mask)) {
      table.slots[hole] = table.slots[i];
      hole = i;
    }
  }
  table.slots[hole] = 0;
}

std::string EncodeIds(const Entry& entry) {
  LARDER_CHECK(entry.kind == EntryKind::kData);
  const std::vector<RecordInfo>& infos = entry.batch.infos;
  const bool own_ids = std::any_of(infos.begin(), infos.end(), [](const RecordInfo& info) {
    return info.id != info.payload_hash;
  });
  std::string bytes;
  ByteWriter out(bytes);
  out.Fixed(kIdsFormat);
  out.Varint(entry.number);
  out.String(entry.batch.source);
  out.Fixed(own_ids ? uint8_t{0} : kIdIsPayloadHash);
  out.Varint(infos.size());
  for (const RecordInfo& info : infos) {
    EncodeHash(info.payload_hash, out);
    if (!own_ids) continue;
    EncodeHash(info.id, out);
  }
  out.Fixed(Hash64(bytes));
  return bytes;
}

StatusOr<EntryIds> DecodeIds(std::string_view bytes) {
  constexpr size_t kChecksumBytes = sizeof(uint64_t);
  constexpr std::string_view kWhat = "stored record ids";
  if (bytes.size() <= kChecksumBytes) return DataLoss(kWhat, ": truncated");
  const std::string_view body = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (Hash64(body) != EntryChecksum(bytes)) {
    return DataLoss(kWhat, ": the checksum does not match");
  }
  ByteReader in(body);
  const auto format = in.Fixed<uint8_t>();
  if (format > kIdsFormat) {
    return Unimplemented(kWhat, ": format ", format, " is newer than ", kIdsFormat,
                         ", the newest that this version reads");
  }
  if (format == 0) return DataLoss(kWhat, ": there is no format 0");
  EntryIds ids;
  ids.entry = in.Varint();
  ids.source = in.String();
  const auto parts = in.Fixed<uint8_t>();
  if (parts > kIdIsPayloadHash) in.Fail();
  const bool own_ids = (parts & kIdIsPayloadHash) == 0;
  const size_t count = in.Count(own_ids ? 32 : 16);
  if (count > kMaxBatchRecords) in.Fail();
  if (in.ok()) ids.ids.resize(count);
  for (EntryIds::Id& id : ids.ids) {
    id.payload_hash = DecodeHash(in);
    id.id = id.payload_hash;
    if (!own_ids) continue;
    id.id = DecodeHash(in);
  }
  LARDER_RETURN_IF_ERROR(in.Finish(kWhat));
  return ids;
}

Status SourceIds::Recall(std::span<const RecordInfo> infos) {
  recalled_.clear();
  for (const RecordInfo& info : infos) {
    std::optional<OriginalRecord> found = newest_.Find(info.id);
    if (!found.has_value()) {
      LARDER_ASSIGN_OR_RETURN(found, history_.Find(info.id));
    }
    if (found.has_value()) recalled_.emplace(info.id, *found);
  }
  return OkStatus();
}

std::optional<OriginalRecord> SourceIds::FindAny(const Hash128& id) const {
  if (const auto found = recalled_.find(id); found != recalled_.end()) return found->second;
  const auto found = newest_.Find(id);
  return found.has_value() ? found : history_.FindInMemory(id);
}

SourceIds& Dedupe::For(std::string_view source) {
  const MutexLock lock(mutex_);
  const auto it = sources_.find(source);
  if (it != sources_.end()) return *it->second;
  const std::string name(source);
  auto ids = std::make_unique<SourceIds>(name, ids_per_source_, db_);
  return *sources_.emplace(name, std::move(ids)).first->second;
}

void Dedupe::Add(const EntryIds& ids) {
  DedupeIndex& index = For(ids.source).newest();
  for (size_t i = 0; i < ids.ids.size(); ++i) {
    index.Add(ids.ids[i].id, ids.ids[i].payload_hash, Position::Of(ids.entry, i));
  }
}

void Dedupe::Add(const Entry& entry) {
  if (entry.kind != EntryKind::kData) return;
  SourceIds& ids = For(entry.batch.source);
  if (entry.arrival_kind == ArrivalKind::kStamped) ids.NoteLive(entry.number);
  const std::vector<RecordInfo>& infos = entry.batch.infos;
  for (size_t i = 0; i < infos.size(); ++i) {
    ids.newest().Add(infos[i].id, infos[i].payload_hash, Position::Of(entry.number, i));
  }
}

std::map<std::string, Dedupe::SourceStats> Dedupe::Stats() const {
  const MutexLock lock(mutex_);
  std::map<std::string, SourceStats> stats;
  for (const auto& [source, ids] : sources_) {
    stats[source] = {ids->newest().size(), ids->newest().duplicates()};
  }
  return stats;
}

}  // namespace larder::featurestore
