// SPDX-License-Identifier: Apache-2.0
#include "featurestore/record_parser.h"

#include <charconv>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "featurestore/column_codec.h"
#include "featurestore/json_cells.h"

namespace larder::featurestore {
namespace {

using registry::Column;
using registry::Kind;
using registry::Reason;
using registry::Source;
using registry::SourceColumn;
using registry::Type;

// The canonical bytes of one value, elements one by one; S1.7's payload hash is over them.
void WriteValue(const Type& type, const Cell& cell, const ListValues& lists, ByteWriter& out) {
  if (type.kind == Kind::kVector) {
    out.Raw(AsBytes(std::span(lists.floats).subspan(cell.begin, cell.end - cell.begin)));
    return;
  }
  if (type.list) out.Varint(cell.end - cell.begin);
  const size_t count = type.list ? cell.end - cell.begin : 1;
  for (size_t i = 0; i < count; ++i) {
    const size_t at = cell.begin + i;
    switch (type.kind) {
      case Kind::kString:
      case Kind::kKey:
        out.String(type.list ? lists.texts[at] : cell.text);
        break;
      case Kind::kFloat:
      case Kind::kDouble:
        out.Fixed(type.list ? lists.numbers[at] : cell.number);
        break;
      default:
        out.Fixed(type.list ? lists.integers[at] : cell.integer);
        break;
    }
  }
}

void AppendValue(const Cell& cell, const ListValues& lists, Column& column) {
  const Type& type = column.type;
  if (cell.state != Cell::State::kValue) return column.AppendNull(Reason::kInputNull);
  if (type.kind == Kind::kVector) {
    return column.AppendFloats(std::span(lists.floats).subspan(cell.begin, cell.end - cell.begin));
  }
  switch (type.kind) {
    case Kind::kString:
    case Kind::kKey:
      if (!type.list) return column.AppendString(cell.text);
      for (size_t i = cell.begin; i < cell.end; ++i) column.AddString(lists.texts[i]);
      break;
    case Kind::kFloat:
    case Kind::kDouble:
      if (!type.list) return column.AppendDouble(cell.number);
      for (size_t i = cell.begin; i < cell.end; ++i) column.AddDouble(lists.numbers[i]);
      break;
    default:
      if (!type.list) return column.AppendInt(cell.integer);
      for (size_t i = cell.begin; i < cell.end; ++i) column.AddInt(lists.integers[i]);
      break;
  }
  column.EndList();
}

// Turns the cells of one record into a row.
// Thread-safety: single-thread.
class RowBuilder {
 public:
  RowBuilder(const Source& source, RecordFormat format) : source_(source), cells_(source, format) {}

  // Appends the row of `record` to `batch`, or nothing of it.
  Status Add(std::string_view record, RecordBatch& batch) {
    LARDER_RETURN_IF_ERROR(cells_.Read(record));
    LARDER_RETURN_IF_ERROR(CheckPresent());
    RecordInfo info;
    if (IsDelete()) info.flags |= RecordInfo::kDelete;
    info.event_time = info.original_event_time = cells_.cells()[source_.time_column].integer;
    info.payload_hash = PayloadHash();
    info.id = IdOr(info.payload_hash);
    for (size_t i = 0; i < batch.columns.size(); ++i) {
      AppendValue(cells_.cells()[i], cells_.lists(), batch.columns[i]);
    }
    batch.infos.push_back(info);
    return OkStatus();
  }

 private:
  bool IsDelete() const { return cells_.deleted().value_or(false); }
  bool Has(size_t column) const { return cells_.cells()[column].state == Cell::State::kValue; }

