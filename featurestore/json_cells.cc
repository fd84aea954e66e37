// SPDX-License-Identifier: Apache-2.0
#include "featurestore/json_cells.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "featurestore/record_batch.h"
#include "registry/nearest_name.h"

namespace larder::featurestore {
namespace {

namespace ondemand = simdjson::ondemand;
using registry::Kind;
using registry::SourceColumn;

constexpr int kMaxDepth = 64;
constexpr std::string_view kDeleteField = "_delete";

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// Where the first byte that is not part of a well-formed character stands. Only for messages.
size_t InvalidUtf8At(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    size_t length = 1;
    while (length <= 4 && !IsUtf8(text.substr(at, length))) ++length;
    if (length > 4) break;
    at += length;
  }
  return at;
}

// Where the first control character inside a string stands, or the quote that opens a string which
// does not end. Only for messages.
size_t BadStringAt(std::string_view text) {
  size_t open = 0;
  bool inside = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (inside && static_cast<uint8_t>(text[i]) < 0x20) return i;
    if (inside && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      inside = !inside;
      open = i;
    }
  }
  return open;
}

// Behind the last bracket of the object or array that `text` begins with; its size if that does not
// end. Only for messages.
size_t EndOfBrackets(std::string_view text) {
  int depth = 0;
  bool inside = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inside && c == '\\') {
      ++i;
    } else if (c == '"') {
      inside = !inside;
    } else if (!inside && (c == '{' || c == '[')) {
      ++depth;
    } else if (!inside && (c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
  }
  return text.size();
}

// One text being read, padded as the parser wants it. What was read from it stays valid while
// another text is read.
struct Text {
  ondemand::parser parser;
  std::string padded;
  size_t size = 0;
  ondemand::document document;

  simdjson::error_code Open(std::string_view text) {
    size = text.size();
    padded.assign(text);
    padded.append(simdjson::SIMDJSON_PADDING, ' ');
    return parser.iterate(padded.data(), size, padded.size()).get(document);
  }
  std::string_view text() const { return std::string_view(padded).substr(0, size); }

  Status Bad(size_t at, std::string_view reason) const {
    at = std::min(at, size);
    return InvalidArgument("not JSON at byte ", at, ": ", reason, ", near '",
                           Shorten(text().substr(at)), "'");
  }
  // Of an error met while reading.
  Status Bad(simdjson::error_code error) {
    size_t at = size;
    const char* location = nullptr;
    switch (error) {
      case simdjson::UTF8_ERROR:
        at = InvalidUtf8At(text());
        return InvalidArgument("not UTF-8 at byte ", at);
      case simdjson::UNESCAPED_CHARS:
        return Bad(BadStringAt(text()), "a control character inside a string");
      case simdjson::UNCLOSED_STRING:
        return Bad(BadStringAt(text()), "a string does not end");
      case simdjson::EMPTY:
        return InvalidArgument("not JSON: the record is empty");
      case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
        // Said of any text whose last word is no bracket.
        at = EndOfBrackets(text());
        if (at < size) return Bad(at, "something follows the value");
        return Bad(size, "it ends before its last bracket");
      default:
        break;
    }
    if (document.current_location().get(location) == simdjson::SUCCESS &&
        location >= padded.data()) {
      at = OffsetOf(location);
    }
    if (error == simdjson::STRING_ERROR) {
      return Bad(at, "a bad escape or half a surrogate pair in a string before it");
    }
    return Bad(at, "a missing or extra comma, colon, quote or bracket");
  }
  // Call when the one value of the text was read.
  Status CheckEnd() {
    const char* location = nullptr;
    if (document.current_location().get(location) == simdjson::OUT_OF_BOUNDS) return OkStatus();
    return Bad(location == nullptr ? size : OffsetOf(location), "something follows the value");
  }
  size_t OffsetOf(const char* at) const { return static_cast<size_t>(at - padded.data()); }
  std::string_view RestFrom(const char* at) const {
    return text().substr(std::min(OffsetOf(at), size));
  }
};

// Classifies `value`; unescapes strings. Containers are not entered.
Status ReadToken(Text& text, ondemand::value& value, Token& token) {
  const std::string_view raw = value.raw_json_token();
  token.got = Trim(raw);
  switch (raw.empty() ? '\0' : raw.front()) {
    case '"': {
      token.kind = Token::Kind::kString;
      if (const auto error = value.get_string().get(token.text)) {
        const auto at = text.OffsetOf(raw.data());
        if (error != simdjson::STRING_ERROR) return text.Bad(error);
        return text.Bad(at, "a bad escape or half a surrogate pair in this string");
      }
      return OkStatus();
    }
    case '[':
    case '{':
      token.kind = raw.front() == '[' ? Token::Kind::kArray : Token::Kind::kObject;
      token.got = text.RestFrom(raw.data());
      return OkStatus();
    default:
      break;
  }
  token.text = token.got;
  bool integer = false;
  if (token.got == "null") {
    token.kind = Token::Kind::kNull;
  } else if (token.got == "true" || token.got == "false") {
    token.kind = Token::Kind::kBool;
    token.truth = token.got == "true";
  } else if (IsJsonNumber(token.got, &integer)) {
    token.kind = Token::Kind::kNumber;
  } else {
    const auto at = text.OffsetOf(raw.data());
    for (const std::string_view name : {"NaN", "Infinity", "-Infinity", "-NaN", "nan", "inf"}) {
      if (token.got == name) return text.Bad(at, "NaN and infinities are refused");
    }
    return text.Bad(at, "expected a value");
  }
  return OkStatus();
}

