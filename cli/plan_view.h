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

// What is wrong with definitions that are not sent to a server, because a file is not UTF-8 or an
// encoder cannot be read, which only the client knows: the compiler's diagnostics. Empty if they
// can be sent.
std::vector<registry::Diagnostic> WhyUnsendable(const Definitions& definitions);

// Asks the server what `definitions` would change.
StatusOr<v1::PlanResponse> RequestPlan(const Client& client, const Definitions& definitions);
// Makes them the revision after `base`.
StatusOr<v1::ApplyResponse> RequestApply(const Client& client, const Definitions& definitions,
                                         uint64_t base, const std::string& author);

// What is wrong with definitions, as the server answered.
std::vector<registry::Diagnostic> DiagnosticsOf(const v1::PlanResponse& plan);
// Prints errors, as text or with the plan as JSON. Errors: always kInvalidArgument, counting them.
Status Refuse(Cli& cli, const std::string& dir,
              const std::vector<registry::Diagnostic>& diagnostics, const v1::PlanResponse& plan);

// The semantic diff, for people and machines.
void PrintPlan(std::ostream& out, const v1::PlanResponse& plan);
Json PlanToJson(const v1::PlanResponse& plan);

}  // namespace larder::cli

#endif  // LARDER_CLI_PLAN_VIEW_H_
