// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_FEATURE_RESOLVER_H_
#define LARDER_REGISTRY_FEATURE_RESOLVER_H_

#include <cstddef>
#include <map>
#include <string_view>
#include <tuple>
#include <vector>

#include "registry/compile_context.h"
#include "registry/lower.h"
#include "registry/program_builder.h"

namespace larder::registry {

// How a path is followed, besides its key.
struct FollowOptions {
  DurationUs ttl = 0;        // of the view that asks: everything it reads expires with it (S4.2)
  Usage* usage = nullptr;    // where to note what is used; nullptr where that was noted before
  bool stored_only = false;  // complain about features that are computed at read (S9.1)
};

// Turns paths into nodes of one program: everything that a view derives is inlined down to stored
// features, keys, constants and `now`, so that one program runs everywhere.
// Thread-safety: single-thread. The builder must outlive it.
class FeatureResolver {
 public:
  FeatureResolver(CompileContext& context, ProgramBuilder& builder)
      : context_(context), builder_(builder) {}

  CompileContext& context() { return context_; }
  ProgramBuilder& builder() { return builder_; }

  // The value of path.names[first…] of the key in node `key`: view.feature or table.column, and
  // on through columns that are keys. Without names the key itself. -1 after a complaint, or
  // without one if what it names was complained about already.
  int Follow(int key, const Expr& path, size_t first, const FollowOptions& options,
             std::vector<Diagnostic>& complaints);

  // A feature of `view` and a column of `table`, named by path.names[name], for `key`.
  int Feature(int key, ViewModel& view, const Expr& path, size_t name,
              const FollowOptions& options, std::vector<Diagnostic>& complaints);
  int Column(int key, const SourceModel& table, const Expr& path, size_t name,
             const FollowOptions& options, std::vector<Diagnostic>& complaints);

  // The value of `feature`, which must be kGood, for `key`; -1 if that takes too many steps.
  int Inline(const FeatureModel& feature, int key, DurationUs ttl);

  // A key built in an expression, `country[request.country]`, and what follows it.
  int BuildKey(const Expr& key, Scope& scope, const FollowOptions& options,
               std::vector<Diagnostic>& complaints);

 private:
  bool CheckKey(int key, const Expr& path, size_t first, std::vector<Diagnostic>& complaints);
  bool CheckEntity(int key, std::string_view entity, const Expr& path, size_t first,
                   std::vector<Diagnostic>& complaints);

  CompileContext& context_;
  ProgramBuilder& builder_;
  std::map<std::tuple<const FeatureModel*, int, DurationUs>, int> inlined_;
};

// Checks a feature by itself, once, and fills what is known then. False if it is wrong: what is
// wrong with it is said in the context; what is wrong with using it in `user`, nullptr for its own
// view (a cycle, a chain that is too long), in `complaints`.
bool CheckFeature(FeatureModel& feature, const Expr* user, CompileContext& context,
                  std::vector<Diagnostic>& complaints);

// Whether a value of `type` may be sent as `wire` (L1.10, S4.4); if not, why.
std::string WireProblem(const Type& type, std::optional<Kind> wire);

// The smaller of two times to live, 0 meaning none.
DurationUs MinTtl(DurationUs a, DurationUs b);

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_FEATURE_RESOLVER_H_
