// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_BOUNDED_READER_H_
#define LARDER_SERVING_BOUNDED_READER_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "featurestore/store.h"
#include "registry/stored_feature.h"

namespace larder::serving {

// What one program may read of texts, lists and vectors, in bytes: four replies of the largest
// size. A small request for the longest texts of many candidates would take gigabytes.
inline constexpr size_t kMaxReadBytes = size_t{256} << 20;

// A snapshot for one run of one program that reads at most `max_bytes`, or a little more: it is
// looked at every 128 values.
//
// Borrows the snapshot. Thread-safety: single-thread.
class BoundedReader : public registry::FeatureReader {
 public:
  explicit BoundedReader(featurestore::Snapshot& snapshot, size_t max_bytes = kMaxReadBytes)
      : snapshot_(snapshot), left_(max_bytes) {}

  void FindKeys(std::string_view entity, std::span<const std::string_view> keys,
                std::span<registry::Ordinal> ordinals) override {
    snapshot_.FindKeys(entity, keys, ordinals);
  }
  std::string_view KeyOf(std::string_view entity, registry::Ordinal ordinal) override {
    return snapshot_.KeyOf(entity, ordinal);
  }
  // Errors: kResourceExhausted naming the feature that was read when there was too much.
  Status Read(const registry::StoredFeature& feature, std::span<const registry::Ordinal> ordinals,
              bool want_times, registry::Column& out) override;

 private:
  std::string NameOf(const registry::StoredFeature& feature) const;

  featurestore::Snapshot& snapshot_;
  size_t left_;
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_BOUNDED_READER_H_
