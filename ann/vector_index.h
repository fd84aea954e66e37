// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_VECTOR_INDEX_H_
#define LARDER_ANN_VECTOR_INDEX_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ann/bitmap.h"
#include "ann/graph_base.h"
#include "ann/internal/graph_walk.h"
#include "ann/internal/row_store.h"
#include "ann/planner.h"
#include "ann/search.h"
#include "base/hash.h"
#include "base/status.h"

namespace larder::ann {

class Query;
class TopK;

struct VectorIndexOptions {
  // Components of each vector, 1 to kMaxDim, and whether they have low halves.
  CodeShape shape{};
  // The space of all vectors.
  Digest space{};
  // Ids at or above this are refused: memory per id is 12 bytes, whether it has a vector or not.
  // Default 128 Mi.
  uint32_t max_ids = uint32_t{1} << 27;
  // A new base is wanted when the delta exceeds both of these: vectors, and a share of the base's
  // rows. Higher: fewer builds, slower searches, which scan the delta (docs/reference/search.md).
  size_t min_delta = 4096;
  double max_delta_share = 0.10;
  // ... or when more than this share of the graph's nodes has no row that is live: those are walked
  // through in vain.
  double max_masked_share = 0.25;
};

// A live set of vectors under uint32 ids, searched by cosine: an immutable *base* (a graph),
// a *delta* of vectors that the base has not or has differently, scanned besides, and *masks* over
// base rows that were deleted or replaced.
//
// A zero vector has no direction and so no neighbours: upserting one leaves the id without.
//
// Thread-safety: thread-compatible: the caller holds a writer lock for Upsert, Remove and
// InstallBase, and a reader lock for everything const; any number of threads may search at once.
// Bases are built outside of both locks: CopyVectors in pieces, FinishFold, then BuildGraphBase or
// FoldGraphBase. So is the index that has the new base, by who alone makes changes: WithBase, then
// the lock to put it in this one's place.
class VectorIndex {
 public:
  explicit VectorIndex(const VectorIndexOptions& options);

  const VectorIndexOptions& options() const { return options_; }
  const CodeShape& shape() const { return options_.shape; }
  size_t dim() const { return options_.shape.dim; }
  const Digest& space() const { return options_.space; }
  // Ids that have a vector.
  size_t size() const { return size_; }

  // All ids are below this.
  uint32_t id_end() const { return static_cast<uint32_t>(places_.size()); }
  // Of the vectors, those outside of the base.
  size_t delta_size() const { return delta_.size(); }

  // Sets the vector of `id`; the next search sees it. Shapes: codes [shape.size()].
  // Errors: kInvalidArgument for another number of codes or an id that is not below max_ids.
  // Cost: a copy of the vector.
  Status Upsert(uint32_t id, std::span<const int8_t> codes);

  // Takes the vector of `id` away; fine if it has none.
  void Remove(uint32_t id);

  // The vector of `id`, empty if it has none; valid until the next change.
  VectorView Find(uint32_t id) const;

  // The ids that have a vector, ascending.
  std::vector<uint32_t> Ids() const;

  // Finds the ids whose vectors are nearest to the query.
  //
  // Walks the base's graph or scans, whichever the planner expects to be cheaper for this filter
  // and effort (planner.h), and scans the delta besides. Never gives fewer than k hits when k are
  // admitted.
  // Order: falling score, ties by request.order.
  // Errors: kInvalidArgument for a zero query, another dim, k or effort out of range;
  //         kFailedPrecondition for another space, naming both; kDeadlineExceeded;
  //         kDataLoss once damage was found in the base (GraphBase::Load).
  // Cost: docs/reference/search.md.
  StatusOr<SearchResult> Search(const SearchRequest& request) const;

  // Result i is what Search(requests[i]) gives, sooner: several walks go on at once, so that one's
  // memory is fetched while another's is compared. Errors: of the first request that has one.
  StatusOr<std::vector<SearchResult>> SearchBatch(std::span<const SearchRequest> requests) const;

  // True when a new base would make searching faster: see the options.
  bool WantsBase() const;

  // Vectors that were copied, for a build in the background.
  struct Snapshot {
    std::vector<uint32_t> ids;    // ascending
    std::vector<int8_t> codes;  // row-major [ids, shape.size()]
  };
  // Of all, at once.
  Snapshot TakeSnapshot() const;
  // Appends the vectors of ids from `begin` to before `end` to `out`, or only those outside of the
  // base: for who holds the lock piece by piece.
  enum class Part { kAll, kDelta };
  void CopyVectors(Part part, uint32_t begin, uint32_t end, Snapshot& out) const;

  // True without a base, and when more than max_masked_share of the graph's nodes have no live row:
  // then a new base is to be built rather than the delta folded into the old one.
  bool WantsRebuild() const;

