// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_INTERNAL_GRAPH_WALK_H_
#define LARDER_ANN_INTERNAL_GRAPH_WALK_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "ann/distance.h"
#include "ann/graph_base.h"
#include "ann/internal/query.h"

namespace larder::ann {

// Which nodes a walk may answer with. Thread-safety: thread-safe.
class NodeTest {
 public:
  virtual ~NodeTest() = default;
  virtual bool Admits(uint32_t node) const = 0;
};

// A node that a walk found. `similarity` is dot(query, high) * inverse norm: it orders nodes, and
// is the cosine but for the query's own norm.
struct WalkedNode {
  float similarity;
  uint32_t node;
};

// Which nodes a walk has seen: a bit per node, cleared one by one, since a walk sees few.
class VisitedMarks {
 public:
  void Begin(size_t nodes);
  // True the first time.
  bool Visit(uint32_t node) {
    uint64_t& word = words_[node / 64];
    const uint64_t bit = uint64_t{1} << (node % 64);
    if ((word & bit) != 0) return false;
    seen_.push_back(node);  // first: if it throws, no mark is left behind
    word |= bit;
    return true;
  }

 private:
  std::vector<uint64_t> words_;
  std::vector<uint32_t> seen_;
};

// The best candidates in falling similarity: at most `effort` admitted ones, and the others that
// are better than the last of these.
class CandidateBuffer {
 public:
  // What it holds at most if nodes that are not admitted come too: with fewer than `effort`
  // admitted ones among so many, a walk has not found what it should.
  static constexpr size_t MixedLimit(size_t effort) { return 4 * effort + 64; }

  // `mixed`: nodes that are not admitted may come.
  void Begin(size_t effort, bool mixed);

  // The best candidate that was not expanded yet, marked as expanded; kNoNode if none is left.
  uint32_t Next();
  // Whether a node of this similarity would be kept.
  bool Takes(float similarity) const { return similarity > bound_; }
  // Inserts nodes that it takes; their order changes. Those of a step at once: what lies behind the
  // first of them is moved once and not for each.
  void Insert(std::span<WalkedNode> nodes);

  // The admitted ones, best first.
  void Take(std::vector<WalkedNode>& out) const;
  std::span<const WalkedNode> all() const { return buffer_; }
  size_t admitted() const { return admitted_; }
  // Whether it holds all it should: not if so many nodes were refused that some were dropped before
  // `effort` were admitted.
  bool complete() const { return admitted_ == effort_ || !limited_; }

  // Marks in WalkedNode::node; one that is inserted may have kRefused.
  static constexpr uint32_t kExpanded = uint32_t{1} << 31;
  static constexpr uint32_t kRefused = uint32_t{1} << 30;
  static constexpr uint32_t kNodeMask = kRefused - 1;
  static_assert(kMaxNodes <= kRefused);

 private:
  static bool IsRefused(const WalkedNode& c) { return (c.node & kRefused) != 0; }
  void PopBack();

  std::vector<WalkedNode> buffer_;
  size_t effort_ = 0;
  size_t limit_ = 0;
  size_t admitted_ = 0;
  bool limited_ = false;
  size_t cursor_ = 0;
  float bound_ = 0;
};

// A walk over a base's graph towards a query, in steps: each step compares what the step before
// has fetched from memory and fetches what comes next, so that a thread with several walks waits
// for memory once and not for each.
//
// A node's neighbours are compared by sketch first; only those whose estimate is not clearly below
// the worst of the buffer are compared by int8. Nodes that `test` refuses are walked through but do
// not count against the effort, so that masked neighbourhoods are crossed rather than answered
// with.
//
// Thread-safety: single-thread. Reusable: what it allocates is kept.
// Source: Malkov & Yashunin 2018, Alg. 2 and 5; differs: one sorted buffer instead of two heaps,
//   sketches, all of a node's neighbours are prefetched before the first is compared.
class GraphWalk {
 public:
  struct Options {
    const NodeTest* test = nullptr;  // null: all nodes are admitted
    // The walk gives up when it has compared so many, or if among the nearest nodes that it has
    // met on level 0 the share of admitted ones is less than this.
    size_t max_compared = SIZE_MAX;
    double min_share = 0;
  };
  // All is borrowed until the walk's end. The buffer has the size of the query's effort.
  void Begin(const GraphBase& base, const Query& query, const Options& options);
  // False once it has ended.
  bool Step();

  const CandidateBuffer& found() const { return buffer_; }
  // Nodes compared so far.
  size_t compared() const { return compared_; }
  bool gave_up() const { return gave_up_; }

 private:
  void BeginLevel(uint32_t level, uint32_t entry);
  bool FetchNext();
  void FetchVector(uint32_t node);
  void CompareSketches();
  void CompareVectors();
  bool ShouldGiveUp();

  const GraphBase* base_ = nullptr;
  const Query* query_ = nullptr;
  Options options_;
  const DistanceKernel* kernel_ = nullptr;
  float margin_ = 0;  // of estimates, times the query's length
  size_t compared_ = 0;
  bool gave_up_ = false;
  size_t next_probe_ = 0;  // compared nodes
  size_t next_look_ = 0;   // at the time, likewise
  uint32_t level_ = 0;
  CandidateBuffer buffer_;
  VisitedMarks marks_;
  // Fetched from memory: of `sketched_` nodes the sketches, else of `fetched_` the vectors.
  size_t sketched_ = 0;
  size_t fetched_ = 0;
  std::array<uint32_t, 2 * kMaxDegree> nodes_;
  std::array<int32_t, 2 * kMaxDegree> dots_;
  std::array<WalkedNode, 2 * kMaxDegree> taken_;
};

}  // namespace larder::ann

#endif  // LARDER_ANN_INTERNAL_GRAPH_WALK_H_
