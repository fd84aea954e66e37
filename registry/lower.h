// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_LOWER_H_
#define LARDER_REGISTRY_LOWER_H_

#include <optional>
#include <string_view>
#include <vector>

#include "registry/ast.h"
#include "registry/compile.h"
#include "registry/program_builder.h"

namespace larder::registry {

// What names mean at one place: a record, a row of a table, a view, a set or recipe.
//
// A method that returns a node returns -1 after it has added at least one diagnostic.
// Thread-safety: thread-compatible.
class Scope {
 public:
  virtual ~Scope();

  // The value of a path (Expr::kPath, never `now`) or of a built key and what follows it
  // (Expr::kKey).
  virtual int Resolve(const Expr& path, ProgramBuilder& builder,
                      std::vector<Diagnostic>& diagnostics) = 0;

  // `view.feature` or `table.column` of the key `key`, a node of scalar type key<e>. Used by
  // `gather`: `key` is then an element of its list, so what is built here needs no care for lists.
  // The default says that `gather` cannot be used here.
  virtual int ResolveFrom(int key, const Expr& path, ProgramBuilder& builder,
                          std::vector<Diagnostic>& diagnostics);

  // The encoder of this name, or nullptr; must live until the call of Lower returns.
  virtual const Encoder* FindEncoder(std::string_view name);

  // Called for every call before the function table is asked: a view over events answers here
  // for its aggregates, a table view for `embed`. nullopt: an ordinary function.
  virtual std::optional<int> ResolveCall(const Expr& call, ProgramBuilder& builder,
                                         std::vector<Diagnostic>& diagnostics);
};

inline constexpr size_t kMaxEmbedFields = 16;  // texts in one embed(…)

// Adds the nodes of `expr` to `builder`, checking names, types and functions; returns the node of
// its value, or -1 after at least one diagnostic (all that can be found are).
//
// Types (L2): int64 and float widen to double, a key is also text; nothing narrows. Functions and
// operators lift over one list where they take a scalar. Meaning of nulls: S4.
int Lower(const Expr& expr, Scope& scope, ProgramBuilder& builder,
          std::vector<Diagnostic>& diagnostics);

// The same, and complains unless the value has type `expected` or widens to it.
// `what` begins the message: "where" gives "where: expected bool, got string".
int LowerAs(const Expr& expr, const Type& expected, std::string_view what, Scope& scope,
            ProgramBuilder& builder, std::vector<Diagnostic>& diagnostics);

// `node` as `type`: itself, widened, or -1 if it does not convert (no diagnostic).
int Convert(int node, const Type& type, ProgramBuilder& builder);

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_LOWER_H_
