// SPDX-License-Identifier: Apache-2.0
#include "text/evaluation/figures.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "text/evaluation/ranking.h"
#include "text/internal/random.h"

namespace larder::text::internal {
namespace {

constexpr size_t kResamples = 1'000;

// The place of each value when sorted, ties at the mean of their places.
std::vector<double> RankedWithTies(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0, end; begin < order.size(); begin = end) {
    end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double mean = static_cast<double>(begin + end - 1) / 2;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = mean;
  }
  return ranks;
}

}  // namespace

Retrieval RetrievalOf(std::span<const size_t> ranks) {
  Retrieval result;
  for (const size_t rank : ranks) {
    result.at_1 += rank == 0;
    result.at_10 += rank < kNearest;
    if (rank < kNearest) result.mrr_10 += 1 / static_cast<double>(rank + 1);
  }
  const auto count = static_cast<double>(std::max<size_t>(ranks.size(), 1));
  return {result.at_1 / count, result.at_10 / count, result.mrr_10 / count};
}

Interval BootstrapMean(std::span<const double> values, std::span<const uint32_t> groups,
                       uint64_t seed) {
  struct Group {
    double sum = 0;
    double count = 0;
  };
  std::vector<Group> sums;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i == 0 || groups[i] != groups[i - 1]) sums.emplace_back();
    sums.back().sum += values[i];
    ++sums.back().count;
  }
  if (sums.empty()) return {};
  Random random(seed);
  std::vector<double> means;
  for (size_t r = 0; r < kResamples; ++r) {
    Group drawn;
    for (size_t i = 0; i < sums.size(); ++i) {
      const Group& group = sums[random.Below(sums.size())];
      drawn.sum += group.sum;
      drawn.count += group.count;
    }
    means.push_back(drawn.sum / drawn.count);
  }
  std::sort(means.begin(), means.end());
  return {means[kResamples * 25 / 1000], means[kResamples * 975 / 1000]};
}

double Spearman(std::span<const double> a, std::span<const double> b) {
  const std::vector<double> x = RankedWithTies(a);
  const std::vector<double> y = RankedWithTies(b);
  const double mean = (static_cast<double>(x.size()) - 1) / 2;
  double xy = 0;
  double xx = 0;
  double yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

}  // namespace larder::text::internal