// Reads a value that nobody wants, so that what is stored was JSON as a whole.
Status Skip(Text& text, ondemand::value& value, int depth) {
  if (depth > kMaxDepth) return InvalidArgument("nested deeper than ", kMaxDepth, " levels");
  Token token;
  LARDER_RETURN_IF_ERROR(ReadToken(text, value, token));
  if (token.kind == Token::Kind::kArray) {
    ondemand::array array;
    if (const auto error = value.get_array().get(array)) return text.Bad(error);
    for (auto result : array) {
      ondemand::value element;
      if (const auto error = std::move(result).get(element)) return text.Bad(error);
      LARDER_RETURN_IF_ERROR(Skip(text, element, depth + 1));
    }
  } else if (token.kind == Token::Kind::kObject) {
    ondemand::object object;
    if (const auto error = value.get_object().get(object)) return text.Bad(error);
    for (auto result : object) {
      ondemand::field field;
      if (const auto error = std::move(result).get(field)) return text.Bad(error);
      std::string_view key;
      if (const auto error = field.unescaped_key().get(key)) return text.Bad(error);
      LARDER_RETURN_IF_ERROR(Skip(text, field.value(), depth + 1));
    }
  }
  return OkStatus();
}

}  // namespace

struct JsonCells::Impl {
  Impl(const registry::Source& s, RecordFormat f) : source(s), format(f), cells(s.columns.size()) {
    for (const SourceColumn& column : source.columns) {
      elements.push_back(column);
      registry::Type& type = elements.back().type;
      type = type.kind == Kind::kVector ? registry::Type{.kind = Kind::kFloat} : type.Element();
    }
  }

  int ColumnOf(std::string_view name);
  Status ReadFields();
  Status ReadColumn(size_t column, ondemand::value& value);
  Status ReadListText(size_t column, std::string_view text);
  Status ReadList(size_t column, Text& text, ondemand::array array);
  Status AddElement(size_t column, const Token& token);
  Status ReadDeleted(const Token& token);
  Status UnknownField(std::string_view name) const;

  const registry::Source& source;
  const RecordFormat format;
  std::vector<SourceColumn> elements;  // of lists and vectors
  Text record;
  std::map<size_t, Text> list_texts;   // kJsonText: arrays that came as text, by column
  std::vector<Cell> cells;
  ListValues lists;
  std::optional<bool> deleted;
  std::vector<int> order;              // column of the nth field of the record before
  size_t field = 0;
};

JsonCells::JsonCells(const registry::Source& source, RecordFormat format)
    : impl_(std::make_unique<Impl>(source, format)) {}
JsonCells::~JsonCells() = default;

const std::vector<Cell>& JsonCells::cells() const { return impl_->cells; }
const ListValues& JsonCells::lists() const { return impl_->lists; }
std::optional<bool> JsonCells::deleted() const { return impl_->deleted; }

Status JsonCells::Read(std::string_view record) {
  std::fill(impl_->cells.begin(), impl_->cells.end(), Cell{});
  impl_->lists.clear();
  impl_->deleted.reset();
  impl_->field = 0;
  if (record.size() > kMaxRecordBytes) {
    return InvalidArgument("the record has ", record.size(), " bytes, the limit is ",
                           kMaxRecordBytes);
  }
  if (const auto error = impl_->record.Open(record)) return impl_->record.Bad(error);
  return impl_->ReadFields();
}

// First guess: the column that stood there in the record before, since producers write their
// fields in one order. -1: unknown.
int JsonCells::Impl::ColumnOf(std::string_view name) {
  if (field >= order.size()) order.push_back(-1);
  int& guess = order[field++];
  if (guess < 0 || source.columns[static_cast<size_t>(guess)].name != name) {
    guess = source.FindColumn(name);
  }
  return guess;
}

Status JsonCells::Impl::UnknownField(std::string_view name) const {
  std::vector<std::string_view> known;
  for (const SourceColumn& column : source.columns) known.push_back(column.name);
  return InvalidArgument("unknown field '", Shorten(name), "' of source '", source.name, "'",
                         registry::DidYouMean(name, known));
}

