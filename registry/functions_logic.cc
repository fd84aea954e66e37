// SPDX-License-Identifier: Apache-2.0
//
// Comparisons, logic and choice.
#include <algorithm>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "registry/internal/kernels.h"

namespace larder::registry::internal {
namespace {

enum class Comparison { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual };

template <Comparison op, typename T>
bool Holds(const T& a, const T& b) {
  switch (op) {
    case Comparison::kEqual: return a == b;
    case Comparison::kNotEqual: return !(a == b);
    case Comparison::kLess: return a < b;
    case Comparison::kLessEqual: return a <= b;
    case Comparison::kGreater: return a > b;
    case Comparison::kGreaterEqual: return a >= b;
  }
  return false;
}

// `values(column)` is an array of its values.
template <Comparison op, typename Values>
void CompareNumbers(const KernelArgs& args, Column& out, Values values) {
  FirstNullReasons(args, out);
  out.ints.resize(args.rows);
  const Column& a = *args.columns[0];
  const Column& b = *args.columns[1];
  const auto* const first = values(a).data();
  using Number = std::remove_cvref_t<decltype(*first)>;
  MapPairs(first, Step(a), values(b).data(), Step(b), args.rows, out.ints.data(),
           [](Number x, Number y) { return Holds<op>(x, y) ? int64_t{1} : int64_t{0}; });
  for (size_t i = 0; i < args.rows; ++i) {
    out.ints[i] = out.reasons[i] == Reason::kValid ? out.ints[i] : 0;
  }
}

const std::vector<int64_t>& IntsOf(const Column& column) { return column.ints; }
const std::vector<double>& DoublesOf(const Column& column) { return column.doubles; }
const StringValues& StringsOf(const Column& column) { return column.strings; }

template <Comparison op>
void CompareInts(const KernelArgs& args, Column& out) {
  CompareNumbers<op>(args, out, IntsOf);
}
template <Comparison op>
void CompareDoubles(const KernelArgs& args, Column& out) {
  CompareNumbers<op>(args, out, DoublesOf);
}
template <Comparison op>
void CompareStrings(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  out.ints.assign(args.rows, 0);
  const Column& a = *args.columns[0];
  const Column& b = *args.columns[1];
  for (size_t i = 0; i < args.rows; ++i) {
    if (out.reasons[i] != Reason::kValid) continue;
    out.ints[i] = Holds<op>(a.strings[i * Step(a)], b.strings[i * Step(b)]) ? 1 : 0;
  }
}

// Kleene's `and` (kDecisive false) and `or` (kDecisive true): a decisive value wins over a null.
template <bool kDecisive>
void KleeneKernel(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  out.ints.assign(args.rows, kDecisive ? 0 : 1);
  for (const Column* arg : args.columns) {
    const size_t step = Step(*arg);
    for (size_t i = 0; i < args.rows; ++i) {
      const size_t at = i * step;
      if (arg->reasons[at] == Reason::kValid && (arg->ints[at] != 0) == kDecisive) {
        out.ints[i] = kDecisive ? 1 : 0;
        out.reasons[i] = Reason::kValid;
      }
    }
  }
  for (size_t i = 0; i < args.rows; ++i) {
    if (out.reasons[i] != Reason::kValid) out.ints[i] = 0;
  }
}

void NotKernel(const KernelArgs& args, Column& out) {
  Ints1(args, out, [](int64_t a, int64_t* r) {
    *r = a == 0 ? 1 : 0;
    return false;
  });
}

void KnownKernel(const KernelArgs& args, Column& out) {
  const Column& a = *args.columns[0];
  out.rows = args.rows;
  out.reasons.assign(args.rows, Reason::kValid);
  out.ints.resize(args.rows);
  for (size_t i = 0; i < args.rows; ++i) out.ints[i] = a.valid(i * Step(a)) ? 1 : 0;
}

// Row i of the result is row i of the argument choice(i), with its reason; where that is nullptr it
// is null as args[0] is.
template <typename Choice>
void Choose(const KernelArgs& args, Column& out, Choice choice) {
  const Column& first = *args.columns[0];
  const bool ints = InInts(out.type.kind);
  if (out.type.list || !(ints || InDoubles(out.type.kind))) {
    for (size_t i = 0; i < args.rows; ++i) {
      const Column* chosen = choice(i);
      if (chosen == nullptr) {
        out.AppendNull(first.reasons[i * Step(first)]);
      } else {
        out.AppendRow(*chosen, i * Step(*chosen));
      }
    }
    out.times.clear();
    return;
  }
  out.rows = args.rows;
  out.reasons.resize(args.rows);
  (ints ? out.ints.resize(args.rows) : out.doubles.resize(args.rows));
  for (size_t i = 0; i < args.rows; ++i) {
    const Column* chosen = choice(i);
    if (chosen == nullptr) {
      out.reasons[i] = first.reasons[i * Step(first)];
      continue;
    }
    const size_t at = i * Step(*chosen);
    out.reasons[i] = chosen->reasons[at];
    if (ints) {
      out.ints[i] = chosen->ints[at];
    } else {
      out.doubles[i] = chosen->doubles[at];
    }
  }
}

// A null condition decides nothing (S4.3).
void IfKernel(const KernelArgs& args, Column& out) {
  const Column& condition = *args.columns[0];
  Choose(args, out, [&](size_t i) -> const Column* {
    const size_t at = i * Step(condition);
    if (!condition.valid(at)) return nullptr;
    return args.columns[condition.ints[at] != 0 ? 1 : 2];
  });
}

void CoalesceKernel(const KernelArgs& args, Column& out) {
  Choose(args, out, [&](size_t i) -> const Column* {
    for (const Column* arg : args.columns) {
      if (arg->valid(i * Step(*arg))) return arg;
    }
    return nullptr;
  });
}

// The first null element of a row of a list, kValid if it has none.
Reason FirstNullElement(const Column& list, size_t row) {
  if (list.element_reasons.empty()) return Reason::kValid;
  for (size_t k = list.offsets[row]; k < list.offsets[row + 1]; ++k) {
    if (list.element_reasons[k] != Reason::kValid) return list.element_reasons[k];
  }
  return Reason::kValid;
}

// `found(i, row)`: whether element i of the first argument is among the valid elements of `row`.
template <typename Found>
void In(const KernelArgs& args, Column& out, Found found) {
  FirstNullReasons(args, out);
  out.ints.assign(args.rows, 0);
  const Column& x = *args.columns[0];
  const Column& list = *args.columns[1];
  for (size_t i = 0; i < args.rows; ++i) {
    if (out.reasons[i] != Reason::kValid) continue;
    const size_t row = i * Step(list);
    out.ints[i] = found(i * Step(x), row) ? 1 : 0;
    if (out.ints[i] == 0) out.reasons[i] = FirstNullElement(list, row);
  }
}

template <typename Values>
void ScanIn(const KernelArgs& args, Column& out, Values values) {
  const Column& list = *args.columns[1];
  const auto& wanted = values(*args.columns[0]);
  const auto& elements = values(list);
  In(args, out, [&](size_t i, size_t row) {
    for (size_t k = list.offsets[row]; k < list.offsets[row + 1]; ++k) {
      if (elements[k] == wanted[i] && list.element_reason(k) == Reason::kValid) return true;
    }
    return false;
  });
}

void InInts64(const KernelArgs& args, Column& out) { ScanIn(args, out, IntsOf); }
void InDoubleList(const KernelArgs& args, Column& out) { ScanIn(args, out, DoublesOf); }

void InStrings(const KernelArgs& args, Column& out) {
  const Column& list = *args.columns[1];
  if (list.rows != 1 || args.rows < 8 || list.elements() < 8) {
    ScanIn(args, out, StringsOf);
    return;
  }
  // One list for many candidates: `candidate in user.taste.recent`.
  std::unordered_set<std::string_view> elements;
  elements.reserve(list.elements());
  for (size_t k = 0; k < list.elements(); ++k) {
    if (list.element_reason(k) == Reason::kValid) elements.insert(list.strings[k]);
  }
  const StringValues& wanted = args.columns[0]->strings;
  In(args, out, [&](size_t i, size_t) { return elements.contains(wanted[i]); });
}

// ---- References -------------------------------------------------------------------------------

// -1, 0 or 1; both valid.
int Order(const Value& a, const Value& b) {
  if (a.type.kind == Kind::kString || a.type.kind == Kind::kKey) {
    const int order = a.text.compare(b.text);
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }
  if (InInts(a.type.kind) && InInts(b.type.kind)) {
    return a.integer < b.integer ? -1 : a.integer > b.integer ? 1 : 0;
  }
  return a.AsDouble() < b.AsDouble() ? -1 : a.AsDouble() > b.AsDouble() ? 1 : 0;
}

Value NullBool(Reason reason) { return Value::Null(Value::Bool(false).type, reason); }

template <Comparison op>
Value ReferenceCompare(std::span<const Value> args) {
  if (const Value* null = FirstNull(args)) return NullBool(null->reason);
  return Value::Bool(Holds<op>(Order(args[0], args[1]), 0));
}

Value ReferenceNot(std::span<const Value> args) {
  return args[0].valid() ? Value::Bool(args[0].integer == 0) : args[0];
}

template <bool kDecisive>
Value ReferenceKleene(std::span<const Value> args) {
  for (const Value& arg : args) {
    if (arg.valid() && (arg.integer != 0) == kDecisive) return Value::Bool(kDecisive);
  }
  if (const Value* null = FirstNull(args)) return NullBool(null->reason);
  return Value::Bool(!kDecisive);
}

Value ReferenceIn(std::span<const Value> args) {
  if (const Value* null = FirstNull(args)) return NullBool(null->reason);
  for (const Value& element : args[1].elements) {
    if (element.valid() && Order(args[0], element) == 0) return Value::Bool(true);
  }
  if (const Value* null = FirstNull(args[1].elements)) return NullBool(null->reason);
  return Value::Bool(false);
}

Value ReferenceIf(std::span<const Value> args) {
  if (!args[0].valid()) return Value::Null(args[1].type, args[0].reason);
  return args[0].integer != 0 ? args[1] : args[2];
}

Value ReferenceCoalesce(std::span<const Value> args) {
  for (const Value& arg : args) {
    if (arg.valid()) return arg;
  }
  return args[0];
}

Value ReferenceKnown(std::span<const Value> args) { return Value::Bool(args[0].valid()); }

// ---- The table --------------------------------------------------------------------------------

template <Comparison op>
Function CompareFunction(std::string_view name, std::string_view usage, std::string_view doc,
                         std::string_view example, std::string_view result) {
  Function function = MakeOperator(name, usage, kNullPropagates, doc, example, result);
  function.signatures = {Of({kIntArg, kIntArg}, kBoolArg, CompareInts<op>),
                         Of({kDoubleArg, kDoubleArg}, kBoolArg, CompareDoubles<op>),
                         Of({kTextArg, kTextArg}, kBoolArg, CompareStrings<op>),
                         Of({kTimeArg, kTimeArg}, kBoolArg, CompareInts<op>),
                         Of({kSpanArg, kSpanArg}, kBoolArg, CompareInts<op>)};
  if (op == Comparison::kEqual || op == Comparison::kNotEqual) {
    function.signatures.push_back(Of({kBoolArg, kBoolArg}, kBoolArg, CompareInts<op>));
  }
  function.reference = ReferenceCompare<op>;
  return function;
}

Function InFunction() {
  Function in =
      MakeOperator("in", "x in list",
                   "null if an argument is; true if x is found, else null if an element is null",
                   "Whether a list has an element equal to x.", "2 in [1, 2, 3]", "true");
  in.signatures = {Of({kIntArg, ListOf(kIntArg)}, kBoolArg, InInts64),
                   Of({kDoubleArg, ListOf(kDoubleArg)}, kBoolArg, InDoubleList),
                   Of({kTextArg, ListOf(kTextArg)}, kBoolArg, InStrings),
                   Of({kTimeArg, ListOf(kTimeArg)}, kBoolArg, InInts64),
                   Of({kSpanArg, ListOf(kSpanArg)}, kBoolArg, InInts64),
                   Of({kBoolArg, ListOf(kBoolArg)}, kBoolArg, InInts64)};
  in.reference = ReferenceIn;
  return in;
}

std::vector<Function> LogicOperators() {
  Function both =
      MakeOperator("and", "a and b", "false if one is false, else null if one is null (Kleene)",
                   "Whether both hold.", "true and false", "false");
  both.signatures = {Of({kBoolArg, kBoolArg}, kBoolArg, KleeneKernel<false>)};
  both.reference = ReferenceKleene<false>;
  Function either =
      MakeOperator("or", "a or b", "true if one is true, else null if one is null (Kleene)",
                   "Whether one of them holds.", "true or false", "true");
  either.signatures = {Of({kBoolArg, kBoolArg}, kBoolArg, KleeneKernel<true>)};
  either.reference = ReferenceKleene<true>;
  Function negation = MakeOperator("not", "not a", kNullPropagates, "Whether a does not hold.",
                                   "not true", "false");
  negation.signatures = {Of({kBoolArg}, kBoolArg, NotKernel)};
  negation.reference = ReferenceNot;
  return {both, either, negation};
}

}  // namespace

std::vector<Function> LogicFunctions() {
  using C = Comparison;
  std::vector<Function> functions = {
      CompareFunction<C::kEqual>("==", "a == b", "Equality of numbers, texts, keys, times, bools.",
                                 "1 == 1.0", "true"),
      CompareFunction<C::kNotEqual>("!=", "a != b", "The opposite of ==.", "'a' != 'b'", "true"),
      CompareFunction<C::kLess>("<", "a < b", "Order of numbers and times; of texts by bytes.",
                                "1 < 2", "true"),
      CompareFunction<C::kLessEqual>("<=", "a <= b", "a < b or a == b.", "2 <= 2", "true"),
      CompareFunction<C::kGreater>(">", "a > b", "The same as b < a.", "1h > 90m", "false"),
      CompareFunction<C::kGreaterEqual>(">=", "a >= b", "The same as b <= a.", "2 >= 3", "false"),
      InFunction()};
  for (Function& function : LogicOperators()) functions.push_back(std::move(function));

  Function choose =
      MakeFunction("if", "if(c: bool, a: T, b: T) -> T", "null if c is null or the chosen value is",
                   "a where c holds, else b.", "if(2 > 1, 'yes', 'no')", "'yes'");
  choose.signatures = {Of({kBoolArg, kAnyRowArg, kAnyRowArg}, kAnyRowArg, IfKernel)};
  choose.reference = ReferenceIf;
  functions.push_back(std::move(choose));

  Function coalesce = MakeFunction(
      "coalesce", "coalesce(a: T, b: T, ...) -> T", "null if all are, with the reason of the first",
      "The first argument that is not null.", "coalesce(1 / 0, 0.5)", "0.5");
  coalesce.signatures = {Of({kAnyRowArg, kAnyRowArg}, kAnyRowArg, CoalesceKernel)};
  coalesce.signatures.back().variadic = true;
  coalesce.reference = ReferenceCoalesce;
  functions.push_back(std::move(coalesce));

  Function known = MakeFunction("known", "known(x: T) -> bool", "never null",
                                "Whether x is not null.", "known(1 / 0)", "false");
  known.signatures = {Of({kAnyRowArg}, kBoolArg, KnownKernel)};
  known.reference = ReferenceKnown;
  functions.push_back(std::move(known));
  return functions;
}

}  // namespace larder::registry::internal
