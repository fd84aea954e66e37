// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_INTERNAL_ROW_STORE_H_
#define LARDER_ANN_INTERNAL_ROW_STORE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ann/distance.h"
#include "ann/search.h"

namespace larder::ann {

// The vectors of the delta, without holes so that a scan reads them in one go: the last row takes
// the place of a removed one. Rows lie in chunks, so growing never copies them.
//
// Thread-safety: thread-compatible. Views of rows hold until the next change.
class RowStore {
 public:
  static constexpr size_t kChunkRows = 1024;

  explicit RowStore(size_t dim) : dim_(dim) {}

  size_t size() const { return meta_.size(); }
  uint32_t id(size_t slot) const { return meta_[slot].id; }
  int32_t squared_norm(size_t slot) const { return meta_[slot].squared_norm; }
  float inverse_norm(size_t slot) const { return meta_[slot].inverse_norm; }
  std::span<const int8_t> vector(size_t slot) const { return {Row(slot), dim_}; }

  // The new row's slot. `v` must not be zero.
  uint32_t Append(uint32_t id, std::span<const int8_t> v) {
    const size_t slot = meta_.size();
    if (slot / kChunkRows == chunks_.size()) {
      chunks_.push_back(std::make_unique<int8_t[]>(kChunkRows * dim_));
    }
    meta_.push_back({.id = id});
    Overwrite(slot, v);
    return static_cast<uint32_t>(slot);
  }

  void Overwrite(size_t slot, std::span<const int8_t> v) {
    std::copy(v.begin(), v.end(), Row(slot));
    meta_[slot].squared_norm = SquaredNorm(v);
    meta_[slot].inverse_norm =
        static_cast<float>(1.0 / std::sqrt(static_cast<double>(meta_[slot].squared_norm)));
  }

  // Removes the row. Returns the id of the row that now lies in `slot`, kNoId if none does.
  uint32_t Remove(size_t slot) {
    const size_t last = meta_.size() - 1;
    uint32_t moved = kNoId;
    if (slot != last) {
      std::copy_n(Row(last), dim_, Row(slot));
      meta_[slot] = meta_[last];
      moved = meta_[slot].id;
    }
    meta_.pop_back();
    // One spare chunk stays, so that a row that comes and goes does not allocate each time.
    if (chunks_.size() > last / kChunkRows + 2) chunks_.pop_back();
    return moved;
  }

  // Calls f(first slot, rows, count) for each run of rows that lie behind each other.
  template <typename F>
  void ForEachRun(F&& f) const {
    for (size_t first = 0; first < size(); first += kChunkRows) {
      f(first, chunks_[first / kChunkRows].get(), std::min(kChunkRows, size() - first));
    }
  }

  size_t size_bytes() const {
    return chunks_.size() * kChunkRows * dim_ + meta_.capacity() * sizeof(Meta);
  }

 private:
  struct Meta {
    uint32_t id = kNoId;
    int32_t squared_norm = 0;
    float inverse_norm = 0;
  };

  int8_t* Row(size_t slot) const {
    return chunks_[slot / kChunkRows].get() + slot % kChunkRows * dim_;
  }

  size_t dim_;
  std::vector<std::unique_ptr<int8_t[]>> chunks_;
  std::vector<Meta> meta_;
};

}  // namespace larder::ann

#endif  // LARDER_ANN_INTERNAL_ROW_STORE_H_
