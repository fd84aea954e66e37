// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_PLAN_VIEW_H_
#define LARDER_CLI_PLAN_VIEW_H_

#include <iosfwd>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/definitions.h"
#include "cli/json.h"
#include "larder/v1/registry_service.pb.h"

namespace larder::cli {

// "DIR/file.yaml:41:5: message", one per line.
void PrintDiagnostics(std::ostream& out, const std::string& dir,
                      const std::vector<registry::Diagnostic>& diagnostics);
Json DiagnosticsToJson(const std::vector<registry::Diagnostic>& diagnostics);
std::vector<registry::Diagnostic> FromProto(
    const google::protobuf::RepeatedPtrField<v1::Diagnostic>& diagnostics);

// Asks the server what `definitions` would change.
StatusOr<v1::PlanResponse> RequestPlan(const Client& client, const Definitions& definitions);

// The semantic diff, for people and machines.
void PrintPlan(std::ostream& out, const v1::PlanResponse& plan);
Json PlanToJson(const v1::PlanResponse& plan);

}  // namespace larder::cli

#endif  // LARDER_CLI_PLAN_VIEW_H_
