// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_INTERNAL_QUERY_H_
#define LARDER_ANN_INTERNAL_QUERY_H_

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "ann/codes.h"
#include "ann/distance.h"
#include "ann/search.h"
#include "ann/sketch.h"

namespace larder::ann {

// A request and what is computed of it once. Thread-safety: thread-safe (immutable).
class Query {
 public:
  Query(const SearchRequest& what, const CodeShape& shape)
      : request(what),
        vector(View(shape, what.query)),
        wanted(what.k + what.exclude.size()),
        effort(what.effort == 0 ? std::max(kDefaultEffort, 2 * wanted)
                                : std::max(what.effort, wanted)),
        squared_norm_(SquaredNorm(vector)),
        norm_(NormOf(vector)) {
    for (const int8_t x : vector.high) sum_ += x;
    sketch_error_ = double{SketchError(shape.dim)};
  }

  bool Excludes(uint32_t id) const {
    return std::binary_search(request.exclude.begin(), request.exclude.end(), id);
  }
  // The cosine with a vector; `dot` is that of the high halves.
  double Score(int32_t dot, const VectorView& other) const {
    if (other.low.empty()) return Cosine(dot, squared_norm_, SquaredNorm(other));
    int64_t fine_dot = 0;
    int64_t squared_norm = 0;
    BestKernel().fine(vector.high.data(), vector.low.data(), other.high.data(), other.low.data(),
                      other.high.size(), &fine_dot, &squared_norm);
    return Cosine(fine_dot, squared_norm_, squared_norm);
  }
  // dot * inverse norm of a vector that cannot reach the score `bound` is below this; `slack` is
  // at least the vector's.
  float Threshold(double bound, float slack) const {
    return static_cast<float>((bound - Margin(norm_.slack, slack)) / norm_.inverse);
  }
  // Of two vectors whose dot * inverse norm is this far apart the high halves tell, nearly always,
  // which one is nearer: three standard errors, of low halves that have nothing to do with the
  // vectors. `slack` is at least that of both.
  float Blur(float slack) const {
    const double error = std::sqrt((double{norm_.slack} * norm_.slack + double{slack} * slack) /
                                   static_cast<double>(vector.high.size()));
    return static_cast<float>(3 * error / norm_.inverse);
  }
  // The same as Threshold for a sketch's estimate: what is below is not worth a closer look.
  // Errors are about normal: of vectors just at the bound one in thirty is missed, of those above
  // it far fewer. `full`: there are k hits already. Until then each that reaches the bound, which
  // is the minimum score, is one more, and next to none may be missed.
  float SketchThreshold(double bound, bool full = true) const {
    // All are wanted, and an estimate may be far below any cosine: of a vector with few components.
    if (bound <= -1) return -std::numeric_limits<float>::infinity();
    const double errors = full ? 1.8 : 4;
    const double error = sketch_error_ * std::sqrt(std::max(0.0, 1 - bound * bound));
    return static_cast<float>((bound - errors * error) / norm_.inverse);
  }
  // A sketch's estimate of dot * inverse norm, from its bits' sum.
  float Estimate(int32_t bits_sum, float scale) const {
    return static_cast<float>(2 * bits_sum - sum_) * scale;
  }

  bool Late() const { return std::chrono::steady_clock::now() >= request.deadline; }
  // True if the scan that has done `scanned` vectors is to be given up.
  bool GivesUp(size_t scanned) const { return scanned % kLookEvery == 0 && Late(); }

  const SearchRequest& request;
  const VectorView vector;
  const size_t wanted;  // hits, with room for those that are excluded
  const size_t effort;

 private:
  // Vectors scanned between two looks at the clock; a multiple of every block.
  static constexpr size_t kLookEvery = 32'768;

  const int64_t squared_norm_;
  const HighNorm norm_;
  int32_t sum_ = 0;
  double sketch_error_ = 0;
};

}  // namespace larder::ann

#endif  // LARDER_ANN_INTERNAL_QUERY_H_
