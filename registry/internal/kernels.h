// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_INTERNAL_KERNELS_H_
#define LARDER_REGISTRY_INTERNAL_KERNELS_H_

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "registry/column.h"
#include "registry/function_table.h"

namespace larder::registry::internal {

// The parts of the function table, one per file functions_*.cc.
std::vector<Function> NumberFunctions();
std::vector<Function> LogicFunctions();
std::vector<Function> TextFunctions();
std::vector<Function> TimeFunctions();
std::vector<Function> ListFunctions();
std::vector<Function> VectorFunctions();

// mean(list<vector>), whose other signatures stand with the lists.
void MeanOfVectors(const KernelArgs& args, Column& out);
Value ReferenceMeanOfVectors(const Value& list);

// Abbreviations for signatures.
using Base = TypePattern::Base;
inline constexpr TypePattern kBoolArg{Base::kBool, false};
inline constexpr TypePattern kIntArg{Base::kInt64, false};
inline constexpr TypePattern kDoubleArg{Base::kDouble, false};
inline constexpr TypePattern kTextArg{Base::kString, false};
inline constexpr TypePattern kTimeArg{Base::kTimestamp, false};
inline constexpr TypePattern kSpanArg{Base::kDuration, false};
inline constexpr TypePattern kVectorArg{Base::kVector, false};
inline constexpr TypePattern kAnyArg{Base::kAny, false};
inline constexpr TypePattern kAnyRowArg{Base::kAnyRow, false};
inline constexpr TypePattern ListOf(TypePattern element) { return {element.base, true}; }

inline Signature Of(std::initializer_list<TypePattern> params, TypePattern result, Kernel kernel) {
  Signature signature;
  signature.params = params;
  signature.result = result;
  signature.kernel = kernel;
  return signature;
}

// An entry of the table without signatures and reference.
inline Function MakeFunction(std::string_view name, std::string_view usage, std::string_view nulls,
                             std::string_view doc, std::string_view example = {},
                             std::string_view result = {}) {
  Function function;
  function.name = name;
  function.usage = usage;
  function.nulls = nulls;
  function.doc = doc;
  function.example = example;
  function.result = result;
  return function;
}

inline Function MakeOperator(std::string_view name, std::string_view usage, std::string_view nulls,
                             std::string_view doc, std::string_view example,
                             std::string_view result) {
  Function function = MakeFunction(name, usage, nulls, doc, example, result);
  function.kind = Function::Kind::kOperator;
  return function;
}

// 0 for a column that broadcasts, else 1: element i of a row kernel is i * Step(column).
inline size_t Step(const Column& column) { return column.rows == 1 ? 0 : 1; }

// Makes `out` as long as the arguments and gives each row the reason of its first null argument.
inline void FirstNullReasons(const KernelArgs& args, Column& out) {
  static_assert(static_cast<int>(Reason::kValid) == 0);
  out.rows = args.rows;
  out.reasons.assign(args.rows, Reason::kValid);
  Reason* const reasons = out.reasons.data();
  for (const Column* arg : args.columns) {
    const Reason* const given = arg->reasons.data();
    if (Step(*arg) != 0) {
      for (size_t i = 0; i < args.rows; ++i) {
        reasons[i] = reasons[i] != Reason::kValid ? reasons[i] : given[i];
      }
    } else if (given[0] != Reason::kValid) {
      for (size_t i = 0; i < args.rows; ++i) {
        reasons[i] = reasons[i] != Reason::kValid ? reasons[i] : given[0];
      }
    }
  }
}

// Zero for null rows; a result that is not finite is null `input_null` (S4.3).
inline void FinishDoubles(Column& out) {
  double* const values = out.doubles.data();
  Reason* const reasons = out.reasons.data();
  for (size_t i = 0; i < out.rows; ++i) {
    const bool finite = std::fabs(values[i]) <= std::numeric_limits<double>::max();
    const Reason own = finite ? Reason::kValid : Reason::kInputNull;
    reasons[i] = reasons[i] != Reason::kValid ? reasons[i] : own;
    values[i] = reasons[i] == Reason::kValid ? values[i] : 0;
  }
}

// to[i] = f(a[i], b[i]), where an argument with step 0 gives a[0] each time.
template <typename A, typename R, typename F>
void MapPairs(const A* a, size_t a_step, const A* b, size_t b_step, size_t rows, R* to, F f) {
  if (rows == 0) return;
  if (a_step != 0 && b_step != 0) {
    for (size_t i = 0; i < rows; ++i) to[i] = f(a[i], b[i]);
  } else if (a_step != 0) {
    const A constant = b[0];
    for (size_t i = 0; i < rows; ++i) to[i] = f(a[i], constant);
  } else {
    const A constant = a[0];
    for (size_t i = 0; i < rows; ++i) to[i] = f(constant, b[i * b_step]);
  }
}

template <typename F>
void Doubles1(const KernelArgs& args, Column& out, F f) {
  FirstNullReasons(args, out);
  out.doubles.resize(args.rows);
  const Column& a = *args.columns[0];
  const size_t step = Step(a);
  const double* const from = a.doubles.data();
  double* const to = out.doubles.data();
  for (size_t i = 0; i < args.rows; ++i) to[i] = f(from[i * step]);
  FinishDoubles(out);
}

template <typename F>
void Doubles2(const KernelArgs& args, Column& out, F f) {
  FirstNullReasons(args, out);
  out.doubles.resize(args.rows);
  const Column& a = *args.columns[0];
  const Column& b = *args.columns[1];
  MapPairs(a.doubles.data(), Step(a), b.doubles.data(), Step(b), args.rows, out.doubles.data(), f);
  FinishDoubles(out);
}

// `f(x, y, &result)` is true if there is no result (overflow, division by zero): null `input_null`.
template <typename F>
void Ints2(const KernelArgs& args, Column& out, F f) {
  FirstNullReasons(args, out);
  out.ints.assign(args.rows, 0);
  const Column& a = *args.columns[0];
  const Column& b = *args.columns[1];
  const size_t a_step = Step(a);
  const size_t b_step = Step(b);
  for (size_t i = 0; i < args.rows; ++i) {
    if (out.reasons[i] != Reason::kValid) continue;
    int64_t result = 0;
    if (f(a.ints[i * a_step], b.ints[i * b_step], &result)) {
      out.reasons[i] = Reason::kInputNull;
    } else {
      out.ints[i] = result;
    }
  }
}

template <typename F>
void Ints1(const KernelArgs& args, Column& out, F f) {
  FirstNullReasons(args, out);
  out.ints.assign(args.rows, 0);
  const Column& a = *args.columns[0];
  for (size_t i = 0; i < args.rows; ++i) {
    if (out.reasons[i] != Reason::kValid) continue;
    int64_t result = 0;
    if (f(a.ints[i * Step(a)], &result)) {
      out.reasons[i] = Reason::kInputNull;
    } else {
      out.ints[i] = result;
    }
  }
}

// True if the columns of this kind keep their values in `ints`.
inline bool InInts(Kind kind) {
  return kind == Kind::kBool || kind == Kind::kInt64 || kind == Kind::kTimestamp ||
         kind == Kind::kDuration;
}
inline bool InDoubles(Kind kind) { return kind == Kind::kFloat || kind == Kind::kDouble; }

// The order of doubles in `min` and `max` (S3.2): -0 before 0.
inline bool TotalLess(double a, double b) {
  return a < b || (a == b && std::signbit(a) && !std::signbit(b));
}

// References: the first null among `args` as a null result, nullptr if there is none.
inline const Value* FirstNull(std::span<const Value> args) {
  for (const Value& arg : args) {
    if (!arg.valid()) return &arg;
  }
  return nullptr;
}

}  // namespace larder::registry::internal

#endif  // LARDER_REGISTRY_INTERNAL_KERNELS_H_
