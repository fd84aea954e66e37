// SPDX-License-Identifier: Apache-2.0
#include "registry/lower.h"

#include <algorithm>
#include <string>
#include <utility>

#include "registry/function_table.h"
#include "registry/internal/signature_match.h"
#include "registry/internal/zone.h"
#include "registry/nearest_name.h"

namespace larder::registry {
namespace {

class Lowering {
 public:
  Lowering(Scope& scope, ProgramBuilder& builder, std::vector<Diagnostic>& diagnostics)
      : scope_(scope), builder_(builder), diagnostics_(diagnostics) {}

  int Any(const Expr& expr) {
    if (builder_.full()) return TooLarge(expr);
    switch (expr.kind) {
      case Expr::Kind::kInt: return builder_.ConstantInt(expr.integer);
      case Expr::Kind::kDouble: return builder_.ConstantDouble(expr.number);
      case Expr::Kind::kDuration: return builder_.ConstantDuration(expr.integer);
      case Expr::Kind::kString: return builder_.ConstantString(expr.text);
      case Expr::Kind::kBool: return builder_.ConstantBool(expr.integer != 0);
      case Expr::Kind::kList: return List(expr);
      case Expr::Kind::kPath:
        return expr.IsName("now") ? builder_.Now() : scope_.Resolve(expr, builder_, diagnostics_);
      case Expr::Kind::kKey: return scope_.Resolve(expr, builder_, diagnostics_);
      case Expr::Kind::kCall: return Call(expr);
      case Expr::Kind::kUnary:
        return Apply(expr, *FindFunction(expr.text == "-" ? "neg" : expr.text));
      case Expr::Kind::kBinary: return Apply(expr, *FindFunction(expr.text));
    }
    return -1;
  }

 private:
  template <typename... Parts>
  int Fail(const Expr& expr, const Parts&... parts) {
    Report(diagnostics_, expr, parts...);
    return -1;
  }

  // One complaint is enough: what comes after it fails for the same reason.
  int TooLarge(const Expr& expr) {
    if (!diagnostics_.empty()) return -1;
    return Fail(expr, "with the definitions that it uses this makes more than ",
                ProgramBuilder::kMaxNodes, " steps");
  }

  // All of `exprs` from the `first` on, or nullopt if one of them is wrong; all are looked at.
  std::optional<std::vector<int>> All(const std::vector<Expr>& exprs, size_t first = 0) {
    std::vector<int> nodes;
    bool ok = true;
    for (size_t i = first; i < exprs.size(); ++i) {
      nodes.push_back(Any(exprs[i]));
      ok = ok && nodes.back() >= 0;
    }
    if (!ok) return std::nullopt;
    return nodes;
  }

  int List(const Expr& expr) {
    if (expr.args.empty()) return Fail(expr, "an empty list has no type");
    std::optional<std::vector<int>> values = All(expr.args);
    if (!values) return -1;
    Type element = builder_.type((*values)[0]);
    for (size_t i = 0; i < values->size(); ++i) {
      const Type& type = builder_.type((*values)[i]);
      if (type.list) return Fail(expr.args[i], "a list of lists is not supported yet");
      const std::optional<Type> common = internal::CommonType(element, type);
      if (!common) {
        return Fail(expr.args[i], "the elements of a list have one type: expected ",
                    element.Name(), ", got ", type.Name());
      }
      element = *common;
    }
    for (int& value : *values) value = Convert(value, element, builder_);
    return builder_.MakeList(std::move(*values), element);
  }

  int Call(const Expr& expr) {
    if (const std::optional<int> node = scope_.ResolveCall(expr, builder_, diagnostics_)) {
      return *node;
    }
    const Function* function = FindFunction(expr.text);
    if (function == nullptr || function->kind == Function::Kind::kOperator) return Unknown(expr);
    switch (function->kind) {
      case Function::Kind::kUnsupported:
        return Fail(expr, "function '", expr.text, "' is not supported yet");
      case Function::Kind::kAggregate:
        return Fail(expr, "'", expr.text, "' aggregates records; it stands only in a view whose ",
                    "'from' is events");
      default: break;
    }
    if (!CheckClauses(expr)) return -1;
    if (function->kind != Function::Kind::kSpecial) return Apply(expr, *function);
    if (expr.text == "gather") return Gather(expr);
    if (expr.text == "embed") return Embed(expr);
    if (expr.text == "age") return Age(expr);
    return Fail(expr, "'now' is a value, not a function: write it without brackets");
  }

