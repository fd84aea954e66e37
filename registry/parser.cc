// SPDX-License-Identifier: Apache-2.0
#include "registry/parser.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "registry/lexer.h"

namespace larder::registry {
namespace {

constexpr std::string_view kComparisons[] = {"==", "!=", "<", "<=", ">", ">="};

struct Parsed {
  Expr expr;
  int height = 1;
};
using Result = std::optional<Parsed>;

// A recursive descent over L3, one method per rule. A method that fails has added the one
// diagnostic and everybody above returns.
class Parser {
 public:
  Parser(std::vector<Token> tokens, std::shared_ptr<const std::string> file,
         std::vector<Diagnostic>& diagnostics)
      : tokens_(std::move(tokens)), file_(std::move(file)), diagnostics_(diagnostics) {}

  std::optional<Expr> Run() {
    if (Now().kind == Token::Kind::kEnd) {
      Fail(Now(), "expected an expression, got nothing");
      return std::nullopt;
    }
    Result result = Or();
    if (!result) return std::nullopt;
    if (Now().kind != Token::Kind::kEnd) {
      if (IsComparison(Now())) {
        Fail(Now(), "comparisons cannot be chained; join them with 'and'");
      } else {
        Fail(Now(), "expected an operator or the end, got ", Now().Describe());
      }
      return std::nullopt;
    }
    // What is stored and shown is the canonical form, which must parse again.
    const std::string canonical = Canonical(result->expr);
    const auto characters = static_cast<size_t>(std::count_if(
        canonical.begin(), canonical.end(), [](char c) { return (c & 0xC0) != 0x80; }));
    if (characters > kMaxExpressionCharacters) {
      Fail(tokens_[0], "the expression has ", characters, " characters with its blanks, at most ",
           kMaxExpressionCharacters, " are allowed");
      return std::nullopt;
    }
    return std::move(result->expr);
  }

 private:
  const Token& Now() const { return tokens_[next_]; }
  const Token& Peek() const { return tokens_[std::min(next_ + 1, tokens_.size() - 1)]; }
  const Token& Take() { return tokens_[next_++]; }
  bool Skip(std::string_view symbol) {
    if (!Now().Is(symbol)) return false;
    ++next_;
    return true;
  }
  static bool IsComparison(const Token& token) {
    if (token.IsName("in")) return true;
    return token.kind == Token::Kind::kSymbol &&
           std::find(std::begin(kComparisons), std::end(kComparisons), token.text) !=
               std::end(kComparisons);
  }

  template <typename... Parts>
  std::nullopt_t Fail(const Token& token, const Parts&... parts) {
    diagnostics_.push_back({*file_, token.at.line, token.at.column, Concat(parts...)});
    return std::nullopt;
  }

  Expr Make(Expr::Kind kind, const Token& token) const {
    Expr expr;
    expr.kind = kind;
    expr.at = token.at;
    expr.file = file_;
    return expr;
  }

  // One level of nesting deeper, for the life of the object.
  class Level {
   public:
    explicit Level(Parser& parser) : parser_(parser) { ++parser_.depth_; }
    ~Level() { --parser_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    bool ok(const Token& token) const {
      if (parser_.depth_ <= kMaxExpressionDepth) return true;
      parser_.Fail(token, "the expression is nested more than ", kMaxExpressionDepth,
                   " levels deep");
      return false;
    }

   private:
    Parser& parser_;
  };

  Result Binary(Parsed left, const Token& op, Result right) {
    if (!right) return std::nullopt;
    Parsed result;
    result.height = 1 + std::max(left.height, right->height);
    if (result.height > kMaxExpressionHeight) {
      return Fail(op, "more than ", kMaxExpressionHeight,
                  " operators in a row; name parts of the expression");
    }
    result.expr = Make(Expr::Kind::kBinary, op);
    result.expr.text = op.text;
    result.expr.args.push_back(std::move(left.expr));
    result.expr.args.push_back(std::move(right->expr));
    return result;
  }

  Result Unary(const Token& op, Result operand) {
    if (!operand) return std::nullopt;
    Parsed result;
    result.height = 1 + operand->height;
    result.expr = Make(Expr::Kind::kUnary, op);
    result.expr.text = op.text;
    result.expr.args.push_back(std::move(operand->expr));
    return result;
  }

  Result Or() {
    Result left = And();
    while (left && Now().IsName("or")) {
      const Token& op = Take();
      left = Binary(std::move(*left), op, And());
    }
    return left;
  }

  Result And() {
    Result left = Not();
    while (left && Now().IsName("and")) {
      const Token& op = Take();
      left = Binary(std::move(*left), op, Not());
    }
    return left;
  }

  Result Not() {
    if (!Now().IsName("not")) return Compare();
    const Token& op = Take();
    const Level level(*this);
    if (!level.ok(op)) return std::nullopt;
    return Unary(op, Not());
  }

