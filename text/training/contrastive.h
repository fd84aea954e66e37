// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRAINING_CONTRASTIVE_H_
#define LARDER_TEXT_TRAINING_CONTRASTIVE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace larder::text::internal {

// Pairs of vectors of length 1 that belong together, and the loss's gradient by them.
struct VectorPairs {
  std::span<const float> first;    // [pairs, dimensions]
  std::span<const float> second;   // [pairs, dimensions]
  // What each pair is about: pairs of one subject are not told apart.
  std::span<const uint32_t> subjects;  // [pairs]
  size_t dimensions = 0;
};

struct ContrastiveScratch {
  std::vector<float> similarity;  // [pairs, pairs]
};

// The contrastive loss of a batch: the mean over its pairs of the cross-entropy of finding `second`
// by `first` among all seconds of the batch, and the other way round, where the odds are
// exp(cosine / temperature). Its gradients by the vectors, taken as free, are put into
// `first_gradient` and `second_gradient` (maybe empty: then they are not wanted).
//
// Shapes: gradients as the vectors. The temperature must be at least 0.02, for floats.
// Order: the same input gives the same bits on one machine, on any number of threads.
// Cost: 6 * pairs^2 * dimensions operations, pairs^2 floats of memory.
// Source: InfoNCE, van den Oord et al. 2018, symmetric as in CLIP, Radford et al. 2021.
double ContrastiveLoss(const VectorPairs& pairs, float temperature, ContrastiveScratch& scratch,
                       std::span<float> first_gradient, std::span<float> second_gradient);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_TRAINING_CONTRASTIVE_H_
