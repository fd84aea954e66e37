// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_RETRIEVE_ALL_H_
#define LARDER_SERVING_RETRIEVE_ALL_H_

#include <functional>

#include "base/status.h"
#include "larder/v1/retrieval_service.pb.h"
#include "serving/context.h"

namespace larder::serving {

// RetrievalService.RetrieveAll: calls `send` for every message, until it returns an error, which is
// returned.
//
// Works on as many threads as the machine has processors; each reads in snapshots of its own that
// last a few milliseconds, or one key if that takes longer, so that apply gets its turn.
// Errors: as the proto says.
// Cost: docs/benchmarks.md. Memory: about 50 bytes per key, and the results of 250 ms.
Status RetrieveAll(const larder::v1::RetrieveAllRequest& request, const Context& context,
                   const std::function<Status(const larder::v1::RetrieveAllResponse&)>& send);

}  // namespace larder::serving

#endif  // LARDER_SERVING_RETRIEVE_ALL_H_
