// SPDX-License-Identifier: Apache-2.0
#include "featurestore/entry.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "featurestore/column_codec.h"
#include "featurestore/hash_bytes.h"

namespace larder::featurestore {
namespace {

// docs/formats/log.md
constexpr uint8_t kEntryFormat = 1;
// 1 has no kEpoch and no kNoBase; 2 and 1 have no list of vectors: their kVectors names an artifact
// that this version does not read, so that a job makes its vectors again.
constexpr uint8_t kActivationFormat = 3;
constexpr size_t kChecksumBytes = sizeof(uint64_t);
// Keeps every length of a column within 32 bits.
constexpr size_t kMaxEntryBytes = size_t{1} << 30;
constexpr size_t kMaxColumns = 65'536;

// Bits that say which parts of the records' infos are there.
constexpr uint8_t kIdIsPayloadHash = 1;
constexpr uint8_t kHasOriginalTimes = 2;
constexpr uint8_t kHasFlags = 4;
constexpr uint8_t kRecordFlags = RecordInfo::kDelete | RecordInfo::kRepair | RecordInfo::kHusk;

// How a column's values are stored.
constexpr uint8_t kPlain = 0;
constexpr uint8_t kOriginalTime = 1;  // they are the records' original event times

void EncodeInfos(std::span<const RecordInfo> infos, TimeUs arrival, ByteWriter& out) {
  const auto any = [&](auto test) { return std::any_of(infos.begin(), infos.end(), test); };
  const bool own_ids = any([](const RecordInfo& i) { return i.id != i.payload_hash; });
  const bool originals =
      any([](const RecordInfo& i) { return i.original_event_time != i.event_time; });
  const bool flags = any([](const RecordInfo& i) { return i.flags != 0; });
  out.Fixed(static_cast<uint8_t>((own_ids ? 0 : kIdIsPayloadHash) |
                                 (originals ? kHasOriginalTimes : 0) | (flags ? kHasFlags : 0)));
  for (const RecordInfo& info : infos) EncodeHash(info.payload_hash, out);
  if (own_ids) {
    for (const RecordInfo& info : infos) EncodeHash(info.id, out);
  }
  TimeUs previous = arrival;
  for (const RecordInfo& info : infos) {
    out.SignedVarint(WrapSub(info.event_time, previous));
    previous = info.event_time;
  }
  if (originals) {
    for (const RecordInfo& info : infos) {
      out.SignedVarint(WrapSub(info.original_event_time, info.event_time));
    }
  }
  if (flags) {
    for (const RecordInfo& info : infos) out.Fixed(info.flags);
  }
}

std::vector<RecordInfo> DecodeInfos(size_t rows, TimeUs arrival, ByteReader& in) {
  std::vector<RecordInfo> infos(rows);
  const auto parts = in.Fixed<uint8_t>();
  if (parts > (kIdIsPayloadHash | kHasOriginalTimes | kHasFlags)) in.Fail();
  for (RecordInfo& info : infos) info.payload_hash = DecodeHash(in);
  for (RecordInfo& info : infos) {
    info.id = (parts & kIdIsPayloadHash) != 0 ? info.payload_hash : DecodeHash(in);
  }
  TimeUs previous = arrival;
  for (RecordInfo& info : infos) {
    info.event_time = WrapAdd(in.SignedVarint(), previous);
    previous = info.event_time;
  }
  for (RecordInfo& info : infos) {
    const int64_t later = (parts & kHasOriginalTimes) != 0 ? in.SignedVarint() : 0;
    info.original_event_time = WrapAdd(info.event_time, later);
  }
  if ((parts & kHasFlags) == 0) return infos;
  for (RecordInfo& info : infos) {
    info.flags = in.Fixed<uint8_t>();
    if ((info.flags & ~kRecordFlags) != 0) in.Fail();
  }
  return infos;
}

bool HoldsOriginalTimes(const registry::Column& column, std::span<const RecordInfo> infos) {
  if (column.type.kind != registry::Kind::kTimestamp || column.type.list) return false;
  for (size_t row = 0; row < infos.size(); ++row) {
    if (!column.valid(row) || column.ints[row] != infos[row].original_event_time) return false;
  }
  return true;
}

void EncodeBatch(const RecordBatch& batch, TimeUs arrival, ByteWriter& out) {
  LARDER_CHECK(batch.names.size() == batch.columns.size());
  LARDER_CHECK(batch.size() <= kMaxBatchRecords);
  out.String(batch.source);
  out.Varint(batch.size());
  out.Varint(batch.columns.size());
  for (size_t i = 0; i < batch.columns.size(); ++i) {
    LARDER_CHECK(batch.columns[i].rows == batch.size());
    out.String(batch.names[i]);
    EncodeType(batch.columns[i].type, out);
  }
  EncodeInfos(batch.infos, arrival, out);
  for (const registry::Column& column : batch.columns) {
    const bool is_time = HoldsOriginalTimes(column, batch.infos);
    out.Fixed(is_time ? kOriginalTime : kPlain);
    if (!is_time) EncodeColumn(column, out);
  }
}

RecordBatch DecodeBatch(TimeUs arrival, ByteReader& in) {
  RecordBatch batch;
  batch.source = in.String();
  const size_t rows = in.Count();
  const size_t columns = in.Count(3);  // a name's length, a kind, a flag byte
  if (rows > kMaxBatchRecords || columns > kMaxColumns) in.Fail();
  if (!in.ok()) return batch;
  batch.names.reserve(columns);
  batch.columns.reserve(columns);
  for (size_t i = 0; i < columns; ++i) {
    batch.names.emplace_back(in.String());
    batch.columns.emplace_back().type = DecodeType(in);
    if (!in.ok()) return batch;
  }
  if (rows * CellsPerRecord(batch.columns) > kMaxBatchCells) in.Fail();
  if (!in.ok()) return batch;
  batch.infos = DecodeInfos(rows, arrival, in);
  size_t elements = 0;  // of lists
  for (registry::Column& column : batch.columns) {
    const auto storage = in.Fixed<uint8_t>();
    if (storage == kPlain) {
      column = DecodeColumn(std::move(column.type), rows, kMaxBatchCells - elements, in);
      if (column.type.list) elements += column.elements();
    } else if (storage == kOriginalTime && column.type.kind == registry::Kind::kTimestamp &&
               !column.type.list) {
      column = registry::Column::Of(std::move(column.type), rows);
      for (const RecordInfo& info : batch.infos) column.AppendInt(info.original_event_time);
    } else {
      in.Fail();
    }
    if (!in.ok()) return batch;
  }
  return batch;
}

}  // namespace

std::string EncodeEntry(const Entry& entry) {
  std::string bytes;
  ByteWriter out(bytes);
  out.Fixed(kEntryFormat);
  out.Varint(entry.number);
  out.Fixed(entry.previous_checksum);
  out.Fixed(static_cast<uint8_t>(entry.kind));
  out.Varint(entry.revision);
  out.SignedVarint(entry.arrival);
  out.Fixed(static_cast<uint8_t>(entry.arrival_kind));
  out.String(entry.producer);
  out.Varint(entry.sequence);
  if (entry.kind == EntryKind::kData) {
    EncodeBatch(entry.batch, entry.arrival, out);
  } else {
    out.String(entry.control);
  }
  out.Fixed(Hash64(bytes));
  return bytes;
}

uint64_t EntryChecksum(std::string_view bytes) {
  if (bytes.size() < kChecksumBytes) return 0;
  return ByteReader(bytes.substr(bytes.size() - kChecksumBytes)).Fixed<uint64_t>();
}

StatusOr<Entry> DecodeEntry(std::string_view bytes) {
  if (bytes.size() <= kChecksumBytes || bytes.size() > kMaxEntryBytes) {
    return DataLoss("log entry: ", bytes.size(), " bytes cannot be an entry");
  }
  const std::string_view body = bytes.substr(0, bytes.size() - kChecksumBytes);
  ByteReader in(body);
  const auto format = in.Fixed<uint8_t>();
  Entry entry;
  entry.number = in.Varint();
  const std::string name = Concat("log entry ", entry.number);
  if (Hash64(body) != EntryChecksum(bytes)) return DataLoss(name, ": the checksum does not match");
  if (format > kEntryFormat) {
    return Unimplemented(name, ": format ", format, " is newer than ", kEntryFormat,
                         ", the newest that this version reads");
  }
  if (format == 0) return DataLoss(name, ": there is no format 0");
  entry.previous_checksum = in.Fixed<uint64_t>();
  const auto kind = in.Fixed<uint8_t>();
  entry.revision = in.Varint();
  entry.arrival = in.SignedVarint();
  const auto arrival_kind = in.Fixed<uint8_t>();
  entry.producer = in.String();
  entry.sequence = in.Varint();
  if (!in.ok()) return in.Finish(name);
  if (kind < static_cast<uint8_t>(EntryKind::kData) ||
      kind > static_cast<uint8_t>(EntryKind::kActivate)) {
    return DataLoss(name, ": unknown kind ", kind);
  }
  if (arrival_kind < static_cast<uint8_t>(ArrivalKind::kStamped) ||
      arrival_kind > static_cast<uint8_t>(ArrivalKind::kDeclared)) {
    return DataLoss(name, ": unknown kind of arrival ", arrival_kind);
  }
  entry.kind = static_cast<EntryKind>(kind);
  entry.arrival_kind = static_cast<ArrivalKind>(arrival_kind);
  if (entry.kind == EntryKind::kData) {
    entry.batch = DecodeBatch(entry.arrival, in);
  } else {
    entry.control = in.String();
  }
  LARDER_RETURN_IF_ERROR(in.Finish(name));
  return entry;
}

StatusOr<Entry> DecodeNextEntry(std::string_view bytes, uint64_t number,
                                uint64_t previous_checksum) {
  LARDER_ASSIGN_OR_RETURN(Entry entry, DecodeEntry(bytes));
  if (entry.number != number) {
    return DataLoss("log entry ", number, ": it says that it is entry ", entry.number);
  }
  if (entry.previous_checksum != previous_checksum) {
    return DataLoss("log entry ", number, ": it does not follow the entry before it: checksums ",
                    entry.previous_checksum, " and ", previous_checksum);
  }
  return entry;
}

std::string EncodeActivation(const Activation& activation) {
  std::string bytes;
  ByteWriter out(bytes);
  out.Fixed(kActivationFormat);
  out.Fixed(static_cast<uint8_t>(activation.kind));
  out.Raw(activation.feature.view());
  out.Raw(activation.artifact.view());
  out.Raw(activation.vectors);
  return bytes;
}

StatusOr<Activation> DecodeActivation(std::string_view bytes) {
  ByteReader in(bytes);
  const auto format = in.Fixed<uint8_t>();
  if (in.ok() && format > kActivationFormat) {
    return Unimplemented("activation: format ", format, " is newer than ", kActivationFormat,
                         ", the newest that this version reads");
  }
  const auto kind = in.Fixed<uint8_t>();
  const std::string_view feature = in.Raw(32);
  const std::string_view artifact = in.Raw(32);
  const std::string_view vectors = format < 3 ? std::string_view() : in.Raw(in.remaining());
  LARDER_RETURN_IF_ERROR(in.Finish("activation"));
  Activation activation;
  if (format == 0 || kind < static_cast<uint8_t>(Activation::Kind::kIndexBase) ||
      kind > static_cast<uint8_t>(Activation::Kind::kAllVectors)) {
    return DataLoss("activation: format ", format, ", unknown kind ", kind);
  }
  activation.kind = static_cast<Activation::Kind>(kind);
  LARDER_ASSIGN_OR_RETURN(activation.feature, Digest::FromBytes(feature));
  LARDER_ASSIGN_OR_RETURN(activation.artifact, Digest::FromBytes(artifact));
  activation.vectors = vectors;
  return activation;
}

}  // namespace larder::featurestore
