// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_CHUNKED_ARRAY_H_
#define LARDER_FEATURESTORE_CHUNKED_ARRAY_H_

#include <cstddef>
#include <memory>
#include <vector>

namespace larder::featurestore {

// An array that grows without moving its elements, so that growing under the writer lock is short
// and element addresses last. New elements are value-initialised.
// Thread-safety: thread-compatible.
template <typename T>
class ChunkedArray {
 public:
  static constexpr size_t kChunk = 4096;

  // `stride`: values per element, for vectors.
  explicit ChunkedArray(size_t stride = 1) : stride_(stride) {}

  // How many elements there is room for.
  size_t capacity() const { return chunks_.size() * kChunk; }
  void EnsureSize(size_t size) {
    while (capacity() < size) chunks_.push_back(std::make_unique<T[]>(kChunk * stride_));
  }
  T& operator[](size_t i) { return chunks_[i / kChunk][(i % kChunk) * stride_]; }
  const T& operator[](size_t i) const { return chunks_[i / kChunk][(i % kChunk) * stride_]; }

 private:
  size_t stride_;
  std::vector<std::unique_ptr<T[]>> chunks_;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_CHUNKED_ARRAY_H_
