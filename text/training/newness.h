// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRAINING_NEWNESS_H_
#define LARDER_TEXT_TRAINING_NEWNESS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "base/clock.h"
#include "text/internal/random.h"

namespace larder::text::internal {

// How often things of these times are wanted, on average once: the newest e times as often as the
// oldest, the others by their place in order of time, equal times alike. What comes next is like
// what came last.
std::vector<double> NewnessWeights(std::span<const TimeUs> times);

// Draws as many numbers as there are weights, number i on average weights[i] times, never more than
// one time off. The mean of the weights must be 1.
// Source: systematic sampling, Madow 1949.
std::vector<uint32_t> DrawByWeight(std::span<const double> weights, Random& random);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_TRAINING_NEWNESS_H_