  Result Compare() {
    Result left = Sum();
    if (!left || !IsComparison(Now())) return left;
    const Token& op = Take();
    return Binary(std::move(*left), op, Sum());
  }

  Result Sum() {
    Result left = Product();
    while (left && (Now().Is("+") || Now().Is("-"))) {
      const Token& op = Take();
      left = Binary(std::move(*left), op, Product());
    }
    return left;
  }

  Result Product() {
    Result left = Minus();
    while (left && (Now().Is("*") || Now().Is("/") || Now().Is("%"))) {
      const Token& op = Take();
      left = Binary(std::move(*left), op, Minus());
    }
    return left;
  }

  Result Minus() {
    if (!Now().Is("-")) return Primary();
    const Token& op = Take();
    const Level level(*this);
    if (!level.ok(op)) return std::nullopt;
    return Unary(op, Minus());
  }

  Result Primary() {
    const Level level(*this);
    const Token& token = Now();
    if (!level.ok(token)) return std::nullopt;
    switch (token.kind) {
      case Token::Kind::kInt:
      case Token::Kind::kDouble:
      case Token::Kind::kDuration:
      case Token::Kind::kString: return Literal(Take());
      case Token::Kind::kName: return Named();
      case Token::Kind::kSymbol:
        if (token.text == "(") return Parenthesised();
        if (token.text == "[") return List();
        break;
      case Token::Kind::kEnd: break;
    }
    return Fail(token, "expected a value, got ", token.Describe());
  }

  Result Literal(const Token& token) {
    Parsed parsed;
    parsed.expr = Make(Expr::Kind::kInt, token);
    parsed.expr.integer = token.integer;
    if (token.kind == Token::Kind::kDouble) {
      parsed.expr.kind = Expr::Kind::kDouble;
      parsed.expr.number = token.number;
    } else if (token.kind == Token::Kind::kDuration) {
      parsed.expr.kind = Expr::Kind::kDuration;
    } else if (token.kind == Token::Kind::kString) {
      parsed.expr.kind = Expr::Kind::kString;
      parsed.expr.text = token.text;
    }
    return parsed;
  }

  Result Parenthesised() {
    const Token& open = Take();
    Result inner = Or();
    if (!inner) return std::nullopt;
    if (!Close(open, ")")) return std::nullopt;
    return inner;
  }

  bool Close(const Token& open, std::string_view symbol) {
    if (Skip(symbol)) return true;
    if (IsComparison(Now())) {
      Fail(Now(), "comparisons cannot be chained; join them with 'and'");
    } else {
      Fail(Now(), "expected '", symbol, "' to close '", open.text, "' at ", open.at.ToString(),
           ", got ", Now().Describe());
    }
    return false;
  }

  // [expr, …] into `into`; the bracket is next.
  std::optional<int> Bracketed(std::vector<Expr>& into) {
    const Token& open = Take();
    int height = 0;
    if (!Now().Is("]")) {
      do {
        Result item = Or();
        if (!item) return std::nullopt;
        height = std::max(height, item->height);
        into.push_back(std::move(item->expr));
      } while (Skip(","));
    }
    if (!Close(open, "]")) return std::nullopt;
    return height;
  }

  Result List() {
    Parsed parsed;
    parsed.expr = Make(Expr::Kind::kList, Now());
    const std::optional<int> height = Bracketed(parsed.expr.args);
    if (!height) return std::nullopt;
    parsed.height = 1 + *height;
    return parsed;
  }

  Result Named() {
    const Token& token = Now();
    if (token.text == "true" || token.text == "false") {
      Parsed parsed;
      parsed.expr = Make(Expr::Kind::kBool, Take());
      parsed.expr.integer = token.text == "true" ? 1 : 0;
      return parsed;
    }
    const bool call = Peek().Is("(");
    const bool reserved = IsReserved(token.text) && token.text != "now" &&
                          token.text != "candidate" && !(call && token.text == "distinct");
    if (reserved) {
      return Fail(token, "expected a value, got the reserved word '", token.text, "'");
    }
    if (call) return Call();
    if (Peek().Is("[")) return Key();
    Parsed parsed;
    parsed.expr = Make(Expr::Kind::kPath, token);
    if (!Names(parsed.expr)) return std::nullopt;
    return parsed;
  }

  // name ('.' name)* into `path`; a name must be next.
  bool Names(Expr& path) {
    do {
      const Token& token = Now();
      if (token.kind != Token::Kind::kName) {
        Fail(token, "expected a name after '.', got ", token.Describe());
        return false;
      }
      if (IsReserved(token.text) && !(path.names.empty() && path.kind == Expr::Kind::kPath)) {
        Fail(token, "'", token.text, "' is a reserved word and cannot be a name");
        return false;
      }
      path.names.push_back(token.text);
      path.name_positions.push_back(token.at);
      ++next_;
    } while (Skip("."));
    return true;
  }

