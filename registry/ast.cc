// SPDX-License-Identifier: Apache-2.0
#include "registry/ast.h"

#include <algorithm>
#include <utility>

namespace larder::registry {
namespace {

constexpr std::string_view kReserved[] = {
    "and",      "by",        "candidate", "candidates", "day", "distinct", "exact", "false",
    "half_life", "having",   "in",        "not",        "now", "or",       "over",  "true",
    "where"};

// How tightly an expression binds; a part in a place that wants more gets parentheses.
enum Precedence { kOr, kAnd, kNot, kCompare, kSum, kProduct, kMinus, kPrimary };

Precedence PrecedenceOf(const Expr& expr) {
  if (expr.kind == Expr::Kind::kUnary) return expr.text == "not" ? kNot : kMinus;
  if (expr.kind != Expr::Kind::kBinary) return kPrimary;
  if (expr.text == "or") return kOr;
  if (expr.text == "and") return kAnd;
  if (expr.text == "+" || expr.text == "-") return kSum;
  if (expr.text == "*" || expr.text == "/" || expr.text == "%") return kProduct;
  return kCompare;
}

std::string DoubleText(double number) {
  std::string text = Concat(number);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '\\': out += "\\\\"; break;
      case '"': out += "\\\""; break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      default: out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

std::string PathOf(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out.push_back('.');
    out += name;
  }
  return out;
}

class Writer {
 public:
  std::string Take() { return std::move(out_); }

  void Write(const Expr& expr, Precedence wanted) {
    const Precedence own = PrecedenceOf(expr);
    if (own < wanted) out_.push_back('(');
    WriteBare(expr, own);
    if (own < wanted) out_.push_back(')');
  }

 private:
  void WriteBare(const Expr& expr, Precedence own) {
    switch (expr.kind) {
      case Expr::Kind::kInt: out_ += std::to_string(expr.integer); return;
      case Expr::Kind::kDouble: out_ += DoubleText(expr.number); return;
      case Expr::Kind::kDuration: out_ += FormatDuration(expr.integer); return;
      case Expr::Kind::kString: out_ += Quoted(expr.text); return;
      case Expr::Kind::kBool: out_ += expr.integer != 0 ? "true" : "false"; return;
      case Expr::Kind::kList: WriteList(expr.args); return;
      case Expr::Kind::kPath: out_ += PathOf(expr.names); return;
      case Expr::Kind::kKey:
        out_ += expr.text;
        WriteList(expr.args);
        if (!expr.names.empty()) out_.append(".").append(PathOf(expr.names));
        return;
      case Expr::Kind::kCall: WriteCall(expr); return;
      case Expr::Kind::kUnary:
        out_ += expr.text == "not" ? "not " : "-";
        Write(expr.args[0], own);
        return;
      case Expr::Kind::kBinary: WriteBinary(expr, own); return;
    }
  }

  void WriteBinary(const Expr& expr, Precedence own) {
    // Chains group to the left; comparisons do not chain at all.
    const auto tighter = static_cast<Precedence>(own + 1);
    Write(expr.args[0], own == kCompare ? tighter : own);
    out_ += " " + expr.text + " ";
    Write(expr.args[1], tighter);
  }

  void WriteList(const std::vector<Expr>& items) {
    out_.push_back('[');
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_ += ", ";
      Write(items[i], kOr);
    }
    out_.push_back(']');
  }

  // Clauses come after the arguments, in a fixed order, wherever they were written.
  void WriteCall(const Expr& call) {
    out_ += call.text + "(";
    bool first = true;
    for (const Expr& arg : call.args) {
      if (!std::exchange(first, false)) out_ += ", ";
      Write(arg, kOr);
    }
    for (const Clause::Kind kind : {Clause::kDistinct, Clause::kWhere, Clause::kHaving, Clause::kBy,
                                    Clause::kOver, Clause::kHalfLife}) {
      const Clause* clause = call.FindClause(kind);
      if (clause == nullptr) continue;
      if (!std::exchange(first, false)) out_ += ", ";
      WriteClause(*clause);
    }
    out_ += ")";
  }

  void WriteClause(const Clause& clause) {
    out_ += ClauseName(clause.kind);
    if (!clause.value.empty()) {
      out_ += " ";
      Write(clause.value[0], kOr);
    }
    if (clause.kind == Clause::kHalfLife) {
      out_.append(" ").append(FormatDuration(clause.half_life));
    }
    if (clause.kind != Clause::kOver) return;
    out_ += clause.window_list ? " [" : " ";
    for (size_t i = 0; i < clause.windows.size(); ++i) {
      if (i > 0) out_ += ", ";
      WriteWindow(clause.windows[i], clause.window_list);
    }
    if (clause.window_list) out_ += "]";
  }

  void WriteWindow(const WindowExpr& window, bool as_written) {
    switch (window.kind) {
      case WindowExpr::Kind::kCandidates: out_ += "candidates"; return;
      case WindowExpr::Kind::kDay: out_ += "day(" + Quoted(window.text) + ")"; return;
      case WindowExpr::Kind::kExact: out_ += "exact "; break;
      case WindowExpr::Kind::kTiled: break;
    }
    out_ += as_written ? window.text : FormatDuration(window.width);
  }

  std::string out_;
};

}  // namespace

bool Expr::IsName(std::string_view name) const {
  return kind == Kind::kPath && names.size() == 1 && names[0] == name;
}

std::string Expr::PathText() const { return PathOf(names); }

const Clause* Expr::FindClause(int clause_kind) const {
  for (const Clause& clause : clauses) {
    if (clause.kind == clause_kind) return &clause;
  }
  return nullptr;
}

const char* ClauseName(Clause::Kind kind) {
  switch (kind) {
    case Clause::kWhere: return "where";
    case Clause::kHaving: return "having";
    case Clause::kBy: return "by";
    case Clause::kOver: return "over";
    case Clause::kHalfLife: return "half_life";
    case Clause::kDistinct: return "distinct";
  }
  return "";
}

std::string Canonical(const Expr& expr) {
  Writer writer;
  writer.Write(expr, kOr);
  return writer.Take();
}

int HeightOf(const Expr& expr) {
  int below = 0;
  for (const Expr& arg : expr.args) below = std::max(below, HeightOf(arg));
  for (const Clause& clause : expr.clauses) {
    for (const Expr& value : clause.value) below = std::max(below, HeightOf(value));
  }
  return below + 1;
}

bool IsReserved(std::string_view name) {
  return std::find(std::begin(kReserved), std::end(kReserved), name) != std::end(kReserved);
}

bool IsName(std::string_view name) {
  if (name.empty() || name[0] < 'a' || name[0] > 'z' || IsReserved(name)) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace larder::registry
