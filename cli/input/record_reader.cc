// SPDX-License-Identifier: Apache-2.0
#include "cli/input/record_reader.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "cli/input/csv_reader.h"
#include "cli/input/line_reader.h"
#include "cli/json.h"

namespace larder::cli {
namespace {

class JsonLines : public RecordReader {
 public:
  explicit JsonLines(std::unique_ptr<ByteSource> source)
      : source_(std::move(source)), lines_(*source_, kMaxRecordBytes) {}

  StatusOr<bool> Next(InputRecord& record) override {
    do {
      LARDER_ASSIGN_OR_RETURN(const bool more, lines_.Next(line_));
      if (!more) return false;
    } while (line_.text.find_first_not_of(" \t") == std::string::npos);
    record.line = line_.number;
    record.raw.clear();
    record.bytes.swap(line_.text);
    record.status = line_.too_long ? InvalidArgument("line has ", line_.size_bytes,
                                                     " bytes, expected at most ", kMaxRecordBytes)
                                   : OkStatus();
    return true;
  }

 private:
  std::unique_ptr<ByteSource> source_;
  LineReader lines_;
  Line line_;
};

class CsvRecords : public RecordReader {
 public:
  explicit CsvRecords(std::unique_ptr<ByteSource> source)
      : source_(std::move(source)), csv_(*source_, kMaxRecordBytes) {}

  Status ReadNames(const std::string& path) {
    LARDER_ASSIGN_OR_RETURN(const bool any, csv_.Next(record_));
    if (!any) return InvalidArgument(path, ":1: is empty, expected a line with the fields' names");
    if (!record_.status.ok()) {
      return Annotate(record_.status, Concat(path, ":", record_.line));
    }
    std::set<std::string_view> seen;
    for (const std::string& name : record_.fields) {
      if (name.empty() || !IsUtf8(name) || !seen.insert(name).second) {
        return InvalidArgument(path, ":", record_.line, ": field name '", name,
                               "' is empty, repeated or not UTF-8");
      }
    }
    names_ = record_.fields;
    return OkStatus();
  }

  StatusOr<bool> Next(InputRecord& record) override {
    LARDER_ASSIGN_OR_RETURN(const bool more, csv_.Next(record_));
    if (!more) return false;
    record.line = record_.line;
    record.raw.swap(record_.raw);
    record.bytes.clear();
    record.status = Convert(record.bytes);
    return true;
  }

 private:
  Status Convert(std::string& bytes) const {
    if (!record_.status.ok()) return record_.status;
    if (record_.fields.size() != names_.size()) {
      return InvalidArgument("record has ", record_.fields.size(), " fields, expected ",
                             names_.size(), " as in the first line");
    }
    Json object = Json::object();
    for (size_t i = 0; i < names_.size(); ++i) {
      if (!IsUtf8(record_.fields[i])) {
        return InvalidArgument("field '", names_[i], "': expected UTF-8, got other bytes");
      }
      object[names_[i]] = record_.fields[i];
    }
    bytes = object.dump();
    if (bytes.size() > kMaxRecordBytes) {
      return InvalidArgument("record has ", bytes.size(), " bytes, expected at most ",
                             kMaxRecordBytes);
    }
    return OkStatus();
  }

  std::unique_ptr<ByteSource> source_;
  CsvReader csv_;
  CsvRecord record_;
  std::vector<std::string> names_;
};

}  // namespace

StatusOr<InputFormat> FormatOf(std::string_view path, std::string_view format) {
  if (format == "json") return InputFormat::kJsonLines;
  if (format == "csv") return InputFormat::kCsv;
  if (!format.empty()) {
    return InvalidArgument("--format: expected json or csv, got '", format, "'");
  }
  for (const std::string_view compressed : {".zst", ".gz"}) {
    if (path.ends_with(compressed)) path.remove_suffix(compressed.size());
  }
  return path.ends_with(".csv") ? InputFormat::kCsv : InputFormat::kJsonLines;
}

StatusOr<std::unique_ptr<RecordReader>> RecordReader::Open(const std::string& path,
                                                           InputFormat format, OnIdle on_idle) {
  LARDER_ASSIGN_OR_RETURN(auto source, OpenInput(path, std::move(on_idle)));
  if (format == InputFormat::kJsonLines) return std::make_unique<JsonLines>(std::move(source));
  auto records = std::make_unique<CsvRecords>(std::move(source));
  LARDER_RETURN_IF_ERROR(records->ReadNames(path));
  return records;
}

}  // namespace larder::cli
