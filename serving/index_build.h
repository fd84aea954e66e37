// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_INDEX_BUILD_H_
#define LARDER_SERVING_INDEX_BUILD_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "ann/graph_base.h"
#include "ann/vector_index.h"
#include "base/status.h"
#include "featurestore/store.h"
#include "serving/index_sink.h"

namespace larder::serving {

// What the next base of an index is made of: the delta folded into the base it has, or all vectors
// anew without one or when too many of its nodes are dead.
struct BaseInput {
  ann::CodeShape shape;
  Digest space;
  std::optional<ann::VectorIndex::FoldInput> fold;
  ann::VectorIndex::Snapshot vectors;  // without a fold: all of them
  std::vector<std::string> keys;       // of those that are added
};

// Copies what is needed, in pieces of a few thousand ids, so that nobody waits for the whole copy:
// what changes between two of them is put right when the base is installed (S7.3). The index must
// keep its base until the end. Thread-safety: single-thread.
class BaseInputReader {
 public:
  // Reads the next piece; the caller holds the snapshot that gave `live`, for a millisecond or so.
  // False once there is none left.
  bool Read(const LiveIndex& live, featurestore::Snapshot& snapshot);
  // What was read. Ends the use of this object.
  BaseInput Take() { return std::move(input_); }

 private:
  BaseInput input_;
  bool started_ = false;
  bool folds_ = false;
  uint32_t next_ = 0;
};

// Makes the base, without any lock. Errors: as ann::BuildGraphBase.
StatusOr<std::shared_ptr<const ann::GraphBase>> MakeBase(const BaseInput& input, uint32_t threads,
                                                         const ann::BuildProgress& progress,
                                                         const std::stop_token& stop);

}  // namespace larder::serving

#endif  // LARDER_SERVING_INDEX_BUILD_H_
