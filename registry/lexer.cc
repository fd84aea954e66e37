// SPDX-License-Identifier: Apache-2.0
#include "registry/lexer.h"

#include <charconv>
#include <cmath>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "registry/parser.h"

namespace larder::registry {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsLetter(char c) { return IsLower(c) || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class Lexer {
 public:
  Lexer(const SourceText& source, std::vector<Diagnostic>& diagnostics)
      : source_(source), text_(source.text), diagnostics_(diagnostics) {}

  std::optional<std::vector<Token>> Run() {
    if (!CheckText()) return std::nullopt;
    for (;;) {
      while (at_ < text_.size() && IsBlank(text_[at_])) ++at_;
      Token token;
      token.at = PositionOf(at_);
      if (at_ == text_.size()) {
        tokens_.push_back(std::move(token));
        return std::move(tokens_);
      }
      if (!Next(token)) return std::nullopt;
      tokens_.push_back(std::move(token));
    }
  }

 private:
  SourcePosition PositionOf(size_t offset) const {
    if (source_.positions.empty()) return {};
    return source_.positions[std::min(offset, source_.positions.size() - 1)];
  }

  template <typename... Parts>
  bool Fail(size_t offset, const Parts&... parts) {
    const SourcePosition at = PositionOf(offset);
    diagnostics_.push_back({source_.file, at.line, at.column, Concat(parts...)});
    return false;
  }

  bool CheckText() {
    if (!IsUtf8(text_)) return Fail(0, "the expression is not valid UTF-8");
    size_t characters = 0;
    for (const char c : text_) {
      if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) ++characters;
    }
    if (characters <= kMaxExpressionCharacters) return true;
    return Fail(0, "the expression has ", characters, " characters, at most ",
                kMaxExpressionCharacters, " are allowed");
  }

  bool Next(Token& token) {
    const char c = text_[at_];
    if (IsDigit(c)) return Number(token);
    if (c == '"' || c == '\'') return String(token);
    if (IsLower(c)) return Name(token);
    return Symbol(token);
  }

  bool Name(Token& token) {
    const size_t begin = at_;
    while (at_ < text_.size() && (IsLetter(text_[at_]) || IsDigit(text_[at_]))) ++at_;
    token.kind = Token::Kind::kName;
    token.text = text_.substr(begin, at_ - begin);
    for (const char c : token.text) {
      if (c >= 'A' && c <= 'Z') {
        return Fail(begin, "name '", token.text, "': names have lower-case letters, digits and _");
      }
    }
    return true;
  }

  bool Number(Token& token) {
    const size_t begin = at_;
    SkipDigits();
    bool whole = true;
    if (at_ + 1 < text_.size() && text_[at_] == '.' && IsDigit(text_[at_ + 1])) {
      whole = false;
      ++at_;
      SkipDigits();
    }
    if (HasExponent()) {
      whole = false;
      at_ += IsDigit(text_[at_ + 1]) ? 1 : 2;
      SkipDigits();
    }
    const size_t digits_end = at_;
    while (at_ < text_.size() && (IsLetter(text_[at_]) || IsDigit(text_[at_]))) ++at_;
    token.text = text_.substr(begin, at_ - begin);
    if (at_ != digits_end) return Duration(token, begin, digits_end, whole);
    return whole ? Integer(token, begin) : Double(token, begin);
  }

  void SkipDigits() {
    while (at_ < text_.size() && IsDigit(text_[at_])) ++at_;
  }

  bool HasExponent() const {
    if (at_ + 1 >= text_.size() || text_[at_] != 'e') return false;
    const char next = text_[at_ + 1];
    if (IsDigit(next)) return true;
    return (next == '+' || next == '-') && at_ + 2 < text_.size() && IsDigit(text_[at_ + 2]);
  }

  bool Integer(Token& token, size_t begin) {
    token.kind = Token::Kind::kInt;
    const char* end = token.text.data() + token.text.size();
    if (std::from_chars(token.text.data(), end, token.integer).ec == std::errc()) return true;
    return Fail(begin, "integer ", token.text, " is too large for int64; write ", token.text,
                ".0 for a double");
  }