  // What must be there, and for a tombstone (S1.5) what must not.
  Status CheckPresent() const {
    LARDER_RETURN_IF_ERROR(Require(source_.time_column, "the time of each record"));
    if (source_.table) LARDER_RETURN_IF_ERROR(Require(source_.key_column, "the key of each row"));
    if (source_.id_column.has_value() && !IsDelete()) {
      LARDER_RETURN_IF_ERROR(Require(*source_.id_column, "the id of each record"));
    }
    for (size_t i = 0; IsDelete() && i < source_.columns.size(); ++i) {
      if (!Has(i) || i == source_.time_column || i == source_.key_column ||
          i == source_.id_column) {
        continue;
      }
      return InvalidArgument("field '", source_.columns[i].name,
                             "': a delete carries only its key and its time");
    }
    if (source_.id_column.has_value() && Has(*source_.id_column) &&
        IdText(cells_.cells()[*source_.id_column]).empty()) {
      return InvalidArgument("field '", source_.columns[*source_.id_column].name,
                             "': expected an id, got an empty text");
    }
    return OkStatus();
  }

  Status Require(size_t column, std::string_view what) const {
    if (Has(column)) return OkStatus();
    const bool null = cells_.cells()[column].state == Cell::State::kNull;
    return InvalidArgument("field '", source_.columns[column].name, "': expected ", what, ", ",
                           null ? "got null" : "it is missing");
  }

  // Over the delete flag and, by name (the order of Source::columns), each value that is there.
  Hash128 PayloadHash() {
    canonical_.clear();
    ByteWriter out(canonical_);
    out.Fixed(static_cast<uint8_t>(IsDelete()));
    for (size_t i = 0; i < source_.columns.size(); ++i) {
      if (!Has(i)) continue;
      const SourceColumn& column = source_.columns[i];
      out.String(column.name);
      out.Fixed(static_cast<uint8_t>(column.type.kind));
      out.Fixed(static_cast<uint8_t>(column.type.list));
      WriteValue(column.type, cells_.cells()[i], cells_.lists(), out);
    }
    return HashTo128(canonical_);
  }

  std::string_view IdText(const Cell& cell) const {
    const Kind kind = source_.columns[*source_.id_column].type.kind;
    if (kind == Kind::kString || kind == Kind::kKey) return cell.text;
    const auto end = std::to_chars(id_digits_, id_digits_ + sizeof id_digits_, cell.integer).ptr;
    return {id_digits_, static_cast<size_t>(end - id_digits_)};
  }

  Hash128 IdOr(const Hash128& payload_hash) const {
    if (!source_.id_column.has_value() || !Has(*source_.id_column)) return payload_hash;
    return HashTo128(IdText(cells_.cells()[*source_.id_column]));
  }

  const Source& source_;
  JsonCells cells_;
  std::string canonical_;
  mutable char id_digits_[24] = {};
};

}  // namespace

Status CheckBatchLimits(const Source& source, std::span<const std::string_view> records) {
  if (records.size() > kMaxBatchRecords) {
    return InvalidArgument("a batch of ", records.size(), " records, the limit is ",
                           kMaxBatchRecords);
  }
  size_t bytes = 0;
  for (const std::string_view record : records) bytes += record.size();
  if (bytes > kMaxBatchBytes) {
    return InvalidArgument("a batch of ", bytes, " bytes, the limit is ", kMaxBatchBytes);
  }
  size_t cells = 0;
  for (const SourceColumn& column : source.columns) cells += CellsOf(column.type);
  if (cells * records.size() > kMaxBatchCells) {
    return InvalidArgument("a batch of ", records.size(), " records with ", cells,
                           " values each, the limit is ", kMaxBatchCells,
                           " values; send fewer records at once");
  }
  return OkStatus();
}

ParsedBatch ParseRecords(const Source& source, RecordFormat format,
                         std::span<const std::string_view> records) {
  ParsedBatch parsed;
  parsed.good.source = source.name;
  for (const SourceColumn& column : source.columns) {
    parsed.good.names.push_back(column.name);
    parsed.good.columns.push_back(Column::Of(column.type, records.size()));
  }
  parsed.good.infos.reserve(records.size());
  parsed.statuses.reserve(records.size());
  RowBuilder builder(source, format);
  for (size_t i = 0; i < records.size(); ++i) {
    parsed.statuses.push_back(builder.Add(records[i], parsed.good));
    if (parsed.statuses.back().ok()) parsed.request_index.push_back(static_cast<uint32_t>(i));
  }
  return parsed;
}

}  // namespace larder::featurestore
