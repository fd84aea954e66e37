// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_INTERNAL_SKETCH_READER_H_
#define LARDER_ANN_INTERNAL_SKETCH_READER_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "ann/distance.h"
#include "ann/internal/query.h"
#include "ann/sketch.h"

namespace larder::ann {

// Reads the sketches of vectors in two halves: the first is enough for most of those that are not
// worth a closer look.
//
// Thread-safety: single-thread.
class SketchReader {
 public:
  // Rows of one call at most: their sketches are under way from memory at once.
  static constexpr size_t kMostRows = 128;

  // The query is borrowed. `shape` must not be empty.
  SketchReader(const Query& query, const SketchShape& shape) : query_(query), shape_(shape) {
    const std::span<const int8_t> high = query.vector.high;
    for (const int8_t x : high.first(half_)) first_sum_ += x;
    const auto all = static_cast<float>(BestKernel().dot(high.data(), high.data(), shape.dim));
    const auto first = static_cast<float>(BestKernel().dot(high.data(), high.data(), half_));
    first_share_ = all > 0 ? first / all : 0;
    first_error_ = kHalfErrors * std::sqrt(all / static_cast<float>(shape.dim));
  }

  // Keeps those of `rows` whose estimates reach `threshold` (Query::SketchThreshold), in their
  // order, and what belongs to them in `ids`; returns how many. Of those that reach it, a row is
  // missed whose first half is too far below its share.
  // Shapes: sketches [any row, shape.stride()], rows at most kMostRows, ids as many.
  size_t Keep(const char* sketches, float threshold, std::span<uint32_t> rows, uint32_t* ids) {
    const size_t stride = shape_.stride();
    const int8_t* query = query_.vector.high.data();
    const DistanceKernel& kernel = BestKernel();
    kernel.sum_bits(query, sketches, stride, rows.data(), rows.size(), half_, sums_.data());
    const float first_threshold = FirstThreshold(threshold);
    size_t kept = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      const float scale = SketchScale(shape_, sketches + rows[i] * stride);
      const float estimate = static_cast<float>(2 * sums_[i] - first_sum_) * scale;
      rows[kept] = rows[i];
      ids[kept] = ids[i];
      sums_[kept] = sums_[i];
      kept += estimate >= first_threshold ? 1 : 0;
    }
    kernel.sum_bits(query + half_, sketches + half_ / 8, stride, rows.data(), kept,
                    shape_.dim - half_, rest_.data());
    size_t left = 0;
    for (size_t i = 0; i < kept; ++i) {
      const float scale = SketchScale(shape_, sketches + rows[i] * stride);
      rows[left] = rows[i];
      ids[left] = ids[i];
      left += query_.Estimate(sums_[i] + rest_[i], scale) >= threshold ? 1 : 0;
    }
    return left;
  }

  // Components that the first half has.
  size_t half() const { return half_; }
  // What the first half's part of an estimate has to reach: its share of the query's energy, with
  // a margin.
  float FirstThreshold(float threshold) const {
    return std::isinf(threshold) ? threshold : threshold * first_share_ - first_error_;
  }

 private:
  // Of a vector's two halves, how far one may be from its share of the estimate, in units of the
  // error of a dot product of vectors that have nothing to do with each other.
  static constexpr float kHalfErrors = 1.5F;

  const Query& query_;
  const SketchShape shape_;
  const size_t half_ = std::min(shape_.dim, (shape_.dim / 2 + 63) / 64 * 64);
  int32_t first_sum_ = 0;
  float first_share_ = 0;  // of the query's energy
  float first_error_ = 0;
  std::array<int32_t, kMostRows> sums_;
  std::array<int32_t, kMostRows> rest_;
};

}  // namespace larder::ann

#endif  // LARDER_ANN_INTERNAL_SKETCH_READER_H_
