// SPDX-License-Identifier: Apache-2.0
#include "featurestore/cell_values.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <system_error>

#include "base/bytes.h"
#include "base/clock.h"

namespace larder::featurestore {
namespace {

using registry::Kind;
using registry::Source;

constexpr size_t kMaxKeyBytes = 256;  // S1.3

template <typename... Parts>
Status Expected(const Token& token, const Parts&... expected) {
  return InvalidArgument("expected ", expected..., ", got ", Shown(token));
}

// Names that other writers of numbers use and JSON does not know (S1.8).
bool IsNotFinite(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  for (const std::string_view name : {"nan", "inf", "infinity"}) {
    if (text.size() != name.size()) continue;
    bool same = true;
    for (size_t i = 0; i < name.size(); ++i) same = same && (text[i] | 0x20) == name[i];
    if (same) return true;
  }
  return false;
}

// The text of a number: a JSON number, or in kJsonText also text that looks like one.
bool NumberText(RecordFormat format, const Token& token) {
  return token.kind == Token::Kind::kNumber ||
         (token.kind == Token::Kind::kString && format == RecordFormat::kJsonText);
}

Status ConvertBool(RecordFormat format, const Token& token, Cell& out) {
  const bool text = token.kind == Token::Kind::kString && format == RecordFormat::kJsonText;
  if (token.kind == Token::Kind::kBool) {
    out.integer = token.truth;
  } else if (text && (token.text == "true" || token.text == "false")) {
    out.integer = token.text == "true";
  } else {
    return Expected(token, "true or false");
  }
  return OkStatus();
}

Status ConvertInt64(RecordFormat format, const Token& token, Cell& out) {
  bool integer = false;
  if (!NumberText(format, token) || !IsJsonNumber(token.text, &integer) || !integer) {
    return Expected(token, "int64");
  }
  const char* end = token.text.data() + token.text.size();
  if (std::from_chars(token.text.data(), end, out.integer).ec != std::errc()) {
    return Expected(token, "int64, from ", std::numeric_limits<int64_t>::min(), " to ",
                    std::numeric_limits<int64_t>::max());
  }
  return OkStatus();
}

Status ConvertDouble(Kind kind, RecordFormat format, const Token& token, Cell& out) {
  const std::string_view name = kind == Kind::kFloat ? "float" : "double";
  bool integer = false;
  if (!NumberText(format, token)) return Expected(token, name);
  if (IsNotFinite(token.text)) return Expected(token, "a finite ", name);
  if (!IsJsonNumber(token.text, &integer)) return Expected(token, name);
  const char* end = token.text.data() + token.text.size();
  if (std::from_chars(token.text.data(), end, out.number).ec != std::errc()) {
    // Too large or too small to tell apart here: strtod makes the small ones 0 or subnormal.
    out.number = std::strtod(std::string(token.text).c_str(), nullptr);
  }
  if (kind == Kind::kFloat) out.number = static_cast<double>(static_cast<float>(out.number));
  if (!std::isfinite(out.number)) return Expected(token, "a ", name, " within its range");
  return OkStatus();
}

int64_t MicrosPer(Source::TimeUnit unit) {
  switch (unit) {
    case Source::TimeUnit::kSeconds:
      return kSecondUs;
    case Source::TimeUnit::kMilliseconds:
      return kMillisecondUs;
    case Source::TimeUnit::kMicroseconds:
    case Source::TimeUnit::kRfc3339:
      break;
  }
  return 1;
}

std::string_view UnitName(Source::TimeUnit unit) {
  switch (unit) {
    case Source::TimeUnit::kSeconds:
      return "seconds";
    case Source::TimeUnit::kMilliseconds:
      return "milliseconds";
    case Source::TimeUnit::kMicroseconds:
    case Source::TimeUnit::kRfc3339:
      break;
  }
  return "microseconds";
}

Status ConvertTime(const Source& source, RecordFormat format, const Token& token, Cell& out) {
  const bool has_unit = source.unit != Source::TimeUnit::kRfc3339;
  bool integer = false;
  if (NumberText(format, token) && IsJsonNumber(token.text, &integer)) {
    if (!has_unit) {
      return Expected(token, "an RFC 3339 time such as 2024-05-01T10:00:00Z (a source with "
                             "`unit: s | ms | us` takes integers)");
    }
    const char* end = token.text.data() + token.text.size();
    if (!integer) return Expected(token, "an integer of ", UnitName(source.unit));
    if (std::from_chars(token.text.data(), end, out.integer).ec == std::errc() &&
        !__builtin_mul_overflow(out.integer, MicrosPer(source.unit), &out.integer) &&
        out.integer >= kMinTime && out.integer <= kMaxTime) {
      return OkStatus();
    }
    return Expected(token, "a time in ", UnitName(source.unit),
                    " since 1970 within the years 0001 to 9999");
  }
  if (token.kind == Token::Kind::kString) {
    const StatusOr<TimeUs> time = ParseTime(token.text);
    if (time.ok() && *time >= kMinTime && *time <= kMaxTime) {
      out.integer = *time;
      return OkStatus();
    }
  }
  return Expected(token, has_unit ? Concat("an integer of ", UnitName(source.unit), " or an ")
                                  : std::string("an "),
                  "RFC 3339 time such as 2024-05-01T10:00:00Z");
}

Status ConvertDuration(const Token& token, Cell& out) {
  if (token.kind == Token::Kind::kString) {
    const StatusOr<DurationUs> duration = ParseDuration(token.text);
    if (duration.ok()) {
      out.integer = *duration;
      return OkStatus();
    }
  }
  return Expected(token, "a duration such as 90s");
}

Status CheckKey(const Token& token, std::string_view key) {
  if (key.empty()) return InvalidArgument("expected a key of 1 to 256 bytes, got an empty text");
  if (key.size() > kMaxKeyBytes) {
    return InvalidArgument("expected a key of 1 to 256 bytes, got ", key.size(), " bytes, ",
                           Shown(token));
  }
  return OkStatus();
}

Status ConvertText(const registry::SourceColumn& column, const Token& token, Cell& out) {
  const bool key = column.type.kind == Kind::kKey;
  bool integer = false;
  if (token.kind == Token::Kind::kString) {
    out.text = token.text;
  } else if (key && token.kind == Token::Kind::kNumber && IsJsonNumber(token.text, &integer) &&
             integer) {
    out.text = token.text == "-0" ? "0" : token.text;  // one key, one text
  } else {
    return Expected(token, key ? "a key: text or an integer" : "text");
  }
  if (key || !column.entity.empty()) return CheckKey(token, out.text);
  return OkStatus();
}

}  // namespace

void ListValues::clear() {
  integers.clear();
  numbers.clear();
  texts.clear();
  floats.clear();
}

bool IsJsonNumber(std::string_view text, bool* integer) {
  size_t i = 0;
  const auto digits = [&] {
    const size_t begin = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i - begin;
  };
  if (i < text.size() && text[i] == '-') ++i;
  const size_t first = i;
  const size_t whole = digits();
  if (whole == 0 || (whole > 1 && text[first] == '0')) return false;
  *integer = i == text.size();
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

std::string Shorten(std::string_view text) {
  constexpr size_t kShown = 64;
  std::string out(Utf8Prefix(text, kShown));
  const bool cut = out.size() < text.size();
  const bool utf8 = IsUtf8(out);
  for (char& c : out) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8)) c = '?';
  }
  return cut ? out + "..." : out;
}

