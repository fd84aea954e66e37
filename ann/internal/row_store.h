// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_INTERNAL_ROW_STORE_H_
#define LARDER_ANN_INTERNAL_ROW_STORE_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ann/codes.h"
#include "ann/search.h"
#include "ann/sketch.h"

namespace larder::ann {

// The vectors of the delta, without holes so that a scan reads them in one go: the last row takes
// the place of a removed one. Rows lie in chunks, so growing never copies them.
//
// Thread-safety: thread-compatible. Views of rows hold until the next change.
class RowStore {
 public:
  static constexpr size_t kChunkRows = 1024;

  explicit RowStore(const CodeShape& shape) : shape_(shape), sketch_{.dim = shape.dim} {}

  size_t size() const { return meta_.size(); }
  uint32_t id(size_t slot) const { return meta_[slot].id; }
  float inverse_norm(size_t slot) const { return meta_[slot].inverse_norm; }
  // The largest HighNorm::slack of all rows that ever came.
  float slack() const { return slack_; }
  VectorView vector(size_t slot) const {
    return {{High(slot), shape_.dim}, {Low(slot), shape_.size() - shape_.dim}};
  }

  // The new row's slot. `v` must not be zero.
  uint32_t Append(uint32_t id, const VectorView& v) {
    const size_t slot = meta_.size();
    if (slot / kChunkRows == chunks_.size()) {
      chunks_.push_back({std::make_unique<int8_t[]>(kChunkRows * shape_.size()),
                         std::make_unique<char[]>(kChunkRows * sketch_.stride())});
    }
    meta_.push_back({.id = id});
    Overwrite(slot, v);
    return static_cast<uint32_t>(slot);
  }

  void Overwrite(size_t slot, const VectorView& v) {
    std::copy(v.high.begin(), v.high.end(), High(slot));
    std::copy(v.low.begin(), v.low.end(), Low(slot));
    const HighNorm norm = NormOf(v);
    meta_[slot].inverse_norm = norm.inverse;
    slack_ = std::max(slack_, norm.slack);
    if (!sketch_.empty()) MakeSketch(sketch_, v, norm.inverse, Sketch(slot));
  }

  // Removes the row. Returns the id of the row that now lies in `slot`, kNoId if none does.
  uint32_t Remove(size_t slot) {
    const size_t last = meta_.size() - 1;
    uint32_t moved = kNoId;
    if (slot != last) {
      std::copy_n(High(last), shape_.dim, High(slot));
      std::copy_n(Low(last), shape_.size() - shape_.dim, Low(slot));
      std::copy_n(Sketch(last), sketch_.stride(), Sketch(slot));
      meta_[slot] = meta_[last];
      moved = meta_[slot].id;
    }
    meta_.pop_back();
    // One spare chunk stays, so that a row that comes and goes does not allocate each time.
    if (chunks_.size() > last / kChunkRows + 2) chunks_.pop_back();
    return moved;
  }

  // Rows that lie behind each other: high halves [count, dim] and sketches [count, stride].
  struct Run {
    size_t first = 0;  // slot
    size_t count = 0;
    const int8_t* high = nullptr;
    const char* sketches = nullptr;
  };
  template <typename F>
  void ForEachRun(F&& f) const {
    for (size_t first = 0; first < size(); first += kChunkRows) {
      const Chunk& chunk = chunks_[first / kChunkRows];
      f(Run{first, std::min(kChunkRows, size() - first), chunk.codes.get(), chunk.sketches.get()});
    }
  }

  size_t size_bytes() const {
    return chunks_.size() * kChunkRows * (shape_.size() + sketch_.stride()) +
           meta_.capacity() * sizeof(Meta);
  }

 private:
  struct Meta {
    uint32_t id = kNoId;
    float inverse_norm = 0;
  };

  struct Chunk {
    std::unique_ptr<int8_t[]> codes;  // the high halves of its rows, then the low ones
    std::unique_ptr<char[]> sketches;
  };

  int8_t* High(size_t slot) const {
    return chunks_[slot / kChunkRows].codes.get() + slot % kChunkRows * shape_.dim;
  }
  int8_t* Low(size_t slot) const {
    if (!shape_.has_low) return nullptr;
    return chunks_[slot / kChunkRows].codes.get() +
           (kChunkRows + slot % kChunkRows) * shape_.dim;
  }
  char* Sketch(size_t slot) const {
    return chunks_[slot / kChunkRows].sketches.get() + slot % kChunkRows * sketch_.stride();
  }

  CodeShape shape_;
  SketchShape sketch_;
  std::vector<Chunk> chunks_;
  std::vector<Meta> meta_;
  float slack_ = 0;
};

}  // namespace larder::ann

#endif  // LARDER_ANN_INTERNAL_ROW_STORE_H_
