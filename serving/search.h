// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_SEARCH_H_
#define LARDER_SERVING_SEARCH_H_

#include "base/status.h"
#include "larder/v1/retrieval_service.pb.h"
#include "serving/context.h"

namespace larder::serving {

// RetrievalService.Search: the neighbours of a text, key or vector in one vector feature.
//
// The feature is the newest of its name that is active (S7.5), else the newest.
// Errors: as the proto says.
StatusOr<larder::v1::SearchResponse> Search(const larder::v1::SearchRequest& request,
                                            const Context& context);

}  // namespace larder::serving

#endif  // LARDER_SERVING_SEARCH_H_
