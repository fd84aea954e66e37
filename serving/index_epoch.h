// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_INDEX_EPOCH_H_
#define LARDER_SERVING_INDEX_EPOCH_H_

#include "larder/v1/retrieval_service.pb.h"
#include "serving/index_sink.h"

namespace larder::serving {

// Which state of an index answers now. Call while holding the snapshot that gave `live`.
void SetEpoch(const LiveIndex& live, larder::v1::IndexEpoch* out);

}  // namespace larder::serving

#endif  // LARDER_SERVING_INDEX_EPOCH_H_
