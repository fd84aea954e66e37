// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieval/rank.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace larder::serving {
namespace {

using registry::Channel;

// Higher ordinals first, so that ties are not broken by accident.
class Descending : public ann::IdOrder {
 public:
  bool Before(uint32_t a, uint32_t b) const override { return a > b; }
};

Channel Defined(Channel::Kind kind) {
  Channel channel;
  channel.kind = kind;
  return channel;
}

ChannelOutput Output(const std::vector<registry::Ordinal>& ordinals, double propensity = 0) {
  ChannelOutput output;
  for (const registry::Ordinal ordinal : ordinals) output.hits.push_back({ordinal, 0});
  output.propensity = propensity;
  return output;
}

std::vector<registry::Ordinal> Ordinals(const std::vector<Ranked>& ranked) {
  std::vector<registry::Ordinal> ordinals;
  for (const Ranked& r : ranked) ordinals.push_back(r.ordinal);
  return ordinals;
}

std::vector<Ranked> RankAll(const std::vector<std::optional<ChannelOutput>>& outputs,
                            const std::vector<Channel>& definitions,
                            const std::vector<size_t>& rrf, size_t limit) {
  return Rank({.channels = outputs,
               .definitions = definitions,
               .rrf = rrf,
               .limit = limit,
               .order = Descending()});
}

TEST(Rank, AddsTheReciprocalRanksOfTheNamedChannels) {  // S9.3
  const std::vector<Channel> near(3, Defined(Channel::Kind::kNear));

  const auto ranked = RankAll({Output({1, 2}), Output({2, 3}), Output({4})}, near, {0, 1}, 10);

  EXPECT_EQ(Ordinals(ranked), (std::vector<registry::Ordinal>{2, 1, 3, 4}));
  EXPECT_DOUBLE_EQ(*ranked[0].score, 1.0 / 62 + 1.0 / 61);
  EXPECT_DOUBLE_EQ(*ranked[1].score, 1.0 / 61);
  EXPECT_DOUBLE_EQ(*ranked[3].score, 0);  // only a channel that is not named brought it
  EXPECT_EQ(ranked[0].ranks, (std::vector<uint32_t>{2, 1, 0}));
}

TEST(Rank, BreaksTiesByKey) {
  const std::vector<Channel> near(2, Defined(Channel::Kind::kNear));
  const auto ranked = RankAll({Output({1}), Output({2})}, near, {0, 1}, 10);
  EXPECT_EQ(Ordinals(ranked), (std::vector<registry::Ordinal>{2, 1}));
}

TEST(Rank, DroppedChannelsCountForNothing) {  // S9.5
  const std::vector<Channel> near(2, Defined(Channel::Kind::kNear));
  const auto ranked = RankAll({std::nullopt, Output({5})}, near, {0, 1}, 10);
  EXPECT_EQ(Ordinals(ranked), std::vector<registry::Ordinal>{5});
}

TEST(Rank, SampledCandidatesTakeTheLastPlaces) {  // S9.2
  const std::vector<Channel> channels = {Defined(Channel::Kind::kNear),
                                         Defined(Channel::Kind::kSample)};
  const auto ranked = RankAll({Output({1, 2, 3, 4, 5}), Output({9, 8}, 0.25)}, channels, {0}, 4);
  EXPECT_EQ(Ordinals(ranked), (std::vector<registry::Ordinal>{1, 2, 9, 8}));
  EXPECT_FALSE(ranked[2].score.has_value());
  EXPECT_EQ(ranked[2].propensity, 0.25);
  EXPECT_FALSE(ranked[0].propensity.has_value());
}

TEST(Rank, ASampledCandidateThatIsGoodEnoughLeavesItsPlace) {
  const std::vector<Channel> channels = {Defined(Channel::Kind::kNear),
                                         Defined(Channel::Kind::kSample)};
  const auto ranked = RankAll({Output({1, 2, 3, 4, 5}), Output({1, 8}, 0.5)}, channels, {0}, 4);
  EXPECT_EQ(Ordinals(ranked), (std::vector<registry::Ordinal>{1, 2, 3, 8}));
  EXPECT_EQ(ranked[0].propensity, 0.5);
}

TEST(Rank, ASampledCandidateWithALowScoreKeepsItsPlace) {
  const std::vector<Channel> channels = {Defined(Channel::Kind::kNear),
                                         Defined(Channel::Kind::kSample)};
  const auto ranked = RankAll({Output({1, 2, 3, 4, 5}), Output({5}, 0.5)}, channels, {0}, 3);
  EXPECT_EQ(Ordinals(ranked), (std::vector<registry::Ordinal>{1, 2, 5}));
}

TEST(Rank, ASampleLargerThanTheLimitFillsIt) {
  const std::vector<Channel> channels = {Defined(Channel::Kind::kNear),
                                         Defined(Channel::Kind::kSample)};
  const auto ranked = RankAll({Output({1, 2}), Output({7, 8, 9}, 1)}, channels, {0}, 2);
  EXPECT_EQ(Ordinals(ranked), (std::vector<registry::Ordinal>{7, 8}));
}

// Every sampled candidate has a place as long as there is one; the others are the best of the rest.
TEST(Rank, AgreesWithASlowDefinition) {
  const uint64_t seed = 20240501;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    std::vector<Channel> channels;
    std::vector<std::optional<ChannelOutput>> outputs;
    std::map<registry::Ordinal, double> scores;
    std::vector<registry::Ordinal> drawn;
    std::vector<size_t> rrf;
    const size_t count = 1 + random() % 4;
    for (size_t c = 0; c < count; ++c) {
      const bool sample = c + 1 == count && random() % 2 == 0;
      channels.push_back(Defined(sample ? Channel::Kind::kSample : Channel::Kind::kTop));
      std::vector<registry::Ordinal> ordinals(20);
      for (registry::Ordinal i = 0; i < 20; ++i) ordinals[i] = i;
      std::shuffle(ordinals.begin(), ordinals.end(), random);
      ordinals.resize(random() % 8);
      outputs.emplace_back(Output(ordinals, 0.5));
      if (sample) {
        drawn = ordinals;
        continue;
      }
      rrf.push_back(c);
      for (size_t i = 0; i < ordinals.size(); ++i) {
        scores[ordinals[i]] += 1.0 / (60.0 + static_cast<double>(i + 1));
      }
    }
    const size_t limit = 1 + random() % 12;

    const auto ranked = RankAll(outputs, channels, rrf, limit);

    std::vector<registry::Ordinal> best;
    for (const auto& [ordinal, score] : scores) best.push_back(ordinal);
    std::sort(best.begin(), best.end(), [&](auto a, auto b) {
      return scores[a] != scores[b] ? scores[a] > scores[b] : a > b;
    });
    drawn.resize(std::min(drawn.size(), limit));
    // The longest scored prefix that leaves room for all drawn ones.
    std::vector<registry::Ordinal> expected;
    for (size_t n = 0; n <= best.size(); ++n) {
      std::vector<registry::Ordinal> all(best.begin(), best.begin() + static_cast<ptrdiff_t>(n));
      for (const auto ordinal : drawn) {
        if (std::find(all.begin(), all.end(), ordinal) == all.end()) all.push_back(ordinal);
      }
      if (all.size() > limit) break;
      expected = all;
    }
    ASSERT_EQ(Ordinals(ranked), expected) << "round " << round;
  }
}

}  // namespace
}  // namespace larder::serving
