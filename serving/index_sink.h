// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_INDEX_SINK_H_
#define LARDER_SERVING_INDEX_SINK_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ann/vector_index.h"
#include "base/file_system.h"
#include "base/hash.h"
#include "base/status.h"
#include "featurestore/row_sink.h"
#include "featurestore/store.h"

namespace larder::serving {

// One vector feature's index and what the feature is.
struct LiveIndex {
  std::string name;    // "text_of.vec"
  std::string entity;
  std::string source;  // whose rows the vectors are of
  Digest feature;
  Digest base_digest;  // the artifact in use; empty: none
  std::unique_ptr<ann::VectorIndex> index;
};

// The indexes of all vector features, kept up to date by apply (ARCHITECTURE §8).
//
// Thread-safety: has no lock of its own. Writing is apply's, under the store's writer lock; who
// reads holds a snapshot, which is the store's reader lock, and shows it.
class IndexSink : public featurestore::RowSink {
 public:
  // `max_delta`: vectors outside of its base with which an index counts as full.
  explicit IndexSink(FileSystem& fs, size_t max_delta = kMaxSize)
      : fs_(fs), max_delta_(max_delta) {}

  void AddVectorFeature(const registry::VectorFeature& feature) override;
  void SetVector(const Digest& feature, registry::Ordinal ordinal,
                 std::span<const int8_t> vector) override;
  // Errors: kDataLoss naming the file; kFailedPrecondition for a base of another space or of
  // vectors of another length; kNotFound for a feature that no revision brought.
  StatusOr<std::unique_ptr<LoadedBase>> LoadBase(const Digest& feature, const std::string& dir,
                                                 registry::FeatureReader& keys) override;
  StatusOr<std::unique_ptr<LoadedBase>> LoadNoBase(
      const Digest& feature, const featurestore::VectorTable& vectors) override;
  void InstallBase(const Digest& feature, LoadedBase& base) override;

  // How many indexes have max_delta vectors or more outside of their base. Needs no snapshot.
  size_t full() const { return full_.load(std::memory_order_relaxed); }
  bool IsFull(const LiveIndex& live) const { return live.index->delta_size() >= max_delta_; }

  // The index of a feature, null if there is none; lives as long as the snapshot.
  const LiveIndex* Find(const Digest& feature, const featurestore::Snapshot&) const;
  // All of them, by digest; they live as long as the snapshot.
  std::vector<const LiveIndex*> All(const featurestore::Snapshot&) const;

  // Vectors and bases that an index refused: 0 unless there is a bug.
  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  struct PreparedIndex;
  void CountFull(bool was_full, const LiveIndex& live);
  static constexpr size_t kMaxSize = std::numeric_limits<size_t>::max();

  FileSystem& fs_;
  const size_t max_delta_;
  std::atomic<size_t> full_{0};
  std::map<Digest, LiveIndex> indexes_;
  std::atomic<uint64_t> refused_{0};
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_INDEX_SINK_H_
