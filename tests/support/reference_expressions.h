// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_SUPPORT_REFERENCE_EXPRESSIONS_H_
#define LARDER_TESTS_SUPPORT_REFERENCE_EXPRESSIONS_H_

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "registry/ast.h"
#include "registry/column.h"
#include "registry/function_table.h"
#include "registry/value.h"

namespace larder::registry {

// Row `row` of a column as a value by itself.
inline Value ValueAt(const Column& column, size_t row) {
  const auto element = [&column](size_t i) {
    Value value;
    value.type = column.type.Element();
    value.reason = column.element_reason(i);
    if (!column.ints.empty()) value.integer = column.ints[i];
    if (!column.doubles.empty()) value.number = column.doubles[i];
    if (column.strings.size() > 0) value.text = column.strings[i];
    for (size_t d = 0; d < column.type.dimensions; ++d) {
      const size_t at = i * column.type.dimensions + d;
      value.vector.push_back(column.type.int8 ? static_cast<double>(column.codes[at])
                                              : static_cast<double>(column.floats[at]));
    }
    return value;
  };
  if (!column.type.list) return element(row);
  Value list;
  list.type = column.type;
  list.reason = column.reasons[row];
  for (size_t i = column.offsets[row]; i < column.offsets[row + 1]; ++i) {
    list.elements.push_back(element(i));
  }
  return list;
}

// Evaluates expressions one row at a time, straight from the tree, with the reference
// implementations of the function table: the oracle for Lower and Run.
class ReferenceEvaluator {
 public:
  ReferenceEvaluator(std::map<std::string, Value> names, TimeUs now)
      : names_(std::move(names)), now_(now) {}

  Value Evaluate(const Expr& expr) const {
    switch (expr.kind) {
      case Expr::Kind::kInt: return Value::Int(expr.integer);
      case Expr::Kind::kDouble: return Value::Double(expr.number);
      case Expr::Kind::kDuration: return Value::Duration(expr.integer);
      case Expr::Kind::kString: return Value::Text(expr.text);
      case Expr::Kind::kBool: return Value::Bool(expr.integer != 0);
      case Expr::Kind::kPath:
        return expr.IsName("now") ? Value::Timestamp(now_) : names_.at(expr.PathText());
      case Expr::Kind::kList: {
        Value list;
        for (const Expr& arg : expr.args) list.elements.push_back(Evaluate(arg));
        list.type = list.elements[0].type;
        list.type.list = true;
        return list;
      }
      case Expr::Kind::kUnary: return Apply(expr.text == "-" ? "neg" : expr.text, expr.args);
      case Expr::Kind::kBinary: return Apply(expr.text, expr.args);
      case Expr::Kind::kCall:
        if (expr.text == "age") {
          Value now = Value::Timestamp(now_);
          return ApplyTo("-", {now, Evaluate(expr.args[0])});
        }
        return Apply(expr.text, expr.args);
      case Expr::Kind::kKey: break;
    }
    return {};
  }

 private:
  Value Apply(const std::string& function, const std::vector<Expr>& exprs) const {
    std::vector<Value> args;
    for (const Expr& expr : exprs) args.push_back(Evaluate(expr));
    return ApplyTo(function, std::move(args));
  }

  static Value ApplyTo(const std::string& function, std::vector<Value> args) {
    // These take lists as they are; every other function lifts over the first list.
    static const std::set<std::string> kTakesLists = {
        "in", "if", "coalesce", "known", "length", "count", "sum", "mean", "min", "max"};
    if (!kTakesLists.contains(function)) {
      for (size_t i = 0; i < args.size(); ++i) {
        if (args[i].type.list) return Lift(function, args, i);
      }
    }
    return FindFunction(function)->reference(args);
  }

  static Value Lift(const std::string& function, const std::vector<Value>& args, size_t lifted) {
    Value result;
    result.type = TypeOfLifted(function, args, lifted);
    result.reason = args[lifted].reason;
    for (const Value& element : args[lifted].elements) {
      std::vector<Value> scalars = args;
      scalars[lifted] = element;
      result.elements.push_back(FindFunction(function)->reference(scalars));
    }
    return result;
  }

  // Of a list that may have no elements: the type of a null in their place.
  static Type TypeOfLifted(const std::string& function, std::vector<Value> args, size_t lifted) {
    args[lifted] = Value::Null(args[lifted].type.Element(), Reason::kEmpty);
    Type type = FindFunction(function)->reference(args).type;
    type.list = true;
    return type;
  }

  std::map<std::string, Value> names_;
  TimeUs now_;
};

}  // namespace larder::registry

#endif  // LARDER_TESTS_SUPPORT_REFERENCE_EXPRESSIONS_H_
