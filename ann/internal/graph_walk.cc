// SPDX-License-Identifier: Apache-2.0
#include "ann/internal/graph_walk.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ann/internal/prefetch.h"

namespace larder::ann {
namespace {

// An estimate this many standard errors below the buffer's worst is worth a closer look. Measured
// at 384 and 256 dimensions: recall at the same effort falls by less than 0.001, and of eight
// candidates two and three need a closer look.
constexpr float kErrors = 0.67F;

}  // namespace

void VisitedMarks::Begin(size_t nodes) {
  for (const uint32_t node : seen_) words_[node / 64] = 0;
  seen_.clear();
  if (words_.size() < nodes / 64 + 1) words_.resize(nodes / 64 + 1);
}

void CandidateBuffer::Begin(size_t effort, bool mixed) {
  effort_ = effort;
  limit_ = mixed ? MixedLimit(effort) : effort;
  admitted_ = 0;
  limited_ = false;
  cursor_ = 0;
  bound_ = -std::numeric_limits<float>::infinity();
  buffer_.clear();
  buffer_.reserve(limit_ + 2 * kMaxDegree);
}

uint32_t CandidateBuffer::Next() {
  while (cursor_ < buffer_.size() && (buffer_[cursor_].node & kExpanded) != 0) ++cursor_;
  if (cursor_ == buffer_.size()) return kNoNode;
  buffer_[cursor_].node |= kExpanded;
  return buffer_[cursor_++].node & kNodeMask;
}

void CandidateBuffer::PopBack() {
  admitted_ -= IsRefused(buffer_.back()) ? 0 : 1;
  buffer_.pop_back();
}

void CandidateBuffer::Insert(std::span<WalkedNode> nodes) {
  if (nodes.empty()) return;
  std::sort(nodes.begin(), nodes.end(), [](const WalkedNode& a, const WalkedNode& b) {
    return a.similarity > b.similarity;
  });
  auto end = static_cast<std::ptrdiff_t>(buffer_.size());  // what is behind has its place
  buffer_.resize(buffer_.size() + nodes.size());
  const auto begin = buffer_.begin();
  for (auto left = static_cast<std::ptrdiff_t>(nodes.size()); left > 0; --left) {
    const WalkedNode& node = nodes[static_cast<size_t>(left - 1)];
    const auto at = std::upper_bound(
        begin, begin + end, node.similarity,
        [](float s, const WalkedNode& candidate) { return s > candidate.similarity; });
    std::copy_backward(at, begin + end, begin + end + left);
    end = at - begin;
    buffer_[static_cast<size_t>(end + left - 1)] = node;
    admitted_ += IsRefused(node) ? 0 : 1;
  }
  cursor_ = std::min(cursor_, static_cast<size_t>(end));
  limited_ = limited_ || buffer_.size() > limit_;
  while (admitted_ > effort_ || buffer_.size() > limit_) PopBack();
  while (admitted_ == effort_ && IsRefused(buffer_.back())) PopBack();
  cursor_ = std::min(cursor_, buffer_.size());
  if (admitted_ == effort_ || buffer_.size() == limit_) bound_ = buffer_.back().similarity;
}

void CandidateBuffer::Take(std::vector<WalkedNode>& out) const {
  for (const WalkedNode& c : buffer_) {
    if (!IsRefused(c)) out.push_back({c.similarity, c.node & kNodeMask});
  }
}

void GraphWalk::Begin(const GraphBase& base, const Query& query, const Options& options) {
  base_ = &base;
  query_ = &query;
  options_ = options;
  kernel_ = &BestKernel();
  const int8_t* high = query.vector.high.data();
  margin_ = kErrors * SketchError(base.dim()) *
            std::sqrt(static_cast<float>(kernel_->dot(high, high, base.dim())));
  compared_ = 0;
  gave_up_ = false;
  next_probe_ = 0;
  next_look_ = 0;
  BeginLevel(base.level_count() - 1, base.entry_node());
}

// Above level 0 the walk is greedy: more entries into level 0 were measured and change nothing.
void GraphWalk::BeginLevel(uint32_t level, uint32_t entry) {
  level_ = level;
  buffer_.Begin(level == 0 ? query_->effort : 1, level == 0 && options_.test != nullptr);
  marks_.Begin(base_->nodes_at_level(level));
  marks_.Visit(entry);
  sketched_ = 0;
  fetched_ = 0;
  FetchVector(entry);
}

void GraphWalk::FetchVector(uint32_t node) {
  nodes_[fetched_++] = node;
  Prefetch(std::span(base_->high() + size_t{node} * base_->dim(), base_->dim()));
  __builtin_prefetch(base_->inverse_norms() + node);
}

// Fetches the unseen neighbours of the best node that was not expanded yet. False if the level has
// none left. A node whose neighbours were all seen costs no step of its own.
bool GraphWalk::FetchNext() {
  const size_t stride = base_->sketch_shape().stride();
  while (true) {
    const uint32_t node = buffer_.Next();
    if (node == kNoNode) return false;
    for (const uint32_t neighbour : base_->links(level_, node)) {
      if (neighbour == kNoNode) break;
      if (!marks_.Visit(neighbour)) continue;
      if (stride == 0) {
        FetchVector(neighbour);
      } else {
        nodes_[sketched_++] = neighbour;
        Prefetch(std::span(base_->sketches() + neighbour * stride, stride));
      }
    }
    if (sketched_ + fetched_ > 0) return true;
  }
}

// Keeps those for a closer look that may get into the buffer.
void GraphWalk::CompareSketches() {
  const SketchShape& shape = base_->sketch_shape();
  const size_t stride = shape.stride();
  kernel_->sum_bits(query_->vector.high.data(), base_->sketches(), stride, nodes_.data(),
                    sketched_, shape.dim, dots_.data());
  compared_ += sketched_;
  for (size_t i = 0; i < sketched_; ++i) {
    const uint32_t node = nodes_[i];
    const float scale = SketchScale(shape, base_->sketches() + node * stride);
    const float estimate = query_->Estimate(dots_[i], scale);
    if (buffer_.Takes(estimate + margin_)) FetchVector(node);  // overwrites nodes_ up to i
  }
  sketched_ = 0;
}

void GraphWalk::CompareVectors() {
  kernel_->dot_gather(query_->vector.high.data(), base_->high(), nodes_.data(), fetched_,
                      base_->dim(), dots_.data());
  if (base_->sketch_shape().empty()) compared_ += fetched_;
  size_t taken = 0;
  for (size_t i = 0; i < fetched_; ++i) {
    const uint32_t node = nodes_[i];
    const float similarity = static_cast<float>(dots_[i]) * base_->inverse_norms()[node];
    if (!buffer_.Takes(similarity)) continue;
    const bool admitted =
        level_ > 0 || options_.test == nullptr || options_.test->Admits(node);
    taken_[taken++] = {similarity, node | (admitted ? 0 : CandidateBuffer::kRefused)};
    // It is likely to be expanded soon.
    Prefetch(base_->links(level_, node));
  }
  buffer_.Insert(std::span(taken_).first(taken));
  fetched_ = 0;
}

// The buffer holds the nearest met so far: what share of them is admitted may change as the walk
// comes nearer, so it looks again each time that it has compared twice as many.
bool GraphWalk::ShouldGiveUp() {
  constexpr size_t kProbe = 100;  // nodes: the share is known within a tenth
  constexpr size_t kLookEvery = 4'096;  // nodes: a fifth of a millisecond
  gave_up_ = compared_ >= options_.max_compared;
  if (compared_ >= next_look_) {
    next_look_ = compared_ + kLookEvery;
    gave_up_ = gave_up_ || query_->Late();  // the scan that follows says so
  }
  if (options_.min_share > 0 && level_ == 0 && compared_ >= next_probe_ &&
      buffer_.all().size() >= kProbe) {
    next_probe_ = 2 * compared_;
    const double share = static_cast<double>(buffer_.admitted()) /
                         static_cast<double>(buffer_.all().size());
    gave_up_ = gave_up_ || share < options_.min_share;
  }
  return gave_up_;
}

bool GraphWalk::Step() {
  if (sketched_ > 0) {
    CompareSketches();
    if (fetched_ > 0) return true;
  } else {
    CompareVectors();
  }
  if (ShouldGiveUp()) return false;
  if (FetchNext()) return true;
  if (level_ == 0) return false;
  BeginLevel(level_ - 1, buffer_.all().front().node & CandidateBuffer::kNodeMask);
  return true;
}

}  // namespace larder::ann
