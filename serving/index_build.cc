// SPDX-License-Identifier: Apache-2.0
#include "serving/index_build.h"

#include <algorithm>

namespace larder::serving {

namespace {

constexpr uint32_t kPiece = 4'096;  // about a millisecond

}  // namespace

bool BaseInputReader::Read(const LiveIndex& live, featurestore::Snapshot& snapshot) {
  using Part = ann::VectorIndex::Part;
  const ann::VectorIndex& index = *live.index;
  if (!started_) {
    started_ = true;
    folds_ = !index.WantsRebuild();
    input_.shape = index.shape();
    input_.space = index.space();
  }
  if (next_ < index.id_end()) {
    index.CopyVectors(folds_ ? Part::kDelta : Part::kAll, next_, next_ + kPiece, input_.vectors);
    next_ += kPiece;
    return true;
  }
  if (folds_ && !input_.fold.has_value()) {
    input_.fold = index.FinishFold(std::exchange(input_.vectors, {}));
  }
  const std::vector<uint32_t>& ids = folds_ ? input_.fold->added.ids : input_.vectors.ids;
  const size_t end = std::min(ids.size(), input_.keys.size() + kPiece);
  for (size_t i = input_.keys.size(); i < end; ++i) {
    input_.keys.emplace_back(snapshot.KeyOf(live.entity, ids[i]));
  }
  return end < ids.size();
}

StatusOr<std::shared_ptr<const ann::GraphBase>> MakeBase(const BaseInput& input, uint32_t threads,
                                                         const ann::BuildProgress& progress,
                                                         const std::stop_token& stop) {
  if (input.fold.has_value()) {
    return ann::FoldGraphBase(*input.fold->base, input.fold->removed, input.fold->added.codes,
                              input.keys, {.threads = threads}, progress, stop);
  }
  ann::GraphOptions options;
  options.shape = input.shape;
  options.space = input.space;
  options.threads = threads;
  return ann::BuildGraphBase(options, input.vectors.codes, input.keys, progress, stop);
}

}  // namespace larder::serving
