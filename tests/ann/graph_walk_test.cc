// SPDX-License-Identifier: Apache-2.0
// The walk's parts alone; walks are tested through VectorIndex.
#include "ann/internal/graph_walk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

namespace larder::ann {
namespace {

// What CandidateBuffer promises, the slow way: all that was inserted and not dropped, in falling
// similarity, those that came later behind their equals.
class ReferenceBuffer {
 public:
  ReferenceBuffer(size_t effort, bool mixed)
      : effort_(effort), limit_(mixed ? CandidateBuffer::MixedLimit(effort) : effort) {}

  struct Candidate {
    float similarity;
    uint32_t node;
    bool refused;
    bool expanded;
  };

  void Insert(std::span<const WalkedNode> nodes) {
    for (const WalkedNode& node : nodes) {
      const auto worse = std::find_if(held_.begin(), held_.end(), [&](const Candidate& c) {
        return c.similarity < node.similarity;
      });
      held_.insert(worse, {.similarity = node.similarity,
                           .node = node.node & CandidateBuffer::kNodeMask,
                           .refused = (node.node & CandidateBuffer::kRefused) != 0,
                           .expanded = false});
    }
    dropped_ = dropped_ || held_.size() > limit_;
    // The longest beginning that is allowed; refused ones behind the last of `effort` admitted ones
    // are of no use.
    size_t end = 0;
    for (size_t admitted = 0; end < std::min(held_.size(), limit_) && admitted < effort_; ++end) {
      admitted += held_[end].refused ? 0 : 1;
    }
    held_.resize(end);
    if (admitted() == effort_ || (!held_.empty() && held_.size() == limit_)) {
      bound_ = held_.back().similarity;
    }
  }

  uint32_t Next() {
    for (Candidate& c : held_) {
      if (c.expanded) continue;
      c.expanded = true;
      return c.node;
    }
    return kNoNode;
  }

  size_t admitted() const {
    return static_cast<size_t>(
        std::count_if(held_.begin(), held_.end(), [](const Candidate& c) { return !c.refused; }));
  }
  bool complete() const { return admitted() == effort_ || !dropped_; }
  float bound() const { return bound_; }
  const std::vector<Candidate>& held() const { return held_; }

