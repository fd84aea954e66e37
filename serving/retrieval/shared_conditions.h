// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_RETRIEVAL_SHARED_CONDITIONS_H_
#define LARDER_SERVING_RETRIEVAL_SHARED_CONDITIONS_H_

#include <chrono>
#include <map>
#include <vector>

#include "ann/bitmap.h"
#include "base/status.h"
#include "registry/program.h"
#include "serving/retrieval/recipe_run.h"

namespace larder::serving {

// Takes those out of `ordinals` that `condition` does not keep, keeping the order.
// Errors: the program's; kDeadlineExceeded, kCancelled.
Status KeepWhere(const RecipeRun& run, const registry::Program& condition, const Context& context,
                 std::vector<registry::Ordinal>& ordinals);

// Which candidates a condition keeps that says the same for several runs: worked out once for each
// candidate that one of them asks for. Candidates must be live. Errors: as KeepWhere.
// Thread-safety: single-thread.
class SharedCondition {
 public:
  // Borrows it.
  explicit SharedCondition(const registry::Program& condition) : condition_(condition) {}

  // As KeepWhere.
  Status Keep(const RecipeRun& run, const Context& context,
              std::vector<registry::Ordinal>& ordinals);
  // All live candidates that it keeps.
  StatusOr<const ann::Bitmap*> All(const RecipeRun& run, const Context& context);
  // What working it out has taken so far.
  std::chrono::steady_clock::duration took() const { return took_; }

 private:
  const registry::Program& condition_;
  ann::Bitmap known_;  // both have room for all candidates once one was asked for
  ann::Bitmap kept_;
  bool all_known_ = false;
  std::chrono::steady_clock::duration took_{0};
};

// The conditions of a recipe that look at no key of its request, for runs in one snapshot that
// have the same request columns: for them each says the same. Thread-safety: single-thread.
class SharedConditions {
 public:
  // Borrows it.
  explicit SharedConditions(const registry::Retrieval& recipe);

  // Null if `condition` depends on a key, or is null.
  SharedCondition* Find(const registry::Program* condition);
  std::chrono::steady_clock::duration took() const;

 private:
  std::map<const registry::Program*, SharedCondition> conditions_;
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_RETRIEVAL_SHARED_CONDITIONS_H_
