// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_AGGREGATE_CALL_H_
#define LARDER_REGISTRY_AGGREGATE_CALL_H_

#include <optional>
#include <string_view>
#include <vector>

#include "registry/ast.h"
#include "registry/compile.h"
#include "registry/compiled_registry.h"

namespace larder::registry {

// Limits of aggregates.
inline constexpr DurationUs kMinWindow = kSecondUs;
inline constexpr DurationUs kMaxWindow = 3660 * kDayUs;  // about 10 years
inline constexpr size_t kMaxWindows = 32;                // in one `over [...]`
inline constexpr int64_t kMaxLast = 1'000;               // the n of last(x, n)

// A call `count(where c, over [1h, 7d])` taken apart (L4). The pointers point into the expression.
struct AggregateCall {
  AggregateFunction function = AggregateFunction::kCount;
  const Expr* argument = nullptr;  // nullptr for count()
  const Expr* where = nullptr;
  uint32_t n = 0;  // last(x, n); 0: a single value
  bool distinct = false;
  Window window;  // of kind kAll without `over`
};

// True for count, sum, mean, min, max, first, last and those not supported yet (variance,
// count_distinct, quantile).
bool IsAggregateName(std::string_view function);

// Takes a call of an aggregate apart. nullopt after at least one diagnostic: `not supported yet`
// for by, having, half_life, day, candidates, count_distinct, quantile and variance; widths and n
// outside the limits; clauses or arguments that do not fit.
// `over [...]` was fanned out before: of a list only the first window is taken.
// `call` must be a call with IsAggregateName(call.text). HopOf (S3.1) is defined here too.
std::optional<AggregateCall> AsAggregate(const Expr& call, std::vector<Diagnostic>& diagnostics);

// The type of the finalised value over an argument of `argument` type (nullptr for count()), or
// nullopt after a diagnostic at the argument: sum and mean take numbers, min and max numbers,
// timestamps and durations, first and last any scalar except vectors. sum(float) is double.
std::optional<Type> AggregateType(const AggregateCall& call, const Type* argument,
                                  std::vector<Diagnostic>& diagnostics);

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_AGGREGATE_CALL_H_
