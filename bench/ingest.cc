// SPDX-License-Identifier: Apache-2.0
// How fast rows with vectors and events go in: from the first batch sent until the last record is
// durable, and until it shows in reads. Each round fills an empty store with the quickstart's
// catalog, dependency edges and sessions.
#include <array>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/file_system.h"
#include "bench/support/data.h"
#include "bench/support/driver.h"
#include "bench/support/engine.h"
#include "bench/support/ingest_client.h"
#include "bench/support/server_process.h"
#include "bench/support/timing.h"

namespace larder::bench {
namespace {

struct Source {
  std::string_view name;
  std::string_view file;
  std::string_view what;
};
constexpr std::array<Source, 3> kSources = {{{"catalog", kCatalogFile, "rows with vectors"},
                                             {"depends", kEdgesFile, "events, 3 views"},
                                             {"views", kSessionsFile, "events, 3 views"}}};
// No index is built meanwhile: that is another benchmark (index).
const std::vector<std::string> kServerOptions = {"--index-quiet", "1h", "--index-patience", "24h"};

using Batches = std::vector<v1::IngestRequest>;
using Send = std::function<StatusOr<Ingested>(const Batches&)>;
using WaitFor = std::function<Status(uint64_t position)>;

// Of one source: all rounds.
struct Measured {
  uint64_t records = 0;
  std::vector<double> durable_s;
  std::vector<double> visible_s;
};
using Results = std::array<Measured, kSources.size()>;

// Errors: kInternal if a source does not hold exactly what was sent: then no number is true.
Status CheckApplied(std::string_view source, uint64_t applied, uint64_t duplicates,
                    const Results& results) {
  for (size_t i = 0; i < kSources.size(); ++i) {
    if (kSources[i].name != source) continue;
    if (applied == results[i].records && duplicates == 0) return OkStatus();
    return Internal(source, ": ", results[i].records, " records were acknowledged, ", applied,
                    " applied, ", duplicates, " of them seen before");
  }
  return OkStatus();
}

Status MeasureAll(const std::array<Batches, kSources.size()>& batches, const Send& send,
                  const WaitFor& wait, Results& results) {
  for (size_t i = 0; i < kSources.size(); ++i) {
    const Stopwatch watch;
    LARDER_ASSIGN_OR_RETURN(const Ingested sent, send(batches[i]));
    const double durable = watch.seconds();
    LARDER_RETURN_IF_ERROR(wait(sent.position));
    results[i].records = sent.records;
    results[i].durable_s.push_back(durable);
    results[i].visible_s.push_back(watch.seconds());
  }
  return OkStatus();
}

Status RoundInProcess(const std::string& dir, const std::string& definitions,
                      const std::array<Batches, kSources.size()>& batches, Results& results) {
  LARDER_ASSIGN_OR_RETURN(const auto engine, Engine::Open(dir, false));
  LARDER_RETURN_IF_ERROR(engine->Apply(definitions));
  const auto wait = [&](uint64_t position) {
    return engine->store()
        .Read({position}, Steady::now() + std::chrono::minutes(10))
        .status();
  };
  LARDER_RETURN_IF_ERROR(MeasureAll(
      batches, [&](const Batches& b) { return SendInProcess(*engine, b); }, wait, results));
  for (const featurestore::SourceStats& source : engine->store().Stats().sources) {
    LARDER_RETURN_IF_ERROR(
        CheckApplied(source.name, source.records, source.duplicates, results));
  }
  return OkStatus();
}

Status RoundOverGrpc(const std::string& dir, const std::string& definitions,
                     const std::array<Batches, kSources.size()>& batches, Results& results) {
  {
    LARDER_ASSIGN_OR_RETURN(const auto engine, Engine::Open(dir, false));
    LARDER_RETURN_IF_ERROR(engine->Apply(definitions));
  }
  LARDER_ASSIGN_OR_RETURN(const auto server, ServerProcess::Start(dir, kServerOptions));
  const auto wait = [&](uint64_t position) -> Status {
    for (;;) {
      LARDER_ASSIGN_OR_RETURN(const v1::StatusResponse status, server->GetStatus());
      if (status.applied().value() >= position) return OkStatus();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  };
  LARDER_RETURN_IF_ERROR(MeasureAll(
      batches, [&](const Batches& b) { return SendOverGrpc(server->channel(), b); }, wait,
      results));
  LARDER_ASSIGN_OR_RETURN(const v1::StatusResponse status, server->GetStatus());
  for (const v1::SourceStatus& source : status.sources()) {
    LARDER_RETURN_IF_ERROR(
        CheckApplied(source.name(), source.records(), source.duplicates(), results));
  }
  return server->Stop();
}

void AddRows(std::string_view how, const Results& results, Report& report) {
  for (size_t i = 0; i < kSources.size(); ++i) {
    const auto records = static_cast<double>(results[i].records);
    const double durable = Median(results[i].durable_s);
    const double visible = Median(results[i].visible_s);
    report.Add(Concat(kSources[i].name, " (", kSources[i].what, "), ", how),
               {{"records", records},
                {"durable_s", durable},
                {"visible_s", visible},
                {"durable_per_s", records / durable},
                {"visible_per_s", records / visible}});
  }
}

Status Run(const Options& options, Report& report) {
  LARDER_RETURN_IF_ERROR(
      RequireData(options.data, {kCatalogFile, kEdgesFile, kSessionsFile, kEncoder}));
  const std::string definitions = JoinPath(options.data, kDefinitions);
  std::array<Batches, kSources.size()> batches;
  for (size_t i = 0; i < kSources.size(); ++i) {
    LARDER_ASSIGN_OR_RETURN(const auto lines, ReadLines(JoinPath(options.data, kSources[i].file)));
    batches[i] = MakeBatches(kSources[i].name, lines);
  }
  Results in_process;
  Results over_grpc;
  for (size_t round = 0; round < options.rounds; ++round) {
    Progress(Concat("round ", round + 1, " of ", options.rounds));
    LARDER_ASSIGN_OR_RETURN(const ScratchDir scratch, ScratchDir::Make());
    LARDER_RETURN_IF_ERROR(
        RoundInProcess(scratch.File("in-process"), definitions, batches, in_process));
    LARDER_RETURN_IF_ERROR(RoundOverGrpc(scratch.File("grpc"), definitions, batches, over_grpc));
  }
  AddRows("in process", in_process, report);
  AddRows("gRPC", over_grpc, report);
  report.Note(Concat(options.data, ": batches of ", kBatchRecords, " records, ", kBatchesInFlight,
                     " in flight; gRPC: one stream to a `larder serve` on the same machine; every ",
                     "batch is synced to disk before it is acknowledged; median of ",
                     options.rounds, " rounds, each into an empty store"));
  return OkStatus();
}

}  // namespace
}  // namespace larder::bench

int main(int argc, char** argv) {
  return larder::bench::Drive("ingest", argc, argv, larder::bench::Run);
}
