// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_INGEST_H_
#define LARDER_SERVING_INGEST_H_

#include "larder/v1/ingest_service.pb.h"
#include "serving/context.h"

namespace larder::serving {

// One batch of IngestService.Ingest: appends it and returns its acknowledgement once it is durable.
// A batch that fails is told so in the acknowledgement; the stream goes on.
larder::v1::IngestResponse IngestBatch(const larder::v1::IngestRequest& request,
                                       const Context& context);

}  // namespace larder::serving

#endif  // LARDER_SERVING_INGEST_H_
