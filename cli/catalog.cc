// SPDX-License-Identifier: Apache-2.0
#include "cli/catalog.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "cli/exit_code.h"
#include "cli/input/byte_source.h"
#include "cli/input/line_reader.h"
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
      if (parsed.is_discarded()) return InvalidArgument(where, ": not JSON in UTF-8");
      if (!parsed.is_object()) {
        return InvalidArgument(where, ": expected a JSON object, got ", parsed.type_name());
      }
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

// None for a missing, null or empty field.
StatusOr<std::optional<TimeUs>> TimeField(const Record& record, const std::string& name,
                                          const std::string& where) {
  LARDER_ASSIGN_OR_RETURN(const std::string text, TextField(record, name, where));
  if (text.empty()) return std::optional<TimeUs>();
  const StatusOr<TimeUs> time = ParseTime(text);
  if (!time.ok()) return Annotate(time.status(), Concat(where, ": field '", name, "'"));
  return std::optional<TimeUs>(*time);
}

// CSV has numbers as text. Finite, but minus infinity for a missing or null field.
StatusOr<double> NumberField(const Record& record, const std::string& name,
                             const std::string& where) {
  const auto found = record.find(name);
  if (found == record.end() || found->is_null()) return -std::numeric_limits<double>::infinity();
  if (found->is_number() && std::isfinite(found->get<double>())) return found->get<double>();
  if (found->is_string()) {
    const auto& text = found->get_ref<const std::string&>();
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    if (whole && std::isfinite(number)) return number;
  }
  return InvalidArgument(where, ": field '", name, "': expected a finite number, got ",
                         found->dump());
}

// The values of the named fields: texts, or lists of texts.
Status AddValues(const Record& record, const std::vector<std::string>& fields,
                 const std::string& where, text::Document& document) {
  for (const std::string& field : fields) {
    const auto found = record.find(field);
    if (found == record.end() || found->is_null()) continue;
    const Record list = found->is_array() ? *found : Record::array({*found});
    for (const Record& value : list) {
      if (!value.is_string()) {
        return InvalidArgument(where, ": field '", field,
                               "': expected text or a list of texts, got ", value.type_name());
      }
      if (!value.get_ref<const std::string&>().empty()) {
        document.values.push_back(Concat(field, "=", value.get_ref<const std::string&>()));
      }
    }
  }
  // One that is listed twice says no more than once.
  std::sort(document.values.begin(), document.values.end());
  document.values.erase(std::unique(document.values.begin(), document.values.end()),
                        document.values.end());
  return OkStatus();
}

Status CheckFields(const EventFields& fields) {
  const std::pair<std::string_view, const std::string&> named[] = {
      {"--user", fields.user}, {"--item", fields.item}, {"--event-time", fields.time}};
  for (const auto& [option, name] : named) {
    if (name.empty()) return UsageError(option, ": expected the name of a field, got ''");
  }
  if (std::isfinite(fields.at_least)) return OkStatus();
  return UsageError("--at-least is ", fields.at_least, ", expected a finite number");
}

std::vector<std::string_view> SplitTabs(std::string_view line) {
  std::vector<std::string_view> cells;
  for (;;) {
    const size_t tab = line.find('\t');
    cells.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return cells;
    line.remove_prefix(tab + 1);
  }
}

bool BeginsLikeNumber(std::string_view text) {
  return !text.empty() && std::string_view("0123456789+-.").find(text[0]) != text.npos;
}

// Sees to it that some record has each field that a command names: a name that none has is
// misspelt, and nothing would be learned from it. An empty name means no field.
class FieldCheck {
 public:
  // `records` is whose records they are, `advice` what to do about a field that none has.
  FieldCheck(std::string records, std::string advice, const std::vector<std::string>& fields)
      : records_(std::move(records)), advice_(std::move(advice)) {
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
    return InvalidArgument("no record of ", records_, " has a field '", missing_.front(),
                           "', there are: ", there, "; ", advice_);
  }

 private:
  const std::string records_;
  const std::string advice_;
  bool any_ = false;
  std::vector<std::string> missing_;
  std::set<std::string> there_;  // of the records up to the one where nothing was missing
};

}  // namespace