std::string Shown(const Token& token) {
  if (token.kind == Token::Kind::kNull) return "null";
  if (token.kind != Token::Kind::kArray && token.kind != Token::Kind::kObject) {
    return Shorten(token.got);
  }
  // To the bracket that closes it.
  size_t open = 0;
  bool in_string = false;
  for (size_t i = 0; i < token.got.size(); ++i) {
    const char c = token.got[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
      continue;
    }
    in_string = c == '"';
    if (c == '[' || c == '{') ++open;
    if ((c == ']' || c == '}') && --open == 0) return Shorten(token.got.substr(0, i + 1));
  }
  return Shorten(token.got);
}

Status ConvertScalar(const Source& source, const registry::SourceColumn& column,
                     RecordFormat format, const Token& token, Cell& out) {
  out.state = Cell::State::kValue;
  switch (column.type.kind) {
    case Kind::kBool:
      return ConvertBool(format, token, out);
    case Kind::kInt64:
      return ConvertInt64(format, token, out);
    case Kind::kFloat:
    case Kind::kDouble:
      return ConvertDouble(column.type.kind, format, token, out);
    case Kind::kTimestamp:
      return ConvertTime(source, format, token, out);
    case Kind::kDuration:
      return ConvertDuration(token, out);
    case Kind::kString:
    case Kind::kKey:
      return ConvertText(column, token, out);
    case Kind::kVector:
      break;
  }
  return Expected(token, "a scalar");
}

}  // namespace larder::featurestore
