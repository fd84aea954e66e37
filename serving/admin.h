// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_ADMIN_H_
#define LARDER_SERVING_ADMIN_H_

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "larder/v1/admin_service.pb.h"
#include "serving/context.h"
#include "serving/jobs.h"
#include "serving/metrics.h"

namespace larder::serving {

inline constexpr const char* kVersion = "0.1.0";

// What is known of the process beside its store. Borrows `jobs`.
struct ServerFacts {
  std::string data_dir;
  TimeUs started_at = 0;
  std::chrono::steady_clock::time_point started;
  const Jobs& jobs;
};

// AdminService.Status. Errors: the store's.
StatusOr<larder::v1::StatusResponse> GetServerStatus(const larder::v1::StatusRequest& request,
                                                     const ServerFacts& facts,
                                                     const Context& context);

// AdminService.ActivateEpoch. Errors: as the service says; the store's.
StatusOr<larder::v1::ActivateEpochResponse> ActivateEpoch(
    const larder::v1::ActivateEpochRequest& request, const ServerFacts& facts,
    const Context& context);

// What /metrics shows beside the calls: docs/reference/metrics.md.
std::vector<Metrics::Gauge> CollectGauges(const ServerFacts& facts, const Context& context);

}  // namespace larder::serving

#endif  // LARDER_SERVING_ADMIN_H_
