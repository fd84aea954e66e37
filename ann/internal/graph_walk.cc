// SPDX-License-Identifier: Apache-2.0
#include "ann/internal/graph_walk.h"

#include <algorithm>
#include <array>

#include "ann/distance.h"

namespace larder::ann {
namespace {

// Which nodes this search has seen. A byte per node and a number per search: clearing all bytes
// is due only once in 255 searches.
class VisitedMarks {
 public:
  void Begin(size_t nodes) {
    if (marks_.size() < nodes) marks_.resize(nodes, 0);
    if (++search_ == 0) {
      std::fill(marks_.begin(), marks_.end(), uint8_t{0});
      search_ = 1;
    }
  }
  // True the first time.
  bool Visit(uint32_t node) {
    if (marks_[node] == search_) return false;
    marks_[node] = search_;
    return true;
  }

 private:
  std::vector<uint8_t> marks_;
  uint8_t search_ = 0;
};

VisitedMarks& ThreadMarks() {
  thread_local VisitedMarks marks;
  return marks;
}

struct Candidate {
  float similarity;
  uint32_t node;  // with kExpanded and kDead
};
constexpr uint32_t kExpanded = uint32_t{1} << 31;
constexpr uint32_t kDead = uint32_t{1} << 30;
constexpr uint32_t kNodeMask = kDead - 1;
static_assert(kMaxNodes <= kDead);

// The best candidates in falling similarity: at most `effort` live ones, and the dead ones that
// are better than the last of these.
class CandidateBuffer {
 public:
  CandidateBuffer(size_t effort, bool any_dead)
      : effort_(effort), limit_(any_dead ? 4 * effort + 64 : effort) {
    buffer_.reserve(limit_ + 1);
  }

  // The best candidate that was not expanded yet, marked as expanded; kNoNode if none is left.
  uint32_t Next() {
    while (cursor_ < buffer_.size() && (buffer_[cursor_].node & kExpanded) != 0) ++cursor_;
    if (cursor_ == buffer_.size()) return kNoNode;
    buffer_[cursor_].node |= kExpanded;
    return buffer_[cursor_++].node & kNodeMask;
  }
  // The candidate that Next will probably give.
  uint32_t Peek() const {
    return cursor_ < buffer_.size() ? buffer_[cursor_].node & kNodeMask : kNoNode;
  }

  bool Admits(float similarity) const {
    return (live_ < effort_ && buffer_.size() < limit_) ||
           similarity > buffer_.back().similarity;
  }

  void Insert(float similarity, uint32_t node, bool dead) {
    const auto at = std::upper_bound(
        buffer_.begin(), buffer_.end(), similarity,
        [](float s, const Candidate& candidate) { return s > candidate.similarity; });
    const auto position = static_cast<size_t>(at - buffer_.begin());
    buffer_.insert(at, Candidate{similarity, node | (dead ? kDead : 0)});
    live_ += dead ? 0 : 1;
    cursor_ = std::min(cursor_, position);
    while (live_ > effort_ || buffer_.size() > limit_) PopBack();
    while (live_ == effort_ && IsDead(buffer_.back())) PopBack();
    cursor_ = std::min(cursor_, buffer_.size());
  }

  std::vector<uint32_t> Nodes() const {
    std::vector<uint32_t> nodes;
    nodes.reserve(buffer_.size());
    for (const Candidate& candidate : buffer_) nodes.push_back(candidate.node & kNodeMask);
    return nodes;
  }

 private:
  static bool IsDead(const Candidate& candidate) { return (candidate.node & kDead) != 0; }
  void PopBack() {
    live_ -= IsDead(buffer_.back()) ? 0 : 1;
    buffer_.pop_back();
  }

  size_t effort_;
  size_t limit_;
  std::vector<Candidate> buffer_;
  size_t live_ = 0;
  size_t cursor_ = 0;
};

void Prefetch(const void* p, size_t size_bytes) {
  const char* bytes = static_cast<const char*>(p);
  for (size_t i = 0; i < size_bytes; i += 64) __builtin_prefetch(bytes + i);
}

class Walk {
 public:
  Walk(const GraphBase& base, std::span<const int8_t> query)
      : base_(base), query_(query), inverse_norms_(base.inverse_norms()) {}

  WalkResult Search(size_t effort, const Bitmap* dead) {
    std::vector<uint32_t> entries = {base_.entry_node()};
    for (uint32_t level = base_.level_count() - 1; level >= 1; --level) {
      // Greedy: more entries into level 0 were measured and change nothing.
      CandidateBuffer buffer(/*effort=*/1, /*any_dead=*/false);
      WalkLevel(level, entries, nullptr, buffer);
      entries = buffer.Nodes();
    }
    CandidateBuffer buffer(effort, dead != nullptr);
    WalkLevel(0, entries, dead, buffer);
    return {.nodes = buffer.Nodes(), .distances = distances_};
  }

 private:
  void WalkLevel(uint32_t level, std::span<const uint32_t> entries, const Bitmap* dead,
                 CandidateBuffer& buffer) {
    VisitedMarks& marks = ThreadMarks();
    marks.Begin(base_.node_count());
    Expand(entries, dead, marks, buffer);
    for (uint32_t node = buffer.Next(); node != kNoNode; node = buffer.Next()) {
      if (const uint32_t next = buffer.Peek(); next != kNoNode) {
        const auto links = base_.links(level, next);
        Prefetch(links.data(), links.size_bytes());
      }
      Expand(base_.links(level, node), dead, marks, buffer);
    }
  }

  // Measures those of `nodes` (up to the first kNoNode) that were not visited yet.
  void Expand(std::span<const uint32_t> nodes, const Bitmap* dead, VisitedMarks& marks,
              CandidateBuffer& buffer) {
    size_t count = 0;
    for (const uint32_t node : nodes) {
      if (node == kNoNode) break;
      if (!marks.Visit(node)) continue;
      ids_[count++] = node;
      Prefetch(base_.vector(node).data(), base_.dim());
      __builtin_prefetch(inverse_norms_ + node);
    }
    kernel_.dot_gather(query_.data(), base_.vectors(), ids_.data(), count, base_.dim(),
                       dots_.data());
    distances_ += count;
    for (size_t i = 0; i < count; ++i) {
      const float similarity = static_cast<float>(dots_[i]) * inverse_norms_[ids_[i]];
      if (!buffer.Admits(similarity)) continue;
      buffer.Insert(similarity, ids_[i], dead != nullptr && dead->Test(ids_[i]));
    }
  }

  const GraphBase& base_;
  std::span<const int8_t> query_;
  const float* inverse_norms_;
  const DistanceKernel& kernel_ = BestKernel();
  std::array<uint32_t, 2 * kMaxDegree> ids_;
  std::array<int32_t, 2 * kMaxDegree> dots_;
  size_t distances_ = 0;
};

}  // namespace

WalkResult WalkGraph(const GraphBase& base, std::span<const int8_t> query, size_t effort,
                     const Bitmap* dead) {
  return Walk(base, query).Search(effort, dead);
}

}  // namespace larder::ann