  Result Key() {
    const Token& entity = Take();
    Parsed parsed;
    parsed.expr = Make(Expr::Kind::kKey, entity);
    parsed.expr.text = entity.text;
    const std::optional<int> height = Bracketed(parsed.expr.args);
    if (!height) return std::nullopt;
    parsed.height = 1 + *height;
    if (Skip(".") && !Names(parsed.expr)) return std::nullopt;
    return parsed;
  }

  Result Call() {
    const Token& function = Take();
    const Token& open = Take();
    Parsed parsed;
    parsed.expr = Make(Expr::Kind::kCall, function);
    parsed.expr.text = function.text;
    int height = 0;
    if (!Now().Is(")")) {
      do {
        if (AtClause()) {
          if (!AddClause(parsed.expr, height)) return std::nullopt;
          continue;
        }
        Result arg = Or();
        if (!arg) return std::nullopt;
        height = std::max(height, arg->height);
        parsed.expr.args.push_back(std::move(arg->expr));
      } while (Skip(","));
    }
    if (!Close(open, ")")) return std::nullopt;
    parsed.height = 1 + height;
    return parsed;
  }

  bool AtClause() const {
    if (Now().kind != Token::Kind::kName) return false;
    const std::string& word = Now().text;
    if (word == "distinct") return !Peek().Is("(");
    return word == "where" || word == "having" || word == "by" || word == "over" ||
           word == "half_life";
  }

  bool AddClause(Expr& call, int& height) {
    const Token& word = Take();
    Clause clause;
    clause.at = word.at;
    if (word.text == "distinct") {
      clause.kind = Clause::kDistinct;
    } else if (word.text == "half_life") {
      clause.kind = Clause::kHalfLife;
      if (!TakeDuration(clause.half_life, "half_life")) return false;
    } else if (word.text == "over") {
      clause.kind = Clause::kOver;
      if (!Windows(clause)) return false;
    } else {
      clause.kind = word.text == "where"    ? Clause::kWhere
                    : word.text == "having" ? Clause::kHaving
                                            : Clause::kBy;
      Result value = Or();
      if (!value) return false;
      height = std::max(height, value->height);
      clause.value.push_back(std::move(value->expr));
    }
    for (const Clause& earlier : call.clauses) {
      if (earlier.kind == clause.kind) {
        Fail(word, "a second '", word.text, "' in one call; the first is at ",
             earlier.at.ToString());
        return false;
      }
    }
    call.clauses.push_back(std::move(clause));
    return true;
  }

  bool TakeDuration(DurationUs& duration, std::string_view after) {
    if (Now().kind != Token::Kind::kDuration) {
      Fail(Now(), "expected a duration such as 7d after '", after, "', got ", Now().Describe());
      return false;
    }
    duration = Take().integer;
    return true;
  }

  bool Windows(Clause& clause) {
    if (!Now().Is("[")) return AddWindow(clause);
    const Token& open = Take();
    clause.window_list = true;
    do {
      if (!AddWindow(clause)) return false;
    } while (Skip(","));
    return Close(open, "]");
  }

  bool AddWindow(Clause& clause) {
    WindowExpr window;
    window.at = Now().at;
    if (Now().IsName("candidates")) {
      Take();
      window.kind = WindowExpr::Kind::kCandidates;
    } else if (Now().IsName("day")) {
      Take();
      window.kind = WindowExpr::Kind::kDay;
      if (!Zone(window)) return false;
    } else {
      const bool exact = Now().IsName("exact");
      if (exact) Take();
      if (!exact && Now().kind != Token::Kind::kDuration) {
        Fail(Now(), "expected a window (a duration such as 7d, exact 7d, day(\"UTC\") or ",
             "candidates) after 'over', got ", Now().Describe());
        return false;
      }
      window.kind = exact ? WindowExpr::Kind::kExact : WindowExpr::Kind::kTiled;
      window.text = Now().text;
      if (!TakeDuration(window.width, "exact")) return false;
    }
    clause.windows.push_back(std::move(window));
    return true;
  }

  bool Zone(WindowExpr& window) {
    const Token& open = Now();
    if (!Skip("(")) {
      Fail(Now(), "expected '(' after 'day', as in day(\"UTC\"), got ", Now().Describe());
      return false;
    }
    if (Now().kind != Token::Kind::kString) {
      Fail(Now(), "expected a time zone in quotes, as in day(\"UTC\"), got ", Now().Describe());
      return false;
    }
    window.text = Take().text;
    return Close(open, ")");
  }

  const std::vector<Token> tokens_;
  const std::shared_ptr<const std::string> file_;
  std::vector<Diagnostic>& diagnostics_;
  size_t next_ = 0;
  int depth_ = 0;
};

}  // namespace

std::optional<Expr> Parse(const SourceText& source, std::vector<Diagnostic>& diagnostics) {
  std::optional<std::vector<Token>> tokens = Lex(source, diagnostics);
  if (!tokens) return std::nullopt;
  return Parser(std::move(*tokens), std::make_shared<const std::string>(source.file), diagnostics)
      .Run();
}

}  // namespace larder::registry
