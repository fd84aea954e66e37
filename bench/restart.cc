// SPDX-License-Identifier: Apache-2.0
// How long `larder serve` takes on the quickstart's data from the start of the process to its
// first answer over gRPC: after a clean stop, and after kill -9 in the middle of an ingest.
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "bench/support/data.h"
#include "bench/support/driver.h"
#include "bench/support/ingest_client.h"
#include "bench/support/server_process.h"
#include "bench/support/timing.h"

namespace larder::bench {
namespace {

constexpr size_t kEventsBeforeKill = 100'000;

struct Starts {
  std::vector<double> seconds;
  std::vector<double> recovery;
  std::vector<double> replayed;

  void Add(const ServerProcess& server) {
    seconds.push_back(server.start_seconds());
    recovery.push_back(server.first_status().recovery_seconds());
    replayed.push_back(static_cast<double>(server.first_status().replayed_entries()));
  }
};

// New views of existing packages, with ids that no round has used.
std::vector<std::string> MakeViews(const std::vector<std::string>& packages, size_t round) {
  const std::string now = FormatTime(Clock::System().Now());
  std::vector<std::string> lines;
  for (size_t i = 0; i < kEventsBeforeKill; ++i) {
    lines.push_back(Concat(R"({"view_id":"bench-)", round, "-", i, R"(","viewed_at":")", now,
                           R"(","user_id":"bench)", i % 997, R"(","package":")",
                           packages[i * 31 % packages.size()],
                           R"(","session_id":"bench","dwell_s":1.5})"));
  }
  return lines;
}

void AddRow(std::string_view name, const Starts& starts, Report& report) {
  report.Add(name, {{"start_s", Median(starts.seconds)},
                    {"worst_s", Percentile(starts.seconds, 100)},
                    {"recovery_s", Median(starts.recovery)},
                    {"replayed_entries", Median(starts.replayed)}});
}

Status Run(const Options& options, Report& report) {
  LARDER_RETURN_IF_ERROR(RequireData(options.data, {kCatalogFile, kStoreDir}));
  LARDER_ASSIGN_OR_RETURN(const auto packages,
                          ReadKeys(JoinPath(options.data, kCatalogFile), "package"));
  LARDER_ASSIGN_OR_RETURN(const ScratchDir scratch, ScratchDir::Make());
  const std::string dir = scratch.File("data");
  LARDER_RETURN_IF_ERROR(CopyStore(JoinPath(options.data, kStoreDir), dir));

  Starts clean;
  for (size_t round = 0; round <= options.rounds; ++round) {
    LARDER_ASSIGN_OR_RETURN(const auto server, ServerProcess::Start(dir));
    // The first start finds what the copy left in the page cache, and perhaps work to do.
    if (round > 0) clean.Add(*server);
    LARDER_RETURN_IF_ERROR(server->WaitUntilIdle());
    LARDER_RETURN_IF_ERROR(server->Stop());
  }
  Starts killed;
  for (size_t round = 0; round < options.rounds; ++round) {
    const auto batches = MakeBatches("views", MakeViews(packages, round));
    {
      LARDER_ASSIGN_OR_RETURN(const auto server, ServerProcess::Start(dir));
      LARDER_RETURN_IF_ERROR(SendOverGrpc(server->channel(), batches).status());
      server->Kill();
    }
    LARDER_ASSIGN_OR_RETURN(const auto server, ServerProcess::Start(dir));
    killed.Add(*server);
    LARDER_RETURN_IF_ERROR(server->Stop());
  }
  AddRow("after a clean stop", clean, report);
  AddRow(Concat("after kill -9 behind ", kEventsBeforeKill, " new events"), killed, report);
  report.Note(Concat(options.data, ": files in the page cache; from the start of the process to ",
                     "its first answer; median of ", options.rounds, " starts"));
  return OkStatus();
}

}  // namespace
}  // namespace larder::bench

int main(int argc, char** argv) {
  return larder::bench::Drive("restart", argc, argv, larder::bench::Run);
}
