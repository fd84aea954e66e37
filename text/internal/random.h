// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_INTERNAL_RANDOM_H_
#define LARDER_TEXT_INTERNAL_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace larder::text::internal {

// A seeded generator whose numbers are the same everywhere (the standard library's distributions
// are not). Thread-safety: single-thread.
// Source: SplitMix64, Steele, Lea & Flood 2014.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  // Uniform in [0, n), n > 0; the bias is below n / 2^64.
  uint64_t Below(uint64_t n);
  // Uniform in (0, 1).
  double Unit();
  // Normal with mean 0 and variance 1.
  double Gaussian();
  // Puts `all` into any order, each with the same chance (Fisher & Yates).
  template <typename T>
  void Shuffle(std::span<T> all) {
    for (size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[Below(i)]);
  }

 private:
  uint64_t state_;
};

// `take` distinct numbers of [0, n) in ascending order; all of them when take >= n.
std::vector<size_t> SampleIndices(size_t n, size_t take, uint64_t seed);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_INTERNAL_RANDOM_H_
