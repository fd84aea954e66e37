// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_RETRIEVAL_TOP_LIST_H_
#define LARDER_SERVING_RETRIEVAL_TOP_LIST_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "base/hash.h"
#include "base/status.h"
#include "base/sync.h"
#include "featurestore/position.h"
#include "serving/retrieval/admission.h"
#include "serving/retrieval/recipe_run.h"

namespace larder::serving {

// All candidates by one feature, of one snapshot. Only the first `sorted` are in order (falling
// value, ties by key); none of the rest comes before one of them.
struct TopList {
  std::vector<ChannelHit> hits;
  size_t sorted = 0;
  featurestore::Position position;
  std::chrono::steady_clock::time_point built;
};

// The lists of `top` channels, rebuilt when asked for and older than `max_age` (S9.2).
// Thread-safety: thread-safe. Who finds a list too old rebuilds it while the others use it up to
// `max_stale_age`; beyond, or without a list, they wait.
class TopLists {
 public:
  explicit TopLists(std::chrono::milliseconds max_age = std::chrono::seconds(60))
      : TopLists(max_age, 2 * max_age) {}
  TopLists(std::chrono::milliseconds max_age, std::chrono::milliseconds max_stale_age)
      : max_age_(max_age), max_stale_age_(max_stale_age) {}

  // The list of channel `channel` of the run's recipe. Waits for another call that builds it only
  // while `wait` lasts; builds it itself while the whole call lasts, even when the channel is then
  // late: so that the next calls have it.
  // Errors: the program's; kDeadlineExceeded, kCancelled.
  StatusOr<std::shared_ptr<const TopList>> Get(const registry::Channel& channel,
                                               const RecipeRun& run, const Context& wait);

 private:
  struct Slot {
    Mutex mu;
    CondVar changed;
    bool building ABSL_GUARDED_BY(mu) = false;
    std::shared_ptr<const TopList> list ABSL_GUARDED_BY(mu);
  };
  class Building;
  // More lists than any live registry needs; the oldest goes.
  static constexpr size_t kMaxLists = 256;

  std::shared_ptr<Slot> SlotOf(const Hash128& name);

  const std::chrono::milliseconds max_age_;
  const std::chrono::milliseconds max_stale_age_;
  Mutex mu_;
  std::vector<std::pair<Hash128, std::shared_ptr<Slot>>> slots_ ABSL_GUARDED_BY(mu_);
};

// The `take` admissible candidates with the greatest feature; null is not in the list.
// Errors: as TopLists::Get and Admission.
StatusOr<ChannelOutput> RunTop(const registry::Channel& channel, const RecipeRun& run,
                               Admission& admission);

}  // namespace larder::serving

#endif  // LARDER_SERVING_RETRIEVAL_TOP_LIST_H_
