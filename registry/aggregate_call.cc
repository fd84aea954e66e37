// SPDX-License-Identifier: Apache-2.0
#include "registry/aggregate_call.h"

#include <algorithm>
#include <utility>

namespace larder::registry {
namespace {

struct AggregateName {
  std::string_view name;
  std::optional<AggregateFunction> function;  // nullopt: not supported yet
};

const AggregateName kAggregates[] = {
    {"count", AggregateFunction::kCount}, {"sum", AggregateFunction::kSum},
    {"mean", AggregateFunction::kMean},   {"min", AggregateFunction::kMin},
    {"max", AggregateFunction::kMax},     {"first", AggregateFunction::kFirst},
    {"last", AggregateFunction::kLast},   {"variance", std::nullopt},
    {"count_distinct", std::nullopt},     {"quantile", std::nullopt},
};

const AggregateName* Find(std::string_view name) {
  for (const AggregateName& aggregate : kAggregates) {
    if (aggregate.name == name) return &aggregate;
  }
  return nullptr;
}

class Reader {
 public:
  Reader(const Expr& call, std::vector<Diagnostic>& diagnostics)
      : call_(call), diagnostics_(diagnostics), before_(diagnostics.size()) {}

  std::optional<AggregateCall> Run() {
    const AggregateName* name = Find(call_.text);
    LARDER_CHECK(name != nullptr);
    if (!name->function) {
      Report(diagnostics_, call_, "aggregate '", call_.text, "' is not supported yet");
    } else {
      result_.function = *name->function;
      Arguments();
    }
    for (const Clause& clause : call_.clauses) Take(clause);
    if (diagnostics_.size() != before_) return std::nullopt;
    return std::move(result_);
  }

 private:
  void Arguments() {
    const size_t count = call_.args.size();
    const bool takes_n = result_.function == AggregateFunction::kLast;
    if (result_.function == AggregateFunction::kCount) {
      if (count > 0) {
        Report(diagnostics_, call_.args[0],
               "count() has no argument; write count(where known(x)) to count values");
      }
      return;
    }
    if (count == 0) {
      Report(diagnostics_, call_, "'", call_.text, "' needs an argument: what it aggregates");
      return;
    }
    result_.argument = &call_.args[0];
    if (count == 1) return;
    if (count > 2 || !takes_n) {
      Report(diagnostics_, call_.args[1], "'", call_.text, "' takes 1 argument",
             takes_n ? " and n" : "", ", got ", count,
             result_.function == AggregateFunction::kFirst ? "; there is no first(x, n)" : "");
      return;
    }
    TakeN(call_.args[1]);
  }

  void TakeN(const Expr& n) {
    if (n.kind != Expr::Kind::kInt || n.integer < 1 || n.integer > kMaxLast) {
      Report(diagnostics_, n, "last(x, n): n must be a whole number from 1 to ", kMaxLast);
      return;
    }
    result_.n = static_cast<uint32_t>(n.integer);
  }

  void Take(const Clause& clause) {
    switch (clause.kind) {
      case Clause::kWhere: result_.where = &clause.value[0]; return;
      case Clause::kOver: TakeWindow(clause.windows[0]); return;
      case Clause::kDistinct:
        result_.distinct = true;
        if (call_.text != "last" || call_.args.size() < 2) {
          ReportAt(diagnostics_, call_, clause.at, "'distinct' only fits last(x, n, distinct)");
        }
        return;
      case Clause::kHaving:
      case Clause::kBy:
      case Clause::kHalfLife:
        ReportAt(diagnostics_, call_, clause.at, "'", ClauseName(clause.kind),
                 "' is not supported yet");
        return;
    }
  }

  void TakeWindow(const WindowExpr& window) {
    if (window.kind == WindowExpr::Kind::kDay || window.kind == WindowExpr::Kind::kCandidates) {
      ReportAt(diagnostics_, call_, window.at, "'over ",
               window.kind == WindowExpr::Kind::kDay ? "day" : "candidates",
               "' is not supported yet");
      return;
    }
    if (window.width < kMinWindow || window.width > kMaxWindow) {
      ReportAt(diagnostics_, call_, window.at, "window ", window.text, " must be ",
               FormatDuration(kMinWindow), " to ", FormatDuration(kMaxWindow), " wide");
      return;
    }
    result_.window.width = window.width;
    if (window.kind == WindowExpr::Kind::kExact) {
      result_.window.kind = Window::Kind::kExact;
    } else {
      result_.window.kind = Window::Kind::kTiled;
      result_.window.hop = HopOf(window.width);
    }
  }

  const Expr& call_;
  std::vector<Diagnostic>& diagnostics_;
  const size_t before_;
  AggregateCall result_;
};

}  // namespace

DurationUs HopOf(DurationUs width) {
  constexpr DurationUs kHops[] = {kDayUs,         6 * kHourUs,  3 * kHourUs,  kHourUs,
                                  30 * kMinuteUs, 15 * kMinuteUs, 5 * kMinuteUs, kMinuteUs,
                                  10 * kSecondUs, kSecondUs};
  const DurationUs most = std::max(width / 48, kSecondUs);
  for (const DurationUs hop : kHops) {
    if (hop <= most) return hop;
  }
  return kSecondUs;
}

bool IsAggregateName(std::string_view function) { return Find(function) != nullptr; }

std::optional<AggregateCall> AsAggregate(const Expr& call, std::vector<Diagnostic>& diagnostics) {
  return Reader(call, diagnostics).Run();
}

std::optional<Type> AggregateType(const AggregateCall& call, const Type* argument,
                                  std::vector<Diagnostic>& diagnostics) {
  Type type;
  if (call.function == AggregateFunction::kCount) {
    type.kind = Kind::kInt64;
    return type;
  }
  LARDER_CHECK(argument != nullptr && call.argument != nullptr);
  const bool number = IsNumber(argument->kind);
  const bool time = argument->kind == Kind::kTimestamp || argument->kind == Kind::kDuration;
  const char* expected = nullptr;
  switch (call.function) {
    case AggregateFunction::kCount: break;
    case AggregateFunction::kSum:
      if (!number) expected = "a number";
      type.kind = argument->kind == Kind::kInt64 ? Kind::kInt64 : Kind::kDouble;
      break;
    case AggregateFunction::kMean:
      if (!number) expected = "a number";
      type.kind = Kind::kDouble;
      break;
    case AggregateFunction::kMin:
    case AggregateFunction::kMax:
      if (!number && !time) expected = "a number, timestamp or duration";
      type = *argument;
      break;
    case AggregateFunction::kFirst:
    case AggregateFunction::kLast:
      if (argument->kind == Kind::kVector) expected = "a value that is no vector";
      type = *argument;
      type.list = call.n > 0;
      break;
  }
  if (argument->list) expected = "one value per record";
  if (expected == nullptr) return type;
  Report(diagnostics, *call.argument, "aggregate: expected ", expected, ", got ",
         argument->Name());
  return std::nullopt;
}

}  // namespace larder::registry
