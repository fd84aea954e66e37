// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_PARSER_H_
#define LARDER_REGISTRY_PARSER_H_

#include <optional>
#include <vector>

#include "registry/ast.h"
#include "registry/compile.h"
#include "registry/source_text.h"

namespace larder::registry {

// Limits of one expression (L3). Characters are counted as written and in the canonical form, so
// that what is accepted is accepted again in that form. Nesting counts brackets, calls and prefix
// operators; the height also counts the operators of a chain `a + b + c`.
inline constexpr size_t kMaxExpressionCharacters = 10'000;
inline constexpr int kMaxExpressionDepth = 64;
inline constexpr int kMaxExpressionHeight = 320;

// Parses the whole of `source` as one expression: everything that L3 has, also what no function
// supports yet. Returns nullopt after exactly one diagnostic at the first error.
// Thread-safety: thread-safe.
std::optional<Expr> Parse(const SourceText& source, std::vector<Diagnostic>& diagnostics);

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_PARSER_H_
