// SPDX-License-Identifier: Apache-2.0
#include "cli/catalog.h"

#include <functional>
#include <set>
#include <utility>

#include "cli/input/record_reader.h"
#include "cli/json.h"

namespace larder::cli {
namespace {

using Record = nlohmann::json;

constexpr size_t kMaxFieldsNamed = 50;

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
  const auto found = name.empty() ? record.end() : record.find(name);
  if (found == record.end() || found->is_null()) return std::string();
  if (!found->is_string()) {
    return InvalidArgument(where, ": field '", name, "': expected text, got ", found->type_name());
  }
  return found->get<std::string>();
}

// Sees to it that some record has each field that a command names: a name that none has is
// misspelt, and nothing would be learned from it. An empty name means no field.
class FieldCheck {
 public:
  explicit FieldCheck(const std::vector<std::string>& fields) {
    for (const std::string& field : fields) {
      if (!field.empty()) missing_.push_back(field);
    }
  }

  void See(const Record& record) {
    any_ = true;
    if (missing_.empty()) return;
    std::erase_if(missing_, [&](const std::string& field) { return record.contains(field); });
    for (const auto& field : record.items()) {
      if (there_.size() < kMaxFieldsNamed) there_.insert(field.key());
    }
  }

  // After the last record. Errors: kInvalidArgument naming the fields that there are.
  Status End() const {
    if (!any_ || missing_.empty()) return OkStatus();
    std::string there;
    for (const std::string& field : there_) there += Concat(there.empty() ? "" : ", ", field);
    return InvalidArgument("no record of the items has a field '", missing_.front(),
                           "', there are: ", there, "; name one of them, or '' for none");
  }

 private:
  bool any_ = false;
  std::vector<std::string> missing_;
  std::set<std::string> there_;  // of the records up to the one where nothing was missing
};

}  // namespace

StatusOr<std::vector<text::Document>> ReadDocuments(const std::vector<std::string>& files,
                                                    const ItemFields& fields,
                                                    const TagsByKey& tags) {
  std::vector<text::Document> documents;
  FieldCheck check({fields.title, fields.content, fields.key});
  const Status status =
      ForEachRecord(files, [&](const Record& record, const std::string& where) -> Status {
        check.See(record);
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
  LARDER_RETURN_IF_ERROR(check.End());
  return documents;
}

StatusOr<std::vector<std::string>> ReadTexts(const std::vector<std::string>& files,
                                             const std::vector<std::string>& fields) {
  std::vector<std::string> texts;
  FieldCheck check(fields);
  const Status status =
      ForEachRecord(files, [&](const Record& record, const std::string& where) -> Status {
        check.See(record);
        for (const std::string& field : fields) {
          LARDER_ASSIGN_OR_RETURN(std::string text, TextField(record, field, where));
          if (!text.empty()) texts.push_back(std::move(text));
        }
        return OkStatus();
      });
  if (!status.ok()) return status;
  LARDER_RETURN_IF_ERROR(check.End());
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
