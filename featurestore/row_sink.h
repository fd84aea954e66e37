// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_ROW_SINK_H_
#define LARDER_FEATURESTORE_ROW_SINK_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/status.h"
#include "registry/column.h"
#include "registry/compiled_registry.h"
#include "registry/stored_feature.h"

namespace larder::featurestore {

class VectorTable;

// The file of an artifact that is an index base.
inline constexpr std::string_view kBaseFileName = "index.larder";

// Where apply hands what it publishes; `serving` implements it over `ann`. Every sink has a record
// before P passes it (ARCHITECTURE §6).
//
// Thread-safety: all calls come from one thread at a time. Those marked [published] run under the
// store's writer lock: short, no I/O; the others run outside it.
class RowSink {
 public:
  virtual ~RowSink() = default;

  // [published] There is this vector feature; said with each revision, and at start before its
  // vectors, since its name may have changed.
  virtual void AddVectorFeature(const registry::VectorFeature& feature) = 0;
  // [published] The vector of one key changed; empty: it has none any more (deleted, null text).
  virtual void SetVector(const Digest& feature, registry::Ordinal ordinal,
                         std::span<const int8_t> vector) = 0;

  // Loads and checks an index base that an `activate` names, with all that is slow done before it
  // is published: nothing else is called between this and its InstallBase. `keys.FindKeys` resolves
  // the base's keys to ordinals.
  // Errors keep the old base in use; the store counts and reports them.
  class LoadedBase {
   public:
    virtual ~LoadedBase() = default;
  };
  // `dir` is the artifact's directory.
  virtual StatusOr<std::unique_ptr<LoadedBase>> LoadBase(const Digest& feature,
                                                         const std::string& dir,
                                                         registry::FeatureReader& keys) = 0;
  // The same without a base, from the vectors themselves: the one in use is damaged.
  virtual StatusOr<std::unique_ptr<LoadedBase>> LoadNoBase(const Digest& feature,
                                                           const VectorTable& vectors) = 0;
  // [published] Takes what `base` brings and leaves in it what that replaces, which the caller
  // frees without the lock.
  virtual void InstallBase(const Digest& feature, LoadedBase& base) = 0;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_ROW_SINK_H_
