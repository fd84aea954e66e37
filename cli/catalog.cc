// SPDX-License-Identifier: Apache-2.0
#include "cli/catalog.h"

#include <functional>
#include <utility>

#include "cli/input/record_reader.h"
#include "cli/json.h"

namespace larder::cli {
namespace {

using Record = nlohmann::json;

// Calls `take(record, where)` for every record; `where` is "file:line".
Status ForEachRecord(
    const std::vector<std::string>& files,
    const std::function<Status(const Record& record, const std::string& where)>& take) {
  for (const std::string& file : files) {
    LARDER_ASSIGN_OR_RETURN(const InputFormat format, FormatOf(file, ""));
    LARDER_ASSIGN_OR_RETURN(const auto reader, RecordReader::Open(file, format));
    InputRecord record;
    for (;;) {
      LARDER_ASSIGN_OR_RETURN(const bool more, reader->Next(record));
      if (!more) break;
      const std::string where = Concat(file, ":", record.line);
      if (!record.status.ok()) return Annotate(record.status, where);
      const Record parsed = Record::parse(record.bytes, nullptr, false);
      if (!parsed.is_object()) return InvalidArgument(where, ": expected a JSON object");
      LARDER_RETURN_IF_ERROR(take(parsed, where));
    }
  }
  return OkStatus();
}

StatusOr<std::string> TextField(const Record& record, const std::string& name,
                                const std::string& where) {
  const auto found = record.find(name);
  if (found == record.end() || found->is_null()) return std::string();
  if (!found->is_string()) {
    return InvalidArgument(where, ": field '", name, "': expected text, got ", found->type_name());
  }
  return found->get<std::string>();
}

}  // namespace

StatusOr<std::vector<text::Document>> ReadDocuments(const std::vector<std::string>& files,
                                                    const ItemFields& fields,
                                                    const TagsByKey& tags) {
  std::vector<text::Document> documents;
  const Status status =
      ForEachRecord(files, [&](const Record& record, const std::string& where) -> Status {
        text::Document document;
        LARDER_ASSIGN_OR_RETURN(document.title, TextField(record, fields.title, where));
        LARDER_ASSIGN_OR_RETURN(document.content, TextField(record, fields.content, where));
        if (document.title.empty() && document.content.empty()) return OkStatus();
        if (!fields.key.empty()) {
          LARDER_ASSIGN_OR_RETURN(const std::string key, TextField(record, fields.key, where));
          if (const auto found = tags.find(key); found != tags.end()) document.tags = found->second;
        }
        documents.push_back(std::move(document));
        return OkStatus();
      });
  if (!status.ok()) return status;
  return documents;
}

StatusOr<std::vector<std::string>> ReadTexts(const std::vector<std::string>& files,
                                             const std::vector<std::string>& fields) {
  std::vector<std::string> texts;
  const Status status =
      ForEachRecord(files, [&](const Record& record, const std::string& where) -> Status {
        for (const std::string& field : fields) {
          LARDER_ASSIGN_OR_RETURN(std::string text, TextField(record, field, where));
          if (!text.empty()) texts.push_back(std::move(text));
        }
        return OkStatus();
      });
  if (!status.ok()) return status;
  return texts;
}

StatusOr<TagsByKey> ReadTags(const std::string& file, const std::string& key,
                             const std::string& tags) {
  TagsByKey out;
  const Status status =
      ForEachRecord({file}, [&](const Record& record, const std::string& where) -> Status {
        LARDER_ASSIGN_OR_RETURN(const std::string name, TextField(record, key, where));
        const auto list = record.find(tags);
        if (name.empty() || list == record.end() || !list->is_array()) {
          return InvalidArgument(where, ": expected a text '", key, "' and a list '", tags, "'");
        }
        for (const Record& tag : *list) {
          if (!tag.is_string()) return InvalidArgument(where, ": a tag is no text");
          out[name].push_back(tag.get<std::string>());
        }
        return OkStatus();
      });
  if (!status.ok()) return status;
  return out;
}

}  // namespace larder::cli