  int Unknown(const Expr& expr) {
    std::vector<std::string_view> names;
    for (const Function& function : Functions()) {
      if (function.kind != Function::Kind::kOperator) names.push_back(function.name);
    }
    return Fail(expr, "unknown function '", expr.text, "'", DidYouMean(expr.text, names));
  }

  bool CheckClauses(const Expr& expr) {
    for (const Clause& clause : expr.clauses) {
      if (clause.kind == Clause::kOver &&
          clause.windows[0].kind == WindowExpr::Kind::kCandidates) {
        ReportAt(diagnostics_, expr, clause.at, "'over candidates' is not supported yet");
      } else {
        ReportAt(diagnostics_, expr, clause.at, "'", ClauseName(clause.kind),
                 "' belongs to an aggregate of a view whose 'from' is events; here '", expr.text,
                 "' is a function of its arguments");
      }
    }
    return expr.clauses.empty();
  }

  // A call of a function or operator of the table, with its arguments in expr.args.
  int Apply(const Expr& expr, const Function& function) {
    std::optional<std::vector<int>> args = All(expr.args);
    if (!args) return -1;
    std::vector<Type> types;
    for (const int arg : *args) types.push_back(builder_.type(arg));
    const internal::Match match = internal::MatchSignature(function, types);
    if (!match.error.empty()) return Fail(expr, match.error);
    if (function.name == "hour" && !CheckZone(expr.args[1], (*args)[1])) return -1;
    for (size_t i = 0; i < args->size(); ++i) {
      (*args)[i] = Convert((*args)[i], match.params[i], builder_);
      LARDER_CHECK((*args)[i] >= 0);
    }
    return builder_.Call(function, match.signature, std::move(*args), match.result, match.lift);
  }

  bool CheckZone(const Expr& expr, int zone) {
    if (!builder_.IsConstant(zone)) {
      Fail(expr, "the time zone must be a constant text: one that depends on data is not ",
           "supported yet");
      return false;
    }
    const Column& value = builder_.node(zone).constant;
    if (value.type.list) {
      Fail(expr, "the time zone must be one text, got ", value.type.Name());
      return false;
    }
    if (internal::ZoneOffset(value.strings[0])) return true;
    Fail(expr, "time zone '", value.strings[0],
         "' is not supported yet; use \"UTC\" or a fixed offset such as \"+02:00\"");
    return false;
  }

  int Age(const Expr& expr) {
    if (expr.args.size() != 1) {
      return Fail(expr, "age(t: timestamp) takes 1 argument, got ", expr.args.size());
    }
    const int time = Any(expr.args[0]);
    if (time < 0) return -1;
    const Type type = builder_.type(time);  // a copy: Now() may move the nodes
    if (type.kind != Kind::kTimestamp) {
      return Fail(expr.args[0], "age(t: timestamp) takes a timestamp, got ", type.Name());
    }
    const Function& minus = *FindFunction("-");
    const internal::Match match =
        internal::MatchSignature(minus, std::vector<Type>{builder_.type(builder_.Now()), type});
    LARDER_CHECK(match.error.empty());
    return builder_.Call(minus, match.signature, {builder_.Now(), time}, match.result, match.lift);
  }