 private:
  size_t effort_;
  size_t limit_;
  bool dropped_ = false;
  float bound_ = -std::numeric_limits<float>::infinity();
  std::vector<Candidate> held_;
};

void ExpectSame(const CandidateBuffer& buffer, const ReferenceBuffer& expected) {
  ASSERT_EQ(buffer.all().size(), expected.held().size());
  std::vector<WalkedNode> admitted;
  buffer.Take(admitted);
  size_t next = 0;
  for (size_t i = 0; i < expected.held().size(); ++i) {
    const ReferenceBuffer::Candidate& c = expected.held()[i];
    const WalkedNode& held = buffer.all()[i];
    ASSERT_EQ(held.similarity, c.similarity) << i;
    ASSERT_EQ(held.node, c.node | (c.refused ? CandidateBuffer::kRefused : 0) |
                             (c.expanded ? CandidateBuffer::kExpanded : 0))
        << i;
    if (c.refused) continue;
    ASSERT_LT(next, admitted.size());
    ASSERT_EQ(admitted[next++].node, c.node);
  }
  ASSERT_EQ(next, admitted.size());
  ASSERT_EQ(buffer.admitted(), expected.admitted());
  ASSERT_EQ(buffer.complete(), expected.complete());
  ASSERT_FALSE(buffer.Takes(expected.bound()));
  ASSERT_TRUE(buffer.Takes(
      std::nextafter(expected.bound(), std::numeric_limits<float>::infinity())));
}

// One walk's worth of batches. Few different similarities make ties of most nodes; a share of the
// nodes is refused.
void RunHistory(CandidateBuffer& buffer, size_t effort, std::mt19937_64& random) {
  const bool mixed = random() % 2 == 0;
  const uint64_t values = random() % 2 == 0 ? 4 : 1'000'000;
  const uint64_t refused_of_ten = mixed ? random() % 11 : 0;
  buffer.Begin(effort, mixed);
  ReferenceBuffer expected(effort, mixed);
  uint32_t node = 0;
  const size_t batches = 20 + 8 * effort / kMaxDegree;
  for (size_t batch = 0; batch < batches; ++batch) {
    std::vector<WalkedNode> nodes;
    for (uint64_t left = random() % (2 * kMaxDegree + 1); left > 0; --left) {
      const float similarity = static_cast<float>(random() % values) - 2;
      if (!buffer.Takes(similarity)) continue;
      // Numbers are spread, so that high ones come next to the marks; some come twice.
      node += random() % 8 == 0 ? 0 : 7'919'003;
      const bool refused = random() % 10 < refused_of_ten;
      nodes.push_back({similarity, (node & CandidateBuffer::kNodeMask) |
                                       (refused ? CandidateBuffer::kRefused : 0)});
    }
    const std::vector<WalkedNode> before = nodes;

    buffer.Insert(nodes);

    // It leaves them in the order in which they count: among equals any will do.
    ASSERT_TRUE(std::is_permutation(
        nodes.begin(), nodes.end(), before.begin(), before.end(),
        [](const WalkedNode& a, const WalkedNode& b) {
          return a.similarity == b.similarity && a.node == b.node;
        }));
    expected.Insert(nodes);
    ASSERT_NO_FATAL_FAILURE(ExpectSame(buffer, expected)) << "batch " << batch;
    for (uint64_t left = random() % 4; left > 0; --left) {
      ASSERT_EQ(buffer.Next(), expected.Next()) << "batch " << batch;
    }
  }
  while (true) {
    const uint32_t next = buffer.Next();
    ASSERT_EQ(next, expected.Next());
    if (next == kNoNode) break;
  }
}

TEST(CandidateBuffer, HoldsWhatASortedVectorWouldHold) {
  CandidateBuffer buffer;  // one for all, as a thread has one for all its walks
  for (const size_t effort : {1u, 2u, 3u, 10u, 64u, 127u, 160u, 500u, 2000u}) {
    for (uint64_t seed = 1; seed <= (effort < 100 ? 20u : 3u); ++seed) {
      SCOPED_TRACE(testing::Message() << "effort " << effort << " seed " << seed);
      std::mt19937_64 random(1000 * seed + effort);
      ASSERT_NO_FATAL_FAILURE(RunHistory(buffer, effort, random));
    }
  }
}

TEST(CandidateBuffer, AnEmptyOneTakesAllAndHasNoNext) {
  CandidateBuffer buffer;
  buffer.Begin(3, false);
  buffer.Insert({});

  EXPECT_TRUE(buffer.Takes(-1e30F));
  EXPECT_EQ(buffer.Next(), kNoNode);
  EXPECT_TRUE(buffer.all().empty());
  EXPECT_TRUE(buffer.complete()) << "there was no more";
}

TEST(CandidateBuffer, IsNotCompleteWhenRefusedOnesPushedOthersOut) {
  CandidateBuffer buffer;
  buffer.Begin(2, true);
  const size_t limit = CandidateBuffer::MixedLimit(2);
  const auto insert = [&](float similarity, bool refused) {
    WalkedNode node{similarity, 5 | (refused ? CandidateBuffer::kRefused : 0)};
    buffer.Insert({&node, 1});
  };
  for (size_t i = 0; i < limit; ++i) insert(static_cast<float>(i), true);
  EXPECT_TRUE(buffer.complete());

  insert(1000, true);
  EXPECT_FALSE(buffer.complete());

  insert(1001, false);
  insert(1002, false);
  EXPECT_TRUE(buffer.complete()) << "two were wanted";
  EXPECT_EQ(buffer.all().size(), 2u);
}

TEST(VisitedMarks, AreTrueTheFirstTimeAndForgottenByBegin) {
  VisitedMarks marks;
  for (int round = 0; round < 3; ++round) {
    marks.Begin(round == 1 ? 1000 : 130);  // larger and smaller again
    for (const uint32_t node : {0u, 63u, 64u, 129u}) {
      EXPECT_TRUE(marks.Visit(node)) << node;
      EXPECT_FALSE(marks.Visit(node)) << node;
    }
  }
}

}  // namespace
}  // namespace larder::ann
