// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieval/rank.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace larder::serving {
namespace {

constexpr double kRrfConstant = 60;

bool IsSample(const registry::Channel& channel) {
  return channel.kind == registry::Channel::Kind::kSample;
}

struct Union {
  std::vector<Ranked> all;    // every candidate of every channel, once
  std::vector<size_t> drawn;  // those of sample channels, in the order in which they were drawn
};

Union Unite(const RankInput& input) {
  Union united;
  std::unordered_map<registry::Ordinal, size_t> place;
  for (size_t c = 0; c < input.channels.size(); ++c) {
    if (!input.channels[c].has_value()) continue;
    const std::vector<ChannelHit>& hits = input.channels[c]->hits;
    for (size_t i = 0; i < hits.size(); ++i) {
      const auto [it, is_new] = place.emplace(hits[i].ordinal, united.all.size());
      if (is_new) {
        united.all.push_back({.ordinal = hits[i].ordinal,
                              .score = {},
                              .propensity = {},
                              .ranks = std::vector<uint32_t>(input.channels.size())});
      }
      Ranked& ranked = united.all[it->second];
      ranked.ranks[c] = static_cast<uint32_t>(i + 1);
      if (!IsSample(input.definitions[c])) {
        ranked.score = 0;
      } else if (!ranked.propensity.has_value()) {
        ranked.propensity = input.channels[c]->propensity;
        united.drawn.push_back(it->second);
      }
    }
  }
  return united;
}

void Score(const RankInput& input, std::vector<Ranked>& all) {
  std::vector<size_t> scored(input.rrf.begin(), input.rrf.end());
  if (scored.empty()) {
    for (size_t c = 0; c < input.definitions.size(); ++c) {
      if (!IsSample(input.definitions[c])) scored.push_back(c);
    }
  }
  for (Ranked& ranked : all) {
    if (!ranked.score.has_value()) continue;
    for (const size_t c : scored) {
      if (ranked.ranks[c] != 0) *ranked.score += 1 / (kRrfConstant + ranked.ranks[c]);
    }
  }
}

}  // namespace

std::vector<Ranked> Rank(const RankInput& input) {
  auto [all, drawn] = Unite(input);
  Score(input, all);
  std::vector<size_t> scored;
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].score.has_value()) scored.push_back(i);
  }
  const size_t sorted = std::min(scored.size(), input.limit);
  std::partial_sort(scored.begin(), scored.begin() + static_cast<ptrdiff_t>(sorted), scored.end(),
                    [&](size_t a, size_t b) {
                      if (*all[a].score != *all[b].score) return *all[a].score > *all[b].score;
                      return input.order.Before(all[a].ordinal, all[b].ordinal);
                    });

  drawn.resize(std::min(drawn.size(), input.limit));
  std::vector<bool> waits(all.size());  // drawn, with a place at the end kept for it
  for (const size_t i : drawn) waits[i] = true;
  size_t kept = drawn.size();
  std::vector<Ranked> result;
  result.reserve(std::min(all.size(), input.limit));
  for (const size_t i : std::span(scored).first(sorted)) {
    if (waits[i]) {
      waits[i] = false;
      --kept;
    } else if (result.size() + kept == input.limit) {
      break;
    }
    result.push_back(std::move(all[i]));
  }
  for (const size_t i : drawn) {
    if (waits[i]) result.push_back(std::move(all[i]));
  }
  return result;
}

}  // namespace larder::serving
