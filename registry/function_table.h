// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_FUNCTION_TABLE_H_
#define LARDER_REGISTRY_FUNCTION_TABLE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "registry/column.h"
#include "registry/type.h"
#include "registry/value.h"

namespace larder::registry {

// The type of a parameter or result in a signature.
struct TypePattern {
  enum class Base : uint8_t {
    kBool,
    kInt64,
    kDouble,     // takes float and, widened, int64
    kString,     // takes keys too
    kTimestamp,
    kDuration,
    kVector,     // vectors of one space; as a result: the first vector's space, float32
    kAny,        // T: any scalar, the same in all parameters after widening
    kAnyRow,     // T: the same, or a list as a whole
  };
  Base base = Base::kDouble;
  bool list = false;
};

// The arguments of a kernel: each has `rows` rows or one row (it broadcasts).
struct KernelArgs {
  std::span<const Column* const> columns;
  size_t rows = 0;
};
// Fills the values and reasons of `out`, an empty column of the result's type, for all rows.
using Kernel = void (*)(const KernelArgs& args, Column& out);

struct Signature {
  std::vector<TypePattern> params;
  bool variadic = false;  // the last parameter repeats, once at least
  TypePattern result;
  Kernel kernel = nullptr;
  bool lifts = true;  // may be called with a list for one scalar parameter
};

// One function or operator of the language (L5). Help, docs and tests come from this table.
struct Function {
  enum class Kind : uint8_t {
    kFunction,
    kOperator,     // written between or before its arguments
    kSpecial,      // compiled in its own way: gather, embed, now, age
    kAggregate,    // only over the records of a view from events: first, last
    kInternal,     // made by the compiler only, never listed
    kUnsupported,  // in the language, not in this version
  };
  std::string_view name;
  Kind kind = Kind::kFunction;
  std::string_view usage;    // "log1p(x: double) -> double"
  std::string_view nulls;    // the null rule, in words
  std::string_view doc;      // one line
  std::string_view example;  // an expression without names
  std::string_view result;   // its value, as an expression; "null" if it is null
  std::vector<Signature> signatures;
  // One row, slowly and plainly; nullptr for kSpecial and the kinds after it.
  Value (*reference)(std::span<const Value> args) = nullptr;
};

// The null rules most used in the table.
inline constexpr std::string_view kNullPropagates = "null if an argument is";
inline constexpr std::string_view kNullSkipped = "null elements are skipped";

// All functions and operators except internal ones: what `larder functions` prints.
std::span<const Function> Functions();
// By name, nullptr if there is none; the unary minus is "neg".
const Function* FindFunction(std::string_view name);
// Internal: signature 0 makes double of int64, 1 double of float, 2 string of key.
const Function& WidenFunction();

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_FUNCTION_TABLE_H_
