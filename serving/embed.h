// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_EMBED_H_
#define LARDER_SERVING_EMBED_H_

#include "base/status.h"
#include "larder/v1/text_service.pb.h"
#include "serving/context.h"

namespace larder::serving {

// TextService.Embed. Errors: as the proto says.
StatusOr<larder::v1::EmbedResponse> Embed(const larder::v1::EmbedRequest& request,
                                          const Context& context);

}  // namespace larder::serving

#endif  // LARDER_SERVING_EMBED_H_
