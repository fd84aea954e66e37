// SPDX-License-Identifier: Apache-2.0
#include "serving/index_epoch.h"

namespace larder::serving {

void SetEpoch(const LiveIndex& live, v1::IndexEpoch* out) {
  const ann::VectorIndex::Stats stats = live.index->GetStats();
  out->set_feature(live.name);
  out->set_feature_digest(live.feature.Hex());
  out->set_space(live.index->space().Hex());
  if (!live.base_digest.empty()) out->set_base_digest(live.base_digest.Hex());
  out->set_base_vectors(stats.base_rows - stats.masked_rows);
  out->set_delta_vectors(stats.delta_size);
}

}  // namespace larder::serving
