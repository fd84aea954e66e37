// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_RETRIEVAL_ADMISSION_H_
#define LARDER_SERVING_RETRIEVAL_ADMISSION_H_

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "ann/bitmap.h"
#include "base/status.h"
#include "registry/program.h"
#include "serving/retrieval/recipe_run.h"

namespace larder::serving {

class SharedCondition;

// Which candidates may be shown: live, not excluded, and kept by `where` (S9.1). Channels ask
// before their `take`: for some candidates with Keep, or for all of them with All.
//
// Thread-safety: single-thread.
class Admission {
 public:
  // The recipe's own: candidates without those in `excluded`, kept by the recipe's `where`.
  Admission(const RecipeRun& run, std::vector<registry::Ordinal> excluded);
  // A channel's: what `parent` admits and the channel's `where` keeps, if it has one, worked out
  // while `context` lasts. Borrows all three.
  Admission(Admission& parent, const std::optional<registry::Program>& where,
            const Context& context);

  // How long the work may take: the recipe's is the call's, a channel's may be shorter.
  const Context& context() const { return context_; }

  // Takes those out of `ordinals` that are not admitted, keeping the order.
  // Errors: the program's; kDeadlineExceeded.
  Status Keep(std::vector<registry::Ordinal>& ordinals) { return Keep(context_, ordinals); }

  // All admitted candidates; computed at the first call. Errors: as Keep.
  StatusOr<const ann::Bitmap*> All() { return All(context_); }

  // True if something beside `excluded` decides: what a search without a filter would not know.
  bool has_where() const;
  // Sorted.
  std::span<const registry::Ordinal> excluded() const {
    return parent_ != nullptr ? parent_->excluded() : std::span(excluded_);
  }

 private:
  // A channel asks its parent while the channel's context lasts.
  Status Keep(const Context& context, std::vector<registry::Ordinal>& ordinals);
  StatusOr<const ann::Bitmap*> All(const Context& context);
  StatusOr<ann::Bitmap> ComputeAll(const Context& context);
  Status AskWhere(const Context& context, std::vector<registry::Ordinal>& ordinals);

  const RecipeRun& run_;
  const Context& context_;
  Admission* parent_ = nullptr;
  const registry::Program* where_ = nullptr;
  SharedCondition* shared_ = nullptr;  // of where_, if other runs ask the same
  std::vector<registry::Ordinal> excluded_;
  std::optional<ann::Bitmap> all_;
};

// Appends to `out` the admitted ones of `hits`, in their order, until it has `take`.
// Errors: as Admission::Keep.
Status AppendAdmitted(std::span<const ChannelHit> hits, size_t take, Admission& admission,
                      std::vector<ChannelHit>& out);

// The candidates of the recipe's entity, ascending.
std::vector<registry::Ordinal> LiveOrdinals(const RecipeRun& run);

// The ordinals that the recipe's `exclude` names, sorted, each once. Null keys and keys that were
// never seen are ignored (S5.2).
StatusOr<std::vector<registry::Ordinal>> ExcludedOrdinals(const RecipeRun& run);

// Runs `program` for some candidates; output i is as registry::Run gives it.
StatusOr<std::vector<registry::Column>> RunForCandidates(
    const RecipeRun& run, const registry::Program& program,
    std::span<const registry::Ordinal> candidates);

// How many candidates a program is run for at a time: columns stay in the processor's cache and
// the deadline is looked at between.
inline constexpr size_t kCandidateChunk = 4'096;

}  // namespace larder::serving

#endif  // LARDER_SERVING_RETRIEVAL_ADMISSION_H_
