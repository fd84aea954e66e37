// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_REGISTRY_HANDLERS_H_
#define LARDER_SERVING_REGISTRY_HANDLERS_H_

#include "base/status.h"
#include "larder/v1/registry_service.pb.h"
#include "serving/context.h"

namespace larder::serving {

// RegistryService. Errors: as the proto says.
StatusOr<larder::v1::PlanResponse> Plan(const larder::v1::PlanRequest& request,
                                        const Context& context);
// Also loads the encoders that the definitions name, so that a broken one is refused here.
StatusOr<larder::v1::ApplyResponse> Apply(const larder::v1::ApplyRequest& request,
                                          const Context& context);
StatusOr<larder::v1::RollbackResponse> Rollback(const larder::v1::RollbackRequest& request,
                                                const Context& context);
StatusOr<larder::v1::RegistryServiceGetResponse> GetDefinition(
    const larder::v1::RegistryServiceGetRequest& request, const Context& context);
StatusOr<larder::v1::RegistryServiceListResponse> ListRevisions(
    const larder::v1::RegistryServiceListRequest& request, const Context& context);

}  // namespace larder::serving

#endif  // LARDER_SERVING_REGISTRY_HANDLERS_H_