  // What a fold of the delta into the base needs: see FoldGraphBase. There must be a base.
  struct FoldInput {
    std::shared_ptr<const GraphBase> base;
    Bitmap removed;  // rows of the base
    Snapshot added;  // the delta
  };
  FoldInput TakeFoldInput() const;
  // The same of a delta that was copied in pieces since this base was installed; what has come
  // back to the base since is left out.
  FoldInput FinishFold(Snapshot added) const;

  // The same vectors in another index, which serves from `base` what that has: rows whose bytes
  // equal their id's current vector are not in the delta, all others are masked (S7.3). What
  // changed since the base's snapshot stays right, and a base from an older or another process
  // does too.
  //
  // Shapes: id_of_row [base->row_count()]; kNoId for keys that are gone.
  // Errors: kFailedPrecondition for another space; kInvalidArgument for another dim, a wrong
  //         number of ids, an id that comes twice or is not below max_ids.
  // Cost: compares every row, about 0.1 µs each; copies what is not in the base.
  StatusOr<std::unique_ptr<VectorIndex>> WithBase(std::shared_ptr<const GraphBase> base,
                                                  std::span<const uint32_t> id_of_row) const;
  // Becomes that index. After an error nothing has changed.
  Status InstallBase(std::shared_ptr<const GraphBase> base, std::span<const uint32_t> id_of_row);

  // The base in use; null if there is none.
  const std::shared_ptr<const GraphBase>& base() const { return base_; }

  struct Stats {
    size_t size = 0;         // ids with a vector
    size_t base_rows = 0;    // rows of the base, masked ones included
    size_t masked_rows = 0;  // base rows that answer no search
    size_t delta_size = 0;   // vectors outside of the base
    size_t size_bytes = 0;   // memory of base, delta and tables
    double bytes_per_vector = 0;
    // What making the next base takes beside this, at its peak: an estimate.
    size_t next_base_bytes = 0;
    // What another index of as many vectors takes, with a base and its making: an estimate.
    size_t next_epoch_bytes = 0;
  };
  Stats GetStats() const;

 private:
  static constexpr uint32_t kNone = 0xffffffff;
  // As a test for walks.
  class FilteredNodes;
  struct LiveNodes final : NodeTest {
    Bitmap nodes;
    bool Admits(uint32_t node) const override { return nodes.Test(node); }
  };
  // Where an id's vector is: in the delta if it has a slot, else in the base if its row is not
  // masked. A masked row is remembered, because its vector may come back.
  struct Place {
    uint32_t row = kNone;
    uint32_t slot = kNone;
  };

  bool ServedByBase(const Place& place) const {
    return place.row != kNone && !masked_.Test(place.row);
  }
  bool IsLive(const Place& place) const { return place.slot != kNone || ServedByBase(place); }
  VectorView VectorAt(const Place& place) const;
  void RemoveFromDelta(Place& place);
  void Mask(uint32_t row);
  void Unmask(uint32_t row);
  Status CheckBase(const GraphBase& base, std::span<const uint32_t> id_of_row) const;

  // Of the sketches that searches go by; empty as long as no base has shown that they may.
  SketchShape sketch_shape() const {
    return base_ == nullptr ? SketchShape{} : base_->sketch_shape();
  }
  Status CheckRequest(const SearchRequest& request) const;
  PlanChoice Choose(const Query& query) const;
  void BeginWalk(const Query& query, const PlanChoice& choice, const NodeTest* test,
                 GraphWalk& walk) const;
  SearchResult FinishWalk(const Query& query, const PlanChoice& choice,
                          const GraphWalk& walk) const;
  SearchResult Scan(const Query& query, Plan plan) const;
  bool OfferWalked(const Query& query, const GraphWalk& walk, TopK& top) const;

  // vector_scan.cc; each returns how many vectors it looked at.
  size_t ScanBase(const Query& query, TopK& top) const;
  size_t ScanDelta(const Query& query, TopK& top) const;
  size_t ScanSurvivors(const Query& query, TopK& top) const;
  class Looks;
  size_t ScanBaseSketches(const Query& query, TopK& top) const;
  size_t ScanDeltaSketches(const Query& query, TopK& top) const;
  bool Admits(const Query& query, uint32_t id) const;
  size_t OfferNode(const Query& query, uint32_t node, int32_t dot, TopK& top) const;
  void OfferSlot(const Query& query, uint32_t slot, TopK& top) const;
  void OfferIds(const Query& query, std::span<const uint32_t> ids, TopK& top) const;

  VectorIndexOptions options_;
  size_t size_ = 0;
  std::vector<Place> places_;  // by id
  // By id: the node that serves it, kNone if none does. What a scan of many ids reads.
  std::vector<uint32_t> node_of_id_;
  RowStore delta_;

  std::shared_ptr<const GraphBase> base_;
  std::vector<uint32_t> id_of_row_;
  Bitmap masked_;      // base rows
  LiveNodes live_nodes_;  // nodes that have a row which is not masked
  size_t masked_count_ = 0;
  bool any_dead_ = false;  // some node is not in live_nodes_
};

}  // namespace larder::ann

#endif  // LARDER_ANN_VECTOR_INDEX_H_
