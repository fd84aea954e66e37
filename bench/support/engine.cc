// SPDX-License-Identifier: Apache-2.0
#include "bench/support/engine.h"

#include <chrono>
#include <thread>

#include "bench/support/definitions.h"
#include "serving/registry_handlers.h"

namespace larder::bench {
namespace {

constexpr std::chrono::seconds kCallTime{30};

}  // namespace

StatusOr<std::unique_ptr<Engine>> Engine::Open(const std::string& dir, bool build_indexes) {
  FileSystem& fs = FileSystem::Posix();
  std::unique_ptr<Engine> engine(new Engine());
  LARDER_RETURN_IF_ERROR(fs.MakeDirs(dir));
  LARDER_ASSIGN_OR_RETURN(engine->artifacts_, featurestore::ArtifactStore::Open(fs, dir));
  engine->encoders_.emplace(fs, *engine->artifacts_);
  featurestore::StoreOptions options;
  options.dir = dir;
  LARDER_ASSIGN_OR_RETURN(engine->store_,
                          featurestore::Store::Open(options, *engine->artifacts_,
                                                    *engine->encoders_, engine->indexes_));
  engine->live_recall_.emplace(*engine->store_, engine->indexes_, 0.0);
  engine->backend_.emplace(serving::Backend{*engine->store_, *engine->artifacts_,
                                            *engine->encoders_, engine->indexes_,
                                            engine->top_lists_, engine->key_hashes_,
                                            *engine->live_recall_});
  serving::JobsOptions jobs;
  if (!build_indexes) jobs.index_quiet = jobs.index_patience = std::chrono::hours(24);
  engine->jobs_.emplace(serving::Jobs::Parts{*engine->store_, *engine->artifacts_,
                                             *engine->encoders_, engine->indexes_},
                        jobs);
  return engine;
}

serving::Context Engine::context() {
  return {*backend_, std::chrono::steady_clock::now() + kCallTime};
}

Status Engine::Apply(const std::string& definitions, std::string_view extra) {
  LARDER_ASSIGN_OR_RETURN(const Proposal proposal, ReadProposal(definitions, extra));
  LARDER_ASSIGN_OR_RETURN(const v1::PlanResponse plan,
                          serving::Plan(proposal.ToPlanRequest(), context()));
  if (plan.diagnostics_size() > 0) return InvalidArgument(plan.diagnostics(0).message());
  if (plan.changes().empty()) return OkStatus();
  for (const std::string& dir : proposal.encoder_dirs) {
    LARDER_RETURN_IF_ERROR(
        featurestore::PutDirectory(*artifacts_, FileSystem::Posix(), dir).status());
  }
  return serving::Apply(proposal.ToApplyRequest(plan.base_revision()), context()).status();
}

Status Engine::WaitUntilIdle() {
  for (;;) {
    LARDER_ASSIGN_OR_RETURN(const bool idle, jobs_->Idle());
    // `synced` is an upper bound inside its entry, so entries are compared.
    const featurestore::StoreStats stats = store_->Stats();
    if (idle && stats.applied.entry() >= stats.synced.entry()) return OkStatus();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

}  // namespace larder::bench
