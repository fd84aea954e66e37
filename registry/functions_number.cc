// SPDX-License-Identifier: Apache-2.0
//
// Arithmetic and elementary functions.
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "registry/internal/kernels.h"
#include "registry/portable_math.h"

namespace larder::registry::internal {
namespace {

constexpr int64_t kMinInt = std::numeric_limits<int64_t>::min();

bool AddInts(int64_t a, int64_t b, int64_t* r) { return __builtin_add_overflow(a, b, r); }
bool SubtractInts(int64_t a, int64_t b, int64_t* r) { return __builtin_sub_overflow(a, b, r); }
bool MultiplyInts(int64_t a, int64_t b, int64_t* r) { return __builtin_mul_overflow(a, b, r); }
bool NegateInt(int64_t a, int64_t* r) { return __builtin_sub_overflow(int64_t{0}, a, r); }
bool AbsInt(int64_t a, int64_t* r) {
  *r = a;
  return a < 0 && NegateInt(a, r);
}
bool RemainderInts(int64_t a, int64_t b, int64_t* r) {
  if (b == 0) return true;
  *r = b == -1 ? 0 : a % b;  // the smallest int64 % -1 overflows in hardware
  return false;
}

double AddDoubles(double a, double b) { return a + b; }
double SubtractDoubles(double a, double b) { return a - b; }
double MultiplyDoubles(double a, double b) { return a * b; }
double DivideDoubles(double a, double b) { return a / b; }  // x / 0 is not finite: null
// Exact by IEEE 754, so the same on every machine.
double RemainderDoubles(double a, double b) { return std::fmod(a, b); }

using DoubleOp1 = double (*)(double);
using DoubleOp2 = double (*)(double, double);
using IntOp1 = bool (*)(int64_t, int64_t*);
using IntOp2 = bool (*)(int64_t, int64_t, int64_t*);

template <DoubleOp1 op>
void DoubleKernel1(const KernelArgs& args, Column& out) {
  Doubles1(args, out, [](double a) { return op(a); });
}
template <DoubleOp2 op>
void DoubleKernel2(const KernelArgs& args, Column& out) {
  Doubles2(args, out, [](double a, double b) { return op(a, b); });
}
template <IntOp1 op>
void IntKernel1(const KernelArgs& args, Column& out) {
  Ints1(args, out, [](int64_t a, int64_t* r) { return op(a, r); });
}
template <IntOp2 op>
void IntKernel2(const KernelArgs& args, Column& out) {
  Ints2(args, out, [](int64_t a, int64_t b, int64_t* r) { return op(a, b, r); });
}

// Durations are exact in a double up to 285 years; beyond, rounded once.
void DivideDurations(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  out.doubles.resize(args.rows);
  const Column& a = *args.columns[0];
  const Column& b = *args.columns[1];
  for (size_t i = 0; i < args.rows; ++i) {
    out.doubles[i] = static_cast<double>(a.ints[i * Step(a)]) /
                     static_cast<double>(b.ints[i * Step(b)]);
  }
  FinishDoubles(out);
}

double Abs(double x) { return std::fabs(x); }
double Negate(double x) { return -x; }
double SquareRoot(double x) { return std::sqrt(x); }  // exact by IEEE 754

void WidenInts(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  out.doubles.resize(args.rows);
  const Column& a = *args.columns[0];
  const size_t step = Step(a);
  for (size_t i = 0; i < args.rows; ++i) {
    out.doubles[i] = static_cast<double>(a.ints[i * step]);
  }
}

void WidenFloats(const KernelArgs& args, Column& out) {
  Doubles1(args, out, [](double a) { return a; });
}

void WidenKeys(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  out.strings = args.columns[0]->strings;
}

// min_of and max_of: the arguments have one kind.
template <bool kMax>
void ExtremeKernel(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  const bool ints = InInts(out.type.kind);
  if (ints) {
    out.ints.assign(args.rows, 0);
  } else {
    out.doubles.assign(args.rows, 0);
  }
  for (size_t i = 0; i < args.rows; ++i) {
    if (out.reasons[i] != Reason::kValid) continue;
    for (size_t k = 0; k < args.columns.size(); ++k) {
      const Column& arg = *args.columns[k];
      const size_t at = i * Step(arg);
      if (ints) {
        const int64_t x = arg.ints[at];
        if (k == 0 || (kMax ? out.ints[i] < x : x < out.ints[i])) out.ints[i] = x;
      } else {
        const double x = arg.doubles[at];
        const bool better = kMax ? TotalLess(out.doubles[i], x) : TotalLess(x, out.doubles[i]);
        if (k == 0 || better) out.doubles[i] = x;
      }
    }
  }
}

// ---- References -------------------------------------------------------------------------------

Value OfKind(Kind kind, int64_t integer) {
  Value value = Value::Int(integer);
  value.type.kind = kind;
  return value;
}

// The kind of a + b, a - b for things that are not both numbers.
Kind TimeKind(const Value& a, const Value& b, bool minus) {
  if (a.type.kind == Kind::kTimestamp && b.type.kind == Kind::kTimestamp && minus) {
    return Kind::kDuration;
  }
  return a.type.kind == Kind::kTimestamp || b.type.kind == Kind::kTimestamp ? Kind::kTimestamp
                                                                           : Kind::kDuration;
}

bool Integral(const Value& value) { return InInts(value.type.kind); }

Value ReferenceArithmetic(std::span<const Value> args, char op) {
  const Value& a = args[0];
  const Value& b = args[1];
  const bool numbers = a.type.kind == Kind::kInt64 && b.type.kind == Kind::kInt64;
  Type type = Value::Double(0).type;
  if (Integral(a) && Integral(b)) {
    type.kind = numbers ? Kind::kInt64 : TimeKind(a, b, op == '-');
  }
  if (const Value* null = FirstNull(args)) return Value::Null(type, null->reason);
  if (!Integral(a) || !Integral(b)) {
    switch (op) {
      case '+': return Value::Double(a.AsDouble() + b.AsDouble());
      case '-': return Value::Double(a.AsDouble() - b.AsDouble());
      case '*': return Value::Double(a.AsDouble() * b.AsDouble());
      default: return Value::Double(std::fmod(a.AsDouble(), b.AsDouble()));
    }
  }
  const auto x = static_cast<__int128>(a.integer);
  const auto y = static_cast<__int128>(b.integer);
  if (op == '%' && y == 0) return Value::Null(type, Reason::kInputNull);
  const __int128 wide = op == '+' ? x + y : op == '-' ? x - y : op == '*' ? x * y : x % y;
  const auto narrow = static_cast<int64_t>(wide);
  if (narrow != wide) return Value::Null(type, Reason::kInputNull);
  return OfKind(type.kind, narrow);
}

template <char op>
Value Arithmetic(std::span<const Value> args) {
  return ReferenceArithmetic(args, op);
}

Value ReferenceDivide(std::span<const Value> args) {
  if (const Value* null = FirstNull(args)) return Value::Null({}, null->reason);
  const auto number = [](const Value& value) {
    return Integral(value) ? static_cast<double>(value.integer) : value.number;
  };
  return Value::Double(number(args[0]) / number(args[1]));
}

Value ReferenceNegate(std::span<const Value> args) {
  if (!args[0].valid()) return args[0];
  if (!Integral(args[0])) return Value::Double(-args[0].number);
  if (args[0].integer == kMinInt) return Value::Null(args[0].type, Reason::kInputNull);
  return OfKind(args[0].type.kind, -args[0].integer);
}

Value ReferenceAbs(std::span<const Value> args) {
  if (!args[0].valid()) return args[0];
  const bool negative = Integral(args[0]) ? args[0].integer < 0 : std::signbit(args[0].number);
  return negative ? ReferenceNegate(args) : args[0];
}

template <DoubleOp1 op>
Value Elementary(std::span<const Value> args) {
  if (!args[0].valid()) return Value::Null({}, args[0].reason);
  return Value::Double(op(args[0].AsDouble()));
}

template <bool kMax>
Value ReferenceExtreme(std::span<const Value> args) {
  if (const Value* null = FirstNull(args)) return Value::Null(args[0].type, null->reason);
  Value best = args[0];
  for (const Value& arg : args.subspan(1)) {
    const bool ints = Integral(best) && Integral(arg);
    const Value& low = kMax ? best : arg;
    const Value& high = kMax ? arg : best;
    if (ints ? low.integer < high.integer : TotalLess(low.AsDouble(), high.AsDouble())) best = arg;
  }
  return best;
}

// ---- The table --------------------------------------------------------------------------------

std::vector<Function> Operators() {
  Function add = MakeOperator("+", "a + b", "null if an argument is, or on overflow",
                              "Sum of numbers, of durations, or of a timestamp and a duration.",
                              "2 + 0.5", "2.5");
  add.signatures = {Of({kIntArg, kIntArg}, kIntArg, IntKernel2<AddInts>),
                    Of({kDoubleArg, kDoubleArg}, kDoubleArg, DoubleKernel2<AddDoubles>),
                    Of({kTimeArg, kSpanArg}, kTimeArg, IntKernel2<AddInts>),
                    Of({kSpanArg, kTimeArg}, kTimeArg, IntKernel2<AddInts>),
                    Of({kSpanArg, kSpanArg}, kSpanArg, IntKernel2<AddInts>)};
  add.reference = Arithmetic<'+'>;

  Function subtract =
      MakeOperator("-", "a - b", "null if an argument is, or on overflow",
                   "Difference; of two timestamps it is a duration.", "7d - 36h", "132h");
  subtract.signatures = {
      Of({kIntArg, kIntArg}, kIntArg, IntKernel2<SubtractInts>),
      Of({kDoubleArg, kDoubleArg}, kDoubleArg, DoubleKernel2<SubtractDoubles>),
      Of({kTimeArg, kTimeArg}, kSpanArg, IntKernel2<SubtractInts>),
      Of({kTimeArg, kSpanArg}, kTimeArg, IntKernel2<SubtractInts>),
      Of({kSpanArg, kSpanArg}, kSpanArg, IntKernel2<SubtractInts>)};
  subtract.reference = Arithmetic<'-'>;

  Function multiply = MakeOperator("*", "a * b", "null if an argument is, or on overflow",
                                   "Product of two numbers.", "6 * 7", "42");
  multiply.signatures = {
      Of({kIntArg, kIntArg}, kIntArg, IntKernel2<MultiplyInts>),
      Of({kDoubleArg, kDoubleArg}, kDoubleArg, DoubleKernel2<MultiplyDoubles>)};
  multiply.reference = Arithmetic<'*'>;

  Function divide =
      MakeOperator("/", "a / b", "null if an argument is, on overflow, or by zero",
                   "Quotient of two numbers or two durations, always a double.", "1 / 4", "0.25");
  divide.signatures = {Of({kDoubleArg, kDoubleArg}, kDoubleArg, DoubleKernel2<DivideDoubles>),
                       Of({kSpanArg, kSpanArg}, kDoubleArg, DivideDurations)};
  divide.reference = ReferenceDivide;

  Function remainder =
      MakeOperator("%", "a % b", "null if an argument is, or by zero",
                   "Remainder of a / b rounded towards zero; has the sign of a.", "-7 % 3", "-1");
  remainder.signatures = {
      Of({kIntArg, kIntArg}, kIntArg, IntKernel2<RemainderInts>),
      Of({kDoubleArg, kDoubleArg}, kDoubleArg, DoubleKernel2<RemainderDoubles>)};
  remainder.reference = Arithmetic<'%'>;

  Function negate = MakeOperator("neg", "-a", "null if the argument is, or on overflow",
                                 "The negative of a number or duration.", "-(2 - 5)", "3");
  negate.signatures = {Of({kIntArg}, kIntArg, IntKernel1<NegateInt>),
                       Of({kDoubleArg}, kDoubleArg, DoubleKernel1<Negate>),
                       Of({kSpanArg}, kSpanArg, IntKernel1<NegateInt>)};
  negate.reference = ReferenceNegate;
  return {add, subtract, multiply, divide, remainder, negate};
}

template <DoubleOp1 op>
Function ElementaryFunction(std::string_view name, std::string_view usage, std::string_view nulls,
                            std::string_view doc, std::string_view example,
                            std::string_view result) {
  Function function = MakeFunction(name, usage, nulls, doc, example, result);
  function.signatures = {Of({kDoubleArg}, kDoubleArg, DoubleKernel1<op>)};
  function.reference = Elementary<op>;
  return function;
}

template <bool kMax>
Function ExtremeFunction(std::string_view name, std::string_view usage, std::string_view doc,
                         std::string_view example, std::string_view result) {
  Function function = MakeFunction(name, usage, kNullPropagates, doc, example, result);
  for (const TypePattern type : {kIntArg, kDoubleArg, kTimeArg, kSpanArg}) {
    function.signatures.push_back(Of({type, type}, type, ExtremeKernel<kMax>));
    function.signatures.back().variadic = true;
  }
  function.reference = ReferenceExtreme<kMax>;
  return function;
}

}  // namespace

std::vector<Function> NumberFunctions() {
  std::vector<Function> functions = Operators();
  Function abs = MakeFunction("abs", "abs(x: number | duration) -> the same",
                              "null if the argument is, or on overflow",
                              "The value without its sign.", "abs(-3)", "3");
  abs.signatures = {Of({kIntArg}, kIntArg, IntKernel1<AbsInt>),
                    Of({kDoubleArg}, kDoubleArg, DoubleKernel1<Abs>),
                    Of({kSpanArg}, kSpanArg, IntKernel1<AbsInt>)};
  abs.reference = ReferenceAbs;
  functions.push_back(std::move(abs));

  functions.push_back(ElementaryFunction<PortableExp>(
      "exp", "exp(x: double) -> double", "null if the argument is, or on overflow",
      "e to the power x.", "exp(0)", "1.0"));
  functions.push_back(ElementaryFunction<PortableLog>(
      "log", "log(x: double) -> double", "null if the argument is, or is not positive",
      "The natural logarithm.", "log(1)", "0.0"));
  functions.push_back(ElementaryFunction<PortableLog1p>(
      "log1p", "log1p(x: double) -> double", "null if the argument is, or is -1 or less",
      "log(1 + x), also exact for small x.", "log1p(0)", "0.0"));
  functions.push_back(ElementaryFunction<SquareRoot>(
      "sqrt", "sqrt(x: double) -> double", "null if the argument is, or is negative",
      "The square root.", "sqrt(16)", "4.0"));
  functions.push_back(ExtremeFunction<false>(
      "min_of", "min_of(a, b, ...) -> the same",
      "The smallest of numbers, timestamps or durations.", "min_of(3, 1, 2)", "1"));
  functions.push_back(ExtremeFunction<true>("max_of", "max_of(a, b, ...) -> the same",
                                            "The largest of numbers, timestamps or durations.",
                                            "max_of(0.1, 2)", "2.0"));

  Function widen;
  widen.name = "widen";
  widen.kind = Function::Kind::kInternal;
  widen.usage = "int64 or float as double, key as string";
  widen.nulls = kNullPropagates;
  widen.doc = "A value in a wider type.";
  widen.signatures = {Of({kIntArg}, kDoubleArg, WidenInts),
                      Of({kDoubleArg}, kDoubleArg, WidenFloats),
                      Of({kTextArg}, kTextArg, WidenKeys)};
  functions.push_back(std::move(widen));
  return functions;
}

}  // namespace larder::registry::internal
