// SPDX-License-Identifier: Apache-2.0
#include "cli/input/csv_reader.h"

#include <utility>

namespace larder::cli {
namespace {

constexpr size_t kKeptOfLongRecord = 1'000;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

StatusOr<int> CsvReader::PeekByte() {
  if (again_at_ < again_.size()) return static_cast<unsigned char>(again_[again_at_]);
  LARDER_ASSIGN_OR_RETURN(const std::string_view buffered, bytes_.Peek());
  return buffered.empty() ? -1 : static_cast<unsigned char>(buffered.front());
}

void CsvReader::SkipByte() {
  if (again_at_ < again_.size()) {
    ++again_at_;
  } else {
    bytes_.Skip(1);
  }
}

StatusOr<int> CsvReader::Get() {
  LARDER_ASSIGN_OR_RETURN(const int byte, PeekByte());
  if (byte >= 0) SkipByte();
  if (byte == '\n') ++line_;
  return byte;
}

void CsvReader::Keep(CsvRecord& record, int byte) {
  ++record_bytes_;
  record.raw.push_back(static_cast<char>(byte));
}

Status CsvReader::SkipLine(CsvRecord& record) {
  for (;;) {
    LARDER_ASSIGN_OR_RETURN(const int byte, Get());
    if (byte < 0 || byte == '\n') return OkStatus();
    if (record_bytes_ <= max_bytes_) Keep(record, byte);
  }
}

Status CsvReader::Fail(CsvRecord& record, Status status) {
  record.status = std::move(status);
  const size_t end = record.raw.find('\n');
  if (end == std::string::npos) return SkipLine(record);
  // A quote made it span lines: what stands behind the first one is read again.
  again_ = record.raw.substr(end + 1) + again_.substr(again_at_);
  again_at_ = 0;
  line_ = record.line + 1;
  record.raw.resize(end);
  record_bytes_ = end;
  return OkStatus();
}

// After the opening quote, to the byte after the closing one.
Status CsvReader::ReadQuoted(CsvRecord& record, std::string& field) {
  for (;;) {
    LARDER_ASSIGN_OR_RETURN(const int byte, Get());
    if (byte < 0) {
      return Fail(record, InvalidArgument("quote opened in field ", record.fields.size() + 1,
                                          " is not closed before the end of the file"));
    }
    Keep(record, byte);
    if (record_bytes_ > max_bytes_) return OkStatus();
    if (byte == '"') {
      LARDER_ASSIGN_OR_RETURN(const int next, PeekByte());
      if (next != '"') return OkStatus();
      SkipByte();
      Keep(record, next);
    }
    field.push_back(static_cast<char>(byte));
  }
}

Status CsvReader::ReadRecord(CsvRecord& record, int first) {
  std::string field;
  bool quoted = false;
  for (int byte = first;;) {
    if (byte == '\r') {
      LARDER_ASSIGN_OR_RETURN(const int next, PeekByte());
      if (next == '\n' || next < 0) {
        LARDER_ASSIGN_OR_RETURN(byte, Get());
        byte = '\n';
      }
    }
    if (byte < 0 || byte == '\n') break;
    Keep(record, byte);
    if (byte == ',') {
      record.fields.push_back(std::exchange(field, {}));
      quoted = false;
    } else if (byte == '"' && field.empty() && !quoted) {
      quoted = true;
      LARDER_RETURN_IF_ERROR(ReadQuoted(record, field));
      if (!record.status.ok()) return OkStatus();
    } else if (quoted) {
      return Fail(record, InvalidArgument("field ", record.fields.size() + 1,
                                          " goes on after its closing quote, expected a comma"));
    } else {
      field.push_back(static_cast<char>(byte));
    }
    if (record_bytes_ > max_bytes_) {
      return Fail(record, InvalidArgument("record is longer than ", max_bytes_, " bytes",
                                          record.raw.find('\n') == std::string::npos
                                              ? ""
                                              : "; is a quote not closed on its first line?"));
    }
    LARDER_ASSIGN_OR_RETURN(byte, Get());
  }
  record.fields.push_back(std::move(field));
  return OkStatus();
}

StatusOr<bool> CsvReader::Next(CsvRecord& record) {
  record = CsvRecord{};
  record_bytes_ = 0;
  if (!std::exchange(started_, true)) {
    LARDER_ASSIGN_OR_RETURN(const std::string_view head, bytes_.Peek());
    if (head.starts_with(kByteOrderMark)) bytes_.Skip(kByteOrderMark.size());
  }
  int byte;
  do {
    record.line = line_;
    LARDER_ASSIGN_OR_RETURN(byte, Get());
  } while (byte == '\n' || byte == '\r');
  if (byte < 0) return false;
  LARDER_RETURN_IF_ERROR(ReadRecord(record, byte));
  if (record_bytes_ > max_bytes_) record.raw.resize(std::min(record.raw.size(), kKeptOfLongRecord));
  return true;
}

}  // namespace larder::cli