  bool Double(Token& token, size_t begin) {
    token.kind = Token::Kind::kDouble;
    const char* end = token.text.data() + token.text.size();
    const auto result = std::from_chars(token.text.data(), end, token.number);
    if (result.ec == std::errc() && std::isfinite(token.number)) return true;
    return Fail(begin, "number ", token.text, " is outside the range of a double");
  }

  bool Duration(Token& token, size_t begin, size_t digits_end, bool whole) {
    const std::string_view unit = text_.substr(digits_end, at_ - digits_end);
    if (unit != "ms" && unit != "s" && unit != "m" && unit != "h" && unit != "d" && unit != "w") {
      return Fail(digits_end, "unknown unit '", unit,
                  "' after a number; durations end in ms, s, m (minutes), h, d or w");
    }
    if (!whole) {
      return Fail(begin, "duration ", token.text, ": expected a whole number before '", unit, "'");
    }
    const StatusOr<DurationUs> duration = ParseDuration(token.text);
    if (!duration.ok()) return Fail(begin, Message(duration.status()));
    token.kind = Token::Kind::kDuration;
    token.integer = *duration;
    return true;
  }

  bool String(Token& token) {
    const size_t begin = at_;
    const char quote = text_[at_++];
    token.kind = Token::Kind::kString;
    while (at_ < text_.size() && text_[at_] != quote) {
      char c = text_[at_];
      if (c == '\\') {
        if (at_ + 1 == text_.size()) break;
        const char escaped = text_[at_ + 1];
        switch (escaped) {
          case '\\':
          case '"':
          case '\'': c = escaped; break;
          case 'n': c = '\n'; break;
          case 't': c = '\t'; break;
          default:
            return Fail(at_, "unknown escape in text; use \\\\, \\\", \\', \\n or \\t");
        }
        ++at_;
      }
      token.text.push_back(c);
      ++at_;
    }
    if (at_ == text_.size()) return Fail(begin, "the text that begins here has no closing ", quote);
    ++at_;
    return true;
  }

  bool Symbol(Token& token) {
    token.kind = Token::Kind::kSymbol;
    const std::string_view two = text_.substr(at_, 2);
    if (two == "==" || two == "!=" || two == "<=" || two == ">=") {
      token.text = std::string(two);
      at_ += 2;
      return true;
    }
    const char c = text_[at_];
    if (std::string_view("+-*/%<>()[],.").find(c) != std::string_view::npos) {
      token.text.assign(1, c);
      ++at_;
      return true;
    }
    return Unexpected(c);
  }

  bool Unexpected(char c) {
    if (c == '=') return Fail(at_, "unexpected '='; equality is written ==");
    if (c == '!') return Fail(at_, "unexpected '!'; negation is written 'not'");
    if (c == '&') return Fail(at_, "unexpected '&'; conjunction is written 'and'");
    if (c == '|') return Fail(at_, "unexpected '|'; disjunction is written 'or'");
    if (IsLetter(c)) {
      return Fail(at_, "unexpected '", c, "'; names begin with a lower-case letter");
    }
    size_t size = 1;
    while (at_ + size < text_.size() &&
           (static_cast<unsigned char>(text_[at_ + size]) & 0xC0) == 0x80) {
      ++size;
    }
    if (static_cast<unsigned char>(c) < 0x20) {
      return Fail(at_, "unexpected control character ", static_cast<int>(c));
    }
    return Fail(at_, "unexpected '", text_.substr(at_, size), "'");
  }

  const SourceText& source_;
  const std::string_view text_;
  std::vector<Diagnostic>& diagnostics_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
};

}  // namespace

std::string Token::Describe() const {
  switch (kind) {
    case Kind::kEnd: return "the end";
    case Kind::kInt:
    case Kind::kDouble: return Concat("number ", text);
    case Kind::kDuration: return Concat("duration ", text);
    case Kind::kString: return "a text";
    case Kind::kName: return Concat("'", text, "'");
    case Kind::kSymbol: return Concat("'", text, "'");
  }
  return "";
}

std::optional<std::vector<Token>> Lex(const SourceText& source,
                                      std::vector<Diagnostic>& diagnostics) {
  return Lexer(source, diagnostics).Run();
}

}  // namespace larder::registry
