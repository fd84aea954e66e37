// SPDX-License-Identifier: Apache-2.0
//
// Functions that reduce a list to one value. Null elements are skipped (S4.3).
#include <cstdint>
#include <utility>
#include <vector>

#include "registry/internal/kernels.h"

namespace larder::registry::internal {
namespace {

void CountKernel(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  out.ints.assign(args.rows, 0);
  const Column& list = *args.columns[0];
  for (size_t i = 0; i < args.rows; ++i) {
    const size_t row = i * Step(list);
    for (size_t k = list.offsets[row]; k < list.offsets[row + 1]; ++k) {
      if (list.element_reason(k) == Reason::kValid) ++out.ints[i];
    }
  }
}

struct IntSum {
  __int128 sum = 0;
  int64_t count = 0;
};

IntSum SumInts(const Column& list, size_t row) {
  IntSum result;
  for (size_t k = list.offsets[row]; k < list.offsets[row + 1]; ++k) {
    if (list.element_reason(k) != Reason::kValid) continue;
    result.sum += list.ints[k];
    ++result.count;
  }
  return result;
}

struct DoubleSum {
  double sum = 0;
  int64_t count = 0;
};

// From the first element to the last, so the bits are the same everywhere (R3).
DoubleSum SumDoubles(const Column& list, size_t row) {
  DoubleSum result;
  for (size_t k = list.offsets[row]; k < list.offsets[row + 1]; ++k) {
    if (list.element_reason(k) != Reason::kValid) continue;
    result.sum += list.doubles[k];
    ++result.count;
  }
  return result;
}

void SumIntKernel(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  out.ints.assign(args.rows, 0);
  const Column& list = *args.columns[0];
  for (size_t i = 0; i < args.rows; ++i) {
    if (out.reasons[i] != Reason::kValid) continue;
    const __int128 sum = SumInts(list, i * Step(list)).sum;
    const auto narrow = static_cast<int64_t>(sum);
    if (narrow == sum) {
      out.ints[i] = narrow;
    } else {
      out.reasons[i] = Reason::kInputNull;
    }
  }
}

void SumDoubleKernel(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  out.doubles.resize(args.rows);
  const Column& list = *args.columns[0];
  for (size_t i = 0; i < args.rows; ++i) out.doubles[i] = SumDoubles(list, i * Step(list)).sum;
  FinishDoubles(out);
}

void MeanIntKernel(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  out.doubles.assign(args.rows, 0);
  const Column& list = *args.columns[0];
  for (size_t i = 0; i < args.rows; ++i) {
    if (out.reasons[i] != Reason::kValid) continue;
    const IntSum sum = SumInts(list, i * Step(list));
    if (sum.count == 0) {
      out.reasons[i] = Reason::kEmpty;
    } else {
      out.doubles[i] = static_cast<double>(sum.sum) / static_cast<double>(sum.count);
    }
  }
}

void MeanDoubleKernel(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  out.doubles.assign(args.rows, 0);
  const Column& list = *args.columns[0];
  for (size_t i = 0; i < args.rows; ++i) {
    if (out.reasons[i] != Reason::kValid) continue;
    const DoubleSum sum = SumDoubles(list, i * Step(list));
    if (sum.count == 0) {
      out.reasons[i] = Reason::kEmpty;
    } else {
      out.doubles[i] = sum.sum / static_cast<double>(sum.count);
    }
  }
  FinishDoubles(out);
}

template <bool kMax>
void ExtremeOfList(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  const Column& list = *args.columns[0];
  const bool ints = InInts(out.type.kind);
  (ints ? out.ints.assign(args.rows, 0) : out.doubles.assign(args.rows, 0));
  for (size_t i = 0; i < args.rows; ++i) {
    if (out.reasons[i] != Reason::kValid) continue;
    const size_t row = i * Step(list);
    bool any = false;
    for (size_t k = list.offsets[row]; k < list.offsets[row + 1]; ++k) {
      if (list.element_reason(k) != Reason::kValid) continue;
      if (ints) {
        const int64_t x = list.ints[k];
        if (!any || (kMax ? out.ints[i] < x : x < out.ints[i])) out.ints[i] = x;
      } else {
        const double x = list.doubles[k];
        const double best = out.doubles[i];
        if (!any || (kMax ? TotalLess(best, x) : TotalLess(x, best))) out.doubles[i] = x;
      }
      any = true;
    }
    if (!any) out.reasons[i] = Reason::kEmpty;
  }
}

// ---- References -------------------------------------------------------------------------------

std::vector<Value> ValidElements(const Value& list) {
  std::vector<Value> elements;
  for (const Value& element : list.elements) {
    if (element.valid()) elements.push_back(element);
  }
  return elements;
}

Value ReferenceCount(std::span<const Value> args) {
  if (!args[0].valid()) return Value::Null(Value::Int(0).type, args[0].reason);
  return Value::Int(static_cast<int64_t>(ValidElements(args[0]).size()));
}

Value ReferenceSum(std::span<const Value> args) {
  if (!args[0].valid()) return Value::Null(args[0].type.Element(), args[0].reason);
  if (args[0].type.kind != Kind::kInt64) {
    double sum = 0;
    for (const Value& element : ValidElements(args[0])) sum += element.number;
    return Value::Double(sum);
  }
  __int128 sum = 0;
  for (const Value& element : ValidElements(args[0])) sum += element.integer;
  const auto narrow = static_cast<int64_t>(sum);
  return narrow == sum ? Value::Int(narrow)
                       : Value::Null(Value::Int(0).type, Reason::kInputNull);
}

Value ReferenceMean(std::span<const Value> args) {
  if (!args[0].valid()) return Value::Null({}, args[0].reason);
  const std::vector<Value> elements = ValidElements(args[0]);
  if (elements.empty()) return Value::Null({}, Reason::kEmpty);
  const auto count = static_cast<double>(elements.size());
  if (args[0].type.kind == Kind::kVector) return ReferenceMeanOfVectors(args[0]);
  if (args[0].type.kind == Kind::kInt64) {
    __int128 sum = 0;
    for (const Value& element : elements) sum += element.integer;
    return Value::Double(static_cast<double>(sum) / count);
  }
  const Value sum = ReferenceSum(args);
  return sum.valid() ? Value::Double(sum.number / count) : sum;
}

template <bool kMax>
Value ReferenceExtreme(std::span<const Value> args) {
  if (!args[0].valid()) return Value::Null(args[0].type.Element(), args[0].reason);
  const std::vector<Value> elements = ValidElements(args[0]);
  if (elements.empty()) return Value::Null(args[0].type.Element(), Reason::kEmpty);
  Value best = elements[0];
  for (const Value& element : elements) {
    const bool ints = InInts(element.type.kind);
    const Value& low = kMax ? best : element;
    const Value& high = kMax ? element : best;
    if (ints ? low.integer < high.integer : TotalLess(low.number, high.number)) best = element;
  }
  return best;
}

template <bool kMax>
Function ExtremeFunction(std::string_view name, std::string_view usage, std::string_view doc,
                         std::string_view example, std::string_view result) {
  Function function = MakeFunction(
      name, usage, "null elements are skipped; of nothing null `empty`", doc, example, result);
  for (const TypePattern type : {kIntArg, kDoubleArg, kTimeArg, kSpanArg}) {
    function.signatures.push_back(Of({ListOf(type)}, type, ExtremeOfList<kMax>));
  }
  function.reference = ReferenceExtreme<kMax>;
  return function;
}

}  // namespace

std::vector<Function> ListFunctions() {
  Function count =
      MakeFunction("count", "count(list<T>) -> int64", kNullSkipped,
                   "How many elements of a list are not null. In a view: aggregate (L4).",
                   "count([4, 5, 6])", "3");
  count.signatures = {Of({ListOf(kAnyArg)}, kIntArg, CountKernel)};
  count.reference = ReferenceCount;

  Function sum =
      MakeFunction("sum", "sum(list<number>) -> int64 | double",
                   "null elements are skipped; null on overflow; of nothing 0",
                   "The sum of a list. In a view: aggregate (L4).", "sum([1, 2, 3])", "6");
  sum.signatures = {Of({ListOf(kIntArg)}, kIntArg, SumIntKernel),
                    Of({ListOf(kDoubleArg)}, kDoubleArg, SumDoubleKernel)};
  sum.reference = ReferenceSum;

  Function mean = MakeFunction(
      "mean", "mean(list<number> | list<vector>) -> double | vector",
      "null elements are skipped; of nothing null `empty`",
      "The mean of a list; of int8 vectors, of their directions. In a view: aggregate.",
      "mean([1, 2])", "1.5");
  mean.signatures = {Of({ListOf(kIntArg)}, kDoubleArg, MeanIntKernel),
                     Of({ListOf(kDoubleArg)}, kDoubleArg, MeanDoubleKernel),
                     Of({ListOf(kVectorArg)}, kVectorArg, MeanOfVectors)};
  mean.reference = ReferenceMean;

  return {count, sum, mean,
          ExtremeFunction<false>("min", "min(list<T>) -> T",
                                 "The smallest element. In a view: aggregate (L4).",
                                 "min([3, 1, 2])", "1"),
          ExtremeFunction<true>("max", "max(list<T>) -> T",
                                "The largest element. In a view: aggregate (L4).",
                                "max([1h, 2h])", "2h")};
}

}  // namespace larder::registry::internal
