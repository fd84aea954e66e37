// SPDX-License-Identifier: Apache-2.0
#include "bench/support/definitions.h"

#include "base/file_system.h"
#include "cli/definitions.h"

namespace larder::bench {

v1::PlanRequest Proposal::ToPlanRequest() const {
  v1::PlanRequest plan;
  *plan.mutable_files() = request.files();
  *plan.mutable_encoders() = request.encoders();
  return plan;
}

v1::ApplyRequest Proposal::ToApplyRequest(uint64_t base_revision) const {
  v1::ApplyRequest apply = request;
  apply.set_base_revision(base_revision);
  apply.set_author("bench");
  return apply;
}

StatusOr<Proposal> ReadProposal(const std::string& dir, std::string_view extra) {
  LARDER_ASSIGN_OR_RETURN(cli::Definitions definitions,
                          cli::ReadDefinitions(FileSystem::Posix(), dir));
  if (!definitions.unreadable.empty()) {
    const auto& [path, reason] = *definitions.unreadable.begin();
    return InvalidArgument(path, ": ", reason);
  }
  if (!extra.empty()) definitions.files.push_back({"bench.yaml", std::string(extra)});
  Proposal proposal;
  for (const registry::DefinitionFile& file : definitions.files) {
    v1::DefinitionFile* sent = proposal.request.add_files();
    sent->set_path(file.path);
    sent->set_text(file.text);
  }
  for (const registry::EncoderFacts& facts : definitions.encoders) {
    v1::EncoderFacts* sent = proposal.request.add_encoders();
    sent->set_path(facts.path);
    sent->set_digest(facts.digest.Hex());
    sent->set_dimensions(facts.dimensions);
    proposal.encoder_dirs.push_back(definitions.EncoderDir(facts));
  }
  return proposal;
}

}  // namespace larder::bench
