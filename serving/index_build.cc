// SPDX-License-Identifier: Apache-2.0
#include "serving/index_build.h"

namespace larder::serving {

BaseInput TakeBaseInput(const LiveIndex& live, featurestore::Snapshot& snapshot) {
  const ann::VectorIndex& index = *live.index;
  BaseInput input{.shape = index.shape(),
                  .space = index.space(),
                  .fold = std::nullopt,
                  .vectors = {},
                  .keys = {}};
  if (index.WantsRebuild()) {
    input.vectors = index.TakeSnapshot();
  } else {
    input.fold = index.TakeFoldInput();
  }
  const std::vector<uint32_t>& ids =
      input.fold.has_value() ? input.fold->added.ids : input.vectors.ids;
  input.keys.reserve(ids.size());
  for (const uint32_t id : ids) input.keys.emplace_back(snapshot.KeyOf(live.entity, id));
  return input;
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
