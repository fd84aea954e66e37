// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_INTERNAL_SIGNATURE_MATCH_H_
#define LARDER_REGISTRY_INTERNAL_SIGNATURE_MATCH_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "registry/function_table.h"
#include "registry/type.h"

namespace larder::registry::internal {

// The type that both widen to: the same, double for two kinds of numbers, string for a text and a
// key or for keys of two entities. nullopt if there is none.
std::optional<Type> CommonType(const Type& a, const Type& b);

struct Match {
  std::string error;         // why no signature fits; empty if one does
  int signature = 0;
  std::vector<Type> params;  // what each argument must be converted to (maybe what it is)
  Type result;
  bool lift = false;
};

// The first signature of `function` that takes arguments of these types, after widening; failing
// that, the first that does so per element of one list.
Match MatchSignature(const Function& function, std::span<const Type> args);

}  // namespace larder::registry::internal

#endif  // LARDER_REGISTRY_INTERNAL_SIGNATURE_MATCH_H_
