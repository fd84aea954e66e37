// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_AST_H_
#define LARDER_REGISTRY_AST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "registry/compile.h"
#include "registry/source_text.h"

namespace larder::registry {

struct Clause;

// One node of a parsed expression (L3). Parentheses leave no trace.
// Its height is bounded (kMaxExpressionHeight), so recursion over it is safe.
// Thread-safety: thread-compatible.
struct Expr {
  enum class Kind : uint8_t {
    kInt,       // integer
    kDouble,    // number
    kDuration,  // integer, in microseconds
    kString,    // text
    kBool,      // integer, 0 or 1
    kList,      // args
    kPath,      // names: "candidate.catalog.price" has three; `now` is a path of one
    kKey,       // text '[' args ']' ('.' names)*: user_author[user, author].view.feature
    kCall,      // text '(' args, clauses ')'
    kUnary,     // text ("-" or "not") args[0]
    kBinary,    // args[0] text args[1]; text is one of + - * / % == != < <= > >= in and or
  };
  Kind kind = Kind::kInt;
  SourcePosition at;  // where it begins; of a binary operator: where the operator stands
  std::shared_ptr<const std::string> file;
  int64_t integer = 0;
  double number = 0;
  std::string text;
  std::vector<std::string> names;
  std::vector<SourcePosition> name_positions;  // one per name
  std::vector<Expr> args;
  std::vector<Clause> clauses;  // kCall, in the order written

  // True for a path of exactly this one name.
  bool IsName(std::string_view name) const;
  bool IsCall(std::string_view function) const { return kind == Kind::kCall && text == function; }
  // "candidate.catalog.price"; kPath only.
  std::string PathText() const;
  const Clause* FindClause(int clause_kind) const;
};

// window := duration | exact duration | day(text) | candidates
struct WindowExpr {
  enum class Kind : uint8_t { kTiled, kExact, kDay, kCandidates };
  Kind kind = Kind::kTiled;
  SourcePosition at;
  DurationUs width = 0;  // kTiled, kExact
  std::string text;      // kTiled, kExact: the duration as written, "24h". kDay: the zone
};

// A clause of a call: `where c`, `having c`, `by k`, `over w`, `half_life d`, `distinct`.
struct Clause {
  enum Kind { kWhere, kHaving, kBy, kOver, kHalfLife, kDistinct };
  Kind kind = kWhere;
  SourcePosition at;
  std::vector<Expr> value;          // kWhere, kHaving, kBy: one
  std::vector<WindowExpr> windows;  // kOver: one or more
  bool window_list = false;         // kOver: written in brackets
  DurationUs half_life = 0;         // kHalfLife
};
const char* ClauseName(Clause::Kind kind);

// The expression as normalised text that parses to the same tree: one blank between tokens, no
// needless parentheses, one spelling of numbers, durations and texts. It enters Merkle digests
// (invariant 5), so it never changes. Only the durations of `over [1h, 24h]` stay as written,
// because they name what the definition fans out to.
std::string Canonical(const Expr& expr);

// How many nodes stand above each other at most, clauses included; 1 for a number.
int HeightOf(const Expr& expr);

// Reserved words (L3): not allowed as names of definitions, features, columns or roles.
bool IsReserved(std::string_view name);
// [a-z][a-z0-9_]* and not reserved.
bool IsName(std::string_view name);

// A complaint at the position of `expr`.
template <typename... Parts>
void Report(std::vector<Diagnostic>& diagnostics, const Expr& expr, const Parts&... parts) {
  diagnostics.push_back({expr.file ? *expr.file : std::string(), expr.at.line, expr.at.column,
                         Concat(parts...)});
}
// The same at another position in the file of `expr`.
template <typename... Parts>
void ReportAt(std::vector<Diagnostic>& diagnostics, const Expr& expr, SourcePosition at,
              const Parts&... parts) {
  diagnostics.push_back(
      {expr.file ? *expr.file : std::string(), at.line, at.column, Concat(parts...)});
}

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_AST_H_