  int Gather(const Expr& expr) {
    if (expr.args.size() != 2) {
      return Fail(expr, "gather(keys, view.feature) takes 2 arguments, got ", expr.args.size());
    }
    const Expr& path = expr.args[1];
    if (path.kind != Expr::Kind::kPath) {
      return Fail(path, "gather: expected view.feature or table.column, got an expression; name ",
                  "it in a view");
    }
    const int keys = Any(expr.args[0]);
    if (keys < 0) return -1;
    const Type& type = builder_.type(keys);
    if (type.kind != Kind::kKey || !type.list) {
      return Fail(expr.args[0], "gather: expected a list of keys, got ", type.Name(),
                  type.kind == Kind::kKey ? "; one key needs no gather: write its path" : "");
    }
    const int value = scope_.ResolveFrom(builder_.Elements(keys), path, builder_, diagnostics_);
    return value < 0 ? -1 : builder_.Collect(value, keys);
  }

  int Embed(const Expr& expr) {
    if (expr.args.size() < 2 || expr.args.size() > kMaxEmbedFields + 1) {
      return Fail(expr, "embed(encoder, text, ...) takes an encoder and 1 to ", kMaxEmbedFields,
                  " texts, got ", expr.args.size(), " arguments");
    }
    const Expr& name = expr.args[0];
    if (name.kind != Expr::Kind::kPath || name.names.size() != 1) {
      return Fail(name, "embed: expected the name of an encoder");
    }
    const Encoder* encoder = scope_.FindEncoder(name.names[0]);
    if (encoder == nullptr) Fail(name, "embed: unknown encoder '", name.names[0], "'");
    if (encoder != nullptr && encoder->external) {
      Fail(name, "embed: encoder '", name.names[0], "' is external: its vectors come with the ",
           "rows, in a column of type vector<", name.names[0], ">");
    }
    std::optional<std::vector<int>> texts = All(expr.args, 1);
    if (!texts || encoder == nullptr || encoder->external) return -1;
    bool ok = true;
    for (size_t i = 0; i < texts->size(); ++i) {
      const Type& type = builder_.type((*texts)[i]);
      if (!type.list && (type.kind == Kind::kString || type.kind == Kind::kKey)) continue;
      Fail(expr.args[i + 1], "embed: expected string, got ", type.Name());
      ok = false;
    }
    return ok ? builder_.Embed(*encoder, std::move(*texts)) : -1;
  }

  Scope& scope_;
  ProgramBuilder& builder_;
  std::vector<Diagnostic>& diagnostics_;
};

}  // namespace

Scope::~Scope() = default;

int Scope::ResolveFrom(int, const Expr& path, ProgramBuilder&,
                       std::vector<Diagnostic>& diagnostics) {
  Report(diagnostics, path, "'gather' cannot be used here: a stored value depends only on its ",
         "own records (R5)");
  return -1;
}

const Encoder* Scope::FindEncoder(std::string_view) { return nullptr; }

std::optional<int> Scope::ResolveCall(const Expr&, ProgramBuilder&, std::vector<Diagnostic>&) {
  return std::nullopt;
}

int Lower(const Expr& expr, Scope& scope, ProgramBuilder& builder,
          std::vector<Diagnostic>& diagnostics) {
  return Lowering(scope, builder, diagnostics).Any(expr);
}

int LowerAs(const Expr& expr, const Type& expected, std::string_view what, Scope& scope,
            ProgramBuilder& builder, std::vector<Diagnostic>& diagnostics) {
  const int node = Lower(expr, scope, builder, diagnostics);
  if (node < 0) return -1;
  const int converted = Convert(node, expected, builder);
  if (converted < 0) {
    Report(diagnostics, expr, what, ": expected ", expected.Name(), ", got ",
           builder.type(node).Name());
  }
  return converted;
}

int Convert(int node, const Type& type, ProgramBuilder& builder) {
  const Type& from = builder.type(node);
  if (from == type) return node;
  if (from.list != type.list) return -1;
  int signature = -1;
  if (type.kind == Kind::kDouble && from.kind == Kind::kInt64) signature = 0;
  if (type.kind == Kind::kDouble && from.kind == Kind::kFloat) signature = 1;
  if (type.kind == Kind::kString && from.kind == Kind::kKey) signature = 2;
  if (signature < 0) return -1;
  return builder.Call(WidenFunction(), signature, {node}, type, type.list);
}

}  // namespace larder::registry
