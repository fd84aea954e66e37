// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BENCH_SUPPORT_DEFINITIONS_H_
#define LARDER_BENCH_SUPPORT_DEFINITIONS_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "larder/v1/registry_service.pb.h"

namespace larder::bench {

// A directory of definitions as it is sent.
struct Proposal {
  v1::ApplyRequest request;               // base_revision not set
  std::vector<std::string> encoder_dirs;  // of the artifacts that it names

  v1::PlanRequest ToPlanRequest() const;
  v1::ApplyRequest ToApplyRequest(uint64_t base_revision) const;
};

// Reads `dir`; `extra` is one more file unless it is empty.
// Errors: kInvalidArgument for an encoder that cannot be read; as cli::ReadDefinitions.
StatusOr<Proposal> ReadProposal(const std::string& dir, std::string_view extra);

}  // namespace larder::bench

#endif  // LARDER_BENCH_SUPPORT_DEFINITIONS_H_