StatusOr<Catalog> ReadCatalog(const std::vector<std::string>& files, const ItemFields& fields,
                              const TagsByKey& tags) {
  Catalog catalog;
  std::vector<std::string> named = {fields.title, fields.content, fields.key, fields.time};
  named.insert(named.end(), fields.values.begin(), fields.values.end());
  FieldCheck check("the items", "name one of them, or '' for none", named);
  const Status status =
      ForEachRecord(files, [&](const Record& record, const std::string& where) -> Status {
        check.See(record);
        text::Document document;
        LARDER_ASSIGN_OR_RETURN(document.title, TextField(record, fields.title, where));
        LARDER_ASSIGN_OR_RETURN(document.content, TextField(record, fields.content, where));
        LARDER_ASSIGN_OR_RETURN(const std::optional<TimeUs> time,
                                TimeField(record, fields.time, where));
        document.time = time.value_or(0);
        if (document.title.empty() && document.content.empty()) return OkStatus();
        LARDER_RETURN_IF_ERROR(AddValues(record, fields.values, where, document));
        catalog.keys.emplace_back();
        if (!fields.key.empty()) {
          LARDER_ASSIGN_OR_RETURN(const std::string key, TextField(record, fields.key, where));
          if (const auto found = tags.find(key); found != tags.end()) document.tags = found->second;
          const auto number = static_cast<uint32_t>(catalog.documents.size());
          catalog.keys.back() = key;
          if (!key.empty() && !catalog.number_of.emplace(key, number).second) {
            return InvalidArgument(where, ": ", fields.key, " '", key, "' comes twice");
          }
        }
        catalog.documents.push_back(std::move(document));
        return OkStatus();
      });
  if (!status.ok()) return status;
  LARDER_RETURN_IF_ERROR(check.End());
  return catalog;
}

StatusOr<std::vector<text::Interaction>> ReadInteractions(const std::string& file,
                                                          const EventFields& fields,
                                                          const Catalog& catalog) {
  LARDER_RETURN_IF_ERROR(CheckFields(fields));
  std::vector<text::Interaction> interactions;
  std::unordered_map<std::string, uint32_t> users;
  FieldCheck check(file, "name one of them",
                   {fields.user, fields.item, fields.time, fields.value});
  const Status status =
      ForEachRecord({file}, [&](const Record& record, const std::string& where) -> Status {
        check.See(record);
        LARDER_ASSIGN_OR_RETURN(const std::string user, TextField(record, fields.user, where));
        LARDER_ASSIGN_OR_RETURN(const std::string item, TextField(record, fields.item, where));
        LARDER_ASSIGN_OR_RETURN(const std::optional<TimeUs> time,
                                TimeField(record, fields.time, where));
        if (!fields.value.empty()) {
          LARDER_ASSIGN_OR_RETURN(const double value, NumberField(record, fields.value, where));
          if (!(value >= fields.at_least)) return OkStatus();
        }
        const auto number = catalog.number_of.find(item);
        if (user.empty() || !time.has_value()) return OkStatus();
        if (number == catalog.number_of.end()) return OkStatus();
        const auto next = static_cast<uint32_t>(users.size());
        interactions.push_back({.user = users.try_emplace(user, next).first->second,
                                .item = number->second,
                                .time = *time});
        return OkStatus();
      });
  if (!status.ok()) return status;
  LARDER_RETURN_IF_ERROR(check.End());
  if (interactions.empty()) {
    return InvalidArgument(file, ": no event has a user, an item of the catalog and a time");
  }
  return interactions;
}

StatusOr<std::vector<text::ScoredPair>> ReadScoredPairs(const std::string& file,
                                                        const PairColumns& columns) {
  LARDER_ASSIGN_OR_RETURN(const auto source, OpenInput(file));
  LineReader lines(*source, kMaxRecordBytes);
  std::vector<text::ScoredPair> pairs;
  Line line;
  size_t empty_lines = 0;  // at the end they do no harm
  for (;;) {
    LARDER_ASSIGN_OR_RETURN(const bool more, lines.Next(line));
    if (!more) return pairs;
    if (line.text.empty()) {
      ++empty_lines;
      continue;
    }
    if (empty_lines > 0) {
      return InvalidArgument(file, ":", line.number, ": a line after an empty one");
    }
    const std::string where = Concat(file, ":", line.number);
    const std::vector<std::string_view> cells = SplitTabs(line.text);
    const size_t needed = std::max({columns.score, columns.first, columns.second});
    if (line.too_long || cells.size() < needed) {
      return InvalidArgument(where, ": ", cells.size(), " columns, expected at least ", needed);
    }
    text::ScoredPair pair;
    const std::string_view score = cells[columns.score - 1];
    const auto [end, error] = std::from_chars(score.begin(), score.end(), pair.score);
    if (error != std::errc() || end != score.end() || !std::isfinite(pair.score)) {
      if (line.number == 1 && !BeginsLikeNumber(score)) continue;  // the columns' names
      return InvalidArgument(where, ": column ", columns.score, ": expected a number, got '", score,
                             "'");
    }
    pair.first = cells[columns.first - 1];
    pair.second = cells[columns.second - 1];
    pairs.push_back(std::move(pair));
  }
}

StatusOr<std::vector<std::string>> ReadTexts(const std::vector<std::string>& files,
                                             const std::vector<std::string>& fields) {
  std::vector<std::string> texts;
  FieldCheck check("the items", "name one of them", fields);
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
