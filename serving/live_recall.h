// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_LIVE_RECALL_H_
#define LARDER_SERVING_LIVE_RECALL_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ann/search.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/sync.h"
#include "serving/index_query.h"
#include "serving/index_sink.h"

namespace larder::serving {

// How much of an index the filter of a search admits, in powers of ten: recall differs by it.
enum class FilterShape : uint8_t { kNone, kMost, kTenth, kHundredth, kFewer };
// "none", "10-100%", "1-10%", "0.1-1%", "<0.1%".
const char* FilterShapeName(FilterShape shape);
// `size`: of the index.
FilterShape FilterShapeOf(const ann::SearchRequest& request, const ann::SearchResult& result,
                          size_t size);

// The recall of live searches (ARCHITECTURE §8): a few of them are searched again, as they were and
// exactly, by a thread that uses at most `budget` of one core. Every filter shape of every index
// has its turn, however rare it is.
//
// Owns its thread. Thread-safety: thread-safe.
class LiveRecall {
 public:
  // `budget`: 0 to 1; 0 measures nothing. Borrows both.
  LiveRecall(featurestore::Store& store, const IndexSink& indexes, double budget);
  ~LiveRecall();

  // Tells of a search that was served; keeps a copy if none like it waits to be measured.
  // Cost: an uncontended lock; for the few that are kept, a copy of the filter.
  void Offer(const LiveIndex& live, const ann::SearchRequest& request,
             const ann::SearchResult& result);

  // Recall@k of the last kRemembered searches of one index and filter shape, k as they had it.
  struct Report {
    Digest feature;
    FilterShape shape = FilterShape::kNone;
    uint64_t queries = 0;  // since start
    double recall = 1;     // mean of the last ones
  };
  std::vector<Report> Reports() const;

  static constexpr size_t kRemembered = 256;

 private:
  using Kind = std::pair<Digest, FilterShape>;
  struct Measured {
    uint64_t queries = 0;
    std::deque<double> recent;
  };

  void Loop(const std::stop_token& stop);
  // Waits for a sample and takes the one that follows `last`, in turn; nothing once stopped.
  std::optional<IndexQuery> Take(Kind& last, const std::stop_token& stop);
  // Errors: the store's and the index's: nothing is then known of the sample.
  Status Measure(const Kind& kind, const IndexQuery& query);

  IndexQueries queries_;
  const double budget_;
  mutable Mutex mu_;
  CondVar wake_;
  std::map<Kind, IndexQuery> waiting_ ABSL_GUARDED_BY(mu_);
  std::map<Kind, Measured> measured_ ABSL_GUARDED_BY(mu_);
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_LIVE_RECALL_H_