Status JsonCells::Impl::ReadFields() {
  const std::string_view all = record.text();
  const auto first =
      static_cast<size_t>(std::find_if_not(all.begin(), all.end(), IsSpace) - all.begin());
  if (all[first] != '{') {
    return InvalidArgument("expected a JSON object, got ", Shorten(all.substr(first)));
  }
  ondemand::object object;
  if (const auto error = record.document.get_object().get(object)) return record.Bad(error);
  for (auto result : object) {
    ondemand::field json;
    if (const auto error = std::move(result).get(json)) return record.Bad(error);
    std::string_view name;
    if (const auto error = json.unescaped_key().get(name)) return record.Bad(error);
    const int column = ColumnOf(name);
    if (column >= 0) {
      const Status status = ReadColumn(static_cast<size_t>(column), json.value());
      if (!status.ok()) return Annotate(status, Concat("field '", name, "'"));
    } else if (name == kDeleteField) {
      Token token;
      LARDER_RETURN_IF_ERROR(ReadToken(record, json.value(), token));
      LARDER_RETURN_IF_ERROR(ReadDeleted(token));
    } else if (source.ignore_extra) {
      LARDER_RETURN_IF_ERROR(Skip(record, json.value(), 1));
    } else {
      return UnknownField(name);
    }
  }
  return record.CheckEnd();
}

Status JsonCells::Impl::ReadDeleted(const Token& token) {
  if (token.kind == Token::Kind::kNull) return OkStatus();
  const bool text = token.kind == Token::Kind::kString && format == RecordFormat::kJsonText;
  if (text && token.text.empty()) return OkStatus();
  if (!source.table) {
    return InvalidArgument("field '", kDeleteField, "': source '", source.name,
                           "' is events; only rows of a table can be deleted");
  }
  if (deleted.has_value()) return InvalidArgument("field '", kDeleteField, "': it comes twice");
  if (token.kind == Token::Kind::kBool) {
    deleted = token.truth;
  } else if (text && (token.text == "true" || token.text == "false")) {
    deleted = token.text == "true";
  } else {
    return InvalidArgument("field '", kDeleteField, "': expected true or false, got ",
                           Shown(token));
  }
  return OkStatus();
}

Status JsonCells::Impl::ReadColumn(size_t column, ondemand::value& value) {
  const SourceColumn& declared = source.columns[column];
  Cell& cell = cells[column];
  if (cell.state != Cell::State::kAbsent) return InvalidArgument("it comes twice");
  Token token;
  LARDER_RETURN_IF_ERROR(ReadToken(record, value, token));
  const bool text = token.kind == Token::Kind::kString && format == RecordFormat::kJsonText;
  if (token.kind == Token::Kind::kNull || (text && token.text.empty())) {
    cell.state = Cell::State::kNull;
    return OkStatus();
  }
  if (!declared.type.list && declared.type.kind != Kind::kVector) {
    return ConvertScalar(source, declared, format, token, cell);
  }
  if (text) return ReadListText(column, token.text);
  if (token.kind != Token::Kind::kArray) {
    return InvalidArgument("expected ", declared.type.Name(), " as an array, got ",
                           Shown(token));
  }
  ondemand::array array;
  if (const auto error = value.get_array().get(array)) return record.Bad(error);
  return ReadList(column, record, array);
}

Status JsonCells::Impl::ReadListText(size_t column, std::string_view text) {
  Text& list = list_texts[column];
  if (const auto error = list.Open(text)) return list.Bad(error);
  ondemand::array array;
  if (list.document.get_array().get(array) != simdjson::SUCCESS) {
    return InvalidArgument("expected ", source.columns[column].type.Name(),
                           " as a JSON array in text, got ", Shorten(text));
  }
  LARDER_RETURN_IF_ERROR(ReadList(column, list, array));
  return list.CheckEnd();
}

Status JsonCells::Impl::ReadList(size_t column, Text& text, ondemand::array array) {
  const registry::Type& type = source.columns[column].type;
  const bool vector = type.kind == Kind::kVector;
  size_t count = 0;
  cells[column].state = Cell::State::kValue;
  for (auto result : array) {
    ondemand::value value;
    if (const auto error = std::move(result).get(value)) return text.Bad(error);
    Token token;
    LARDER_RETURN_IF_ERROR(ReadToken(text, value, token));
    // Those beyond are counted only, so that the message says how many came.
    if (!vector || count < type.dimensions) {
      const Status status = AddElement(column, token);
      if (!status.ok()) return Annotate(status, Concat("element ", count));
    }
    ++count;
  }
  if (vector && count != type.dimensions) {
    return InvalidArgument("expected ", type.dimensions, " numbers, got ", count);
  }
  return OkStatus();
}

Status JsonCells::Impl::AddElement(size_t column, const Token& token) {
  const SourceColumn& element = elements[column];
  Cell value;
  LARDER_RETURN_IF_ERROR(ConvertScalar(source, element, RecordFormat::kJson, token, value));
  size_t size = 0;
  switch (element.type.kind) {
    case Kind::kFloat:
    case Kind::kDouble:
      if (source.columns[column].type.kind == Kind::kVector) {
        lists.floats.push_back(static_cast<float>(value.number));
        size = lists.floats.size();
      } else {
        lists.numbers.push_back(value.number);
        size = lists.numbers.size();
      }
      break;
    case Kind::kString:
    case Kind::kKey:
      lists.texts.push_back(value.text);
      size = lists.texts.size();
      break;
    default:
      lists.integers.push_back(value.integer);
      size = lists.integers.size();
      break;
  }
  Cell& cell = cells[column];
  if (cell.end == 0) cell.begin = size - 1;
  cell.end = size;
  return OkStatus();
}

}  // namespace larder::featurestore
