// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <numbers>

#include "text/internal/random.h"

namespace larder::text::internal {

uint64_t Random::Next() {
  uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

uint64_t Random::Below(uint64_t n) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>((Wide{Next()} * n) >> 64);
}

double Random::Unit() { return (static_cast<double>(Next() >> 12) + 0.5) * 0x1p-52; }

double Random::Gaussian() {
  const double radius = std::sqrt(-2 * std::log(Unit()));
  return radius * std::cos(2 * std::numbers::pi * Unit());
}

std::vector<size_t> SampleIndices(size_t n, size_t take, uint64_t seed) {
  std::vector<size_t> chosen;
  chosen.reserve(take < n ? take : n);
  Random random(seed);
  // Selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm S): one pass, already in order.
  for (size_t i = 0; i < n && chosen.size() < take; ++i) {
    if (random.Below(n - i) < take - chosen.size()) chosen.push_back(i);
  }
  return chosen;
}

}  // namespace larder::text::internal
