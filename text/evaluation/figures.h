// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_EVALUATION_FIGURES_H_
#define LARDER_TEXT_EVALUATION_FIGURES_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace larder::text {

// How well a search finds the one right answer, means over queries.
struct Retrieval {
  double at_1 = 0;    // share of queries whose answer came first
  double at_10 = 0;   // … among the first ten
  double mrr_10 = 0;  // mean of 1 / place, 0 beyond the tenth
};

// A 95 % interval of a mean.
struct Interval {
  double low = 0;
  double high = 0;
};

namespace internal {

// Of the answers' ranks, counted from 0.
Retrieval RetrievalOf(std::span<const size_t> ranks);

// The bootstrap interval of mean(values) when whole groups are drawn again: values of one group
// (a user's queries) hang together, so that drawing single values would promise too much.
//
// Shapes: values and groups of one size; groups are numbers, equal ones side by side.
// Order: the same values and seed give the same interval.
// Source: Efron & Tibshirani 1993, percentile interval of 1,000 resamples.
Interval BootstrapMean(std::span<const double> values, std::span<const uint32_t> groups,
                       uint64_t seed);

// Spearman's rank correlation; ties have their mean rank. 0 if one side is all ties.
// Shapes: of one size.
double Spearman(std::span<const double> a, std::span<const double> b);

}  // namespace internal
}  // namespace larder::text

#endif  // LARDER_TEXT_EVALUATION_FIGURES_H_
