// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_RETRIEVE_H_
#define LARDER_SERVING_RETRIEVE_H_

#include "base/status.h"
#include "larder/v1/retrieval_service.pb.h"
#include "serving/context.h"

namespace larder::serving {

// RetrievalService.Retrieve: a recipe from channels to features, in one snapshot (S9).
// Errors: as the proto says; a channel's own failure is in the reply.
StatusOr<larder::v1::RetrieveResponse> Retrieve(const larder::v1::RetrieveRequest& request,
                                                const Context& context);

}  // namespace larder::serving

#endif  // LARDER_SERVING_RETRIEVE_H_
