// SPDX-License-Identifier: Apache-2.0
// `larder retrieve --all` over a whole catalog of external vectors, those of --data FILE.npy: items
// per second, client and file included, with the recall of a sample against the exact scan. Also
// how fast a recipe of several channels and a condition is gone through.
#include <algorithm>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "bench/support/data.h"
#include "bench/support/definitions.h"
#include "bench/support/driver.h"
#include "bench/support/ingest_client.h"
#include "bench/support/npy.h"
#include "bench/support/server_process.h"
#include "bench/support/timing.h"
#include "cli/cli.h"
#include "larder/v1/registry_service.grpc.pb.h"
#include "larder/v1/retrieval_service.grpc.pb.h"

namespace larder::bench {
namespace {

constexpr size_t kK = 20;  // as in the recipes
constexpr size_t kSample = 500;
constexpr size_t kLinesAtOnce = 4 * kBatchRecords;
constexpr uint64_t kSeed = 1;
constexpr double kFullSeconds = 10;
constexpr int kShelves = 20;

// What is measured: efforts (0: the default) and files.
constexpr std::pair<size_t, std::string_view> kRuns[] = {
    {0, "out.jsonl"}, {0, "out.jsonl.zst"}, {160, "out.jsonl"}};

constexpr std::string_view kDefinitions = R"(# SPDX-License-Identifier: Apache-2.0
entity: item
key: item_id
---
table: catalog
of: item
time: updated_at
columns: {shelf: string, rank: double, vec: vector<given>}
---
request: page
keys: {seed: item}
---
retrieval: near
for: page
candidate: item
channels:
  near: {near: catalog.vec, to: seed.catalog.vec, take: 20}
exclude: [seed]
score: rrf(near)
limit: 20
---
retrieval: full
for: page
candidate: item
channels:
  near: {near: catalog.vec, to: seed.catalog.vec, take: 100}
  top: {top: catalog.rank, take: 50}
  explore: {sample: 5}
where: candidate.catalog.shelf == seed.catalog.shelf
exclude: [seed]
score: rrf(near, top)
limit: 20
---
encoder: given
external: )";

std::string KeyOf(size_t row) { return Concat("i", row); }

std::string LineOf(const NpyFile& vectors, size_t row) {
  std::string line =
      Concat(R"({"item_id":")", KeyOf(row), R"(","updated_at":"2024-01-01T00:00:00Z","shelf":")",
             row % kShelves, R"(","rank":)", row * 7'919 % 100'003, R"(,"vec":[)");
  const auto values = vectors.Values<float>().subspan(row * vectors.columns(), vectors.columns());
  for (size_t d = 0; d < values.size(); ++d) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, values[d]).ptr;
    if (d > 0) line += ',';
    line.append(text, end);
  }
  return line + "]}";
}

Status Fill(const NpyFile& vectors, const ServerProcess& server) {
  for (size_t begin = 0; begin < vectors.rows(); begin += kLinesAtOnce) {
    std::vector<std::string> lines;
    for (size_t row = begin; row < std::min(begin + kLinesAtOnce, vectors.rows()); ++row) {
      lines.push_back(LineOf(vectors, row));
    }
    LARDER_RETURN_IF_ERROR(
        SendOverGrpc(server.channel(), MakeBatches("catalog", lines)).status());
  }
  return server.WaitUntilIdle();
}

// Runs the command; what it says of itself with --json. `effort` 0: the default.
StatusOr<nlohmann::json> RunCommand(const ServerProcess& server, const std::string& out,
                                    size_t effort) {
  std::vector<std::string> arguments{"retrieve", "near",           "--all",         "--out", out,
                                     "--server", server.address(), "--json"};
  if (effort > 0) arguments.insert(arguments.end(), {"--effort", std::to_string(effort)});
  std::ostringstream output;
  std::ostringstream errors;
  if (cli::RunCli(arguments, {output, errors}) != cli::kExitOk) {
    return Internal("larder retrieve --all: ", errors.str());
  }
  return nlohmann::json::parse(output.str());
}

using Neighbours = std::unordered_map<std::string, std::vector<std::string>>;

StatusOr<Neighbours> ReadLines(const std::string& path, const std::set<std::string>& keys) {
  Neighbours found;
  std::ifstream file(path);
  for (std::string text; std::getline(file, text);) {
    const auto line = nlohmann::json::parse(text);
    const std::string key = line.at("key");
    if (keys.contains(key)) found[key] = line.at("ids").get<std::vector<std::string>>();
  }
  return found;
}

// Of the kK nearest of each sampled key, the share that its line has; ties count against it.
StatusOr<double> MeasureRecall(const ServerProcess& server, const std::string& path, size_t rows) {
  std::mt19937_64 random(kSeed);
  std::set<std::string> keys;
  while (keys.size() < std::min(kSample, rows)) keys.insert(KeyOf(random() % rows));
  LARDER_ASSIGN_OR_RETURN(const Neighbours found, ReadLines(path, keys));
  const auto stub = v1::RetrievalService::NewStub(server.channel());
  size_t wanted = 0;
  size_t hits = 0;
  for (const std::string& key : keys) {
    grpc::ClientContext context;
    v1::SearchRequest request;
    request.set_feature("catalog.vec");
    request.set_key(key);
    request.set_k(kK);
    request.set_exact(true);
    v1::SearchResponse reply;
    const Status status = FromGrpc(stub->Search(&context, request, &reply));
    if (status.code() == StatusCode::kFailedPrecondition) continue;  // a zero vector
    LARDER_RETURN_IF_ERROR(status);
    const auto line = found.find(key);
    if (line == found.end()) return Internal(path, " has no line of ", key);
    const std::set<std::string> ids(line->second.begin(), line->second.end());
    const std::string& bytes = reply.ids().values();
    const auto* ends = reinterpret_cast<const int32_t*>(reply.ids().offsets().data());
    for (size_t i = 0; i < reply.ids().rows(); ++i) {
      const auto begin = static_cast<size_t>(ends[i]);
      ++wanted;
      hits += ids.count(bytes.substr(begin, static_cast<size_t>(ends[i + 1]) - begin));
    }
  }
  return static_cast<double>(hits) / static_cast<double>(wanted);
}

// Results per second of the first kFullSeconds.
StatusOr<double> MeasureFull(const ServerProcess& server) {
  const auto stub = v1::RetrievalService::NewStub(server.channel());
  grpc::ClientContext context;
  v1::RetrieveAllRequest request;
  request.set_recipe("full");
  const auto stream = stub->RetrieveAll(&context, request);
  const Stopwatch watch;
  size_t results = 0;
  double seconds = 0;
  v1::RetrieveAllResponse part;
  while (stream->Read(&part)) {
    results += static_cast<size_t>(part.results().results_size());
    seconds = watch.seconds();
    if (seconds > kFullSeconds) context.TryCancel();
  }
  const Status status = FromGrpc(stream->Finish());
  if (!status.ok() && status.code() != StatusCode::kCancelled) return status;
  return static_cast<double>(results) / seconds;
}

Status AddRun(const ServerProcess& server, const std::string& out, size_t effort, size_t rows,
              const Options& options, Report& report) {
  std::string name = "one near channel";
  if (effort > 0) name += Concat(", effort ", effort);
  if (out.ends_with(".zst")) name += ", .zst";
  Progress(name);
  std::vector<std::pair<double, double>> rounds;  // rate and seconds
  for (size_t i = 0; i < options.rounds; ++i) {
    LARDER_ASSIGN_OR_RETURN(const auto summary, RunCommand(server, out, effort));
    if (summary.at("items") != rows) return Internal("items are missing");
    rounds.emplace_back(summary.at("per_second"), summary.at("seconds"));
  }
  std::sort(rounds.begin(), rounds.end());
  const auto& [rate, seconds] = rounds[rounds.size() / 2];
  Report::Fields fields{{"items_per_s", rate}, {"seconds", seconds}};
  if (!out.ends_with(".zst")) {
    LARDER_ASSIGN_OR_RETURN(const double recall, MeasureRecall(server, out, rows));
    fields.emplace_back("recall_at_20", recall);
  }
  report.Add(name, std::move(fields));
  return OkStatus();
}

Status Apply(const ServerProcess& server, size_t dimensions) {
  v1::ApplyRequest request;
  request.add_files()->set_path("bench.yaml");
  request.mutable_files(0)->set_text(Concat(kDefinitions, dimensions, "\n"));
  grpc::ClientContext context;
  v1::ApplyResponse reply;
  return FromGrpc(
      v1::RegistryService::NewStub(server.channel())->Apply(&context, request, &reply));
}

Status Run(const Options& options, Report& report) {
  if (!options.data.ends_with(".npy")) {
    return FailedPrecondition("--data: expected the vectors' .npy file, such as A-base.npy in the "
                              "folder that `bench/ann/vectors.py A` prints, got ", options.data);
  }
  LARDER_ASSIGN_OR_RETURN(const NpyFile vectors, NpyFile::Open(options.data));
  if (vectors.type() != "<f4") {
    return InvalidArgument(options.data, ": type is ", vectors.type(), ", expected <f4");
  }
  LARDER_ASSIGN_OR_RETURN(const ScratchDir scratch, ScratchDir::Make());
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  LARDER_ASSIGN_OR_RETURN(
      const auto server,
      ServerProcess::Start(scratch.File("data"), {"--index-threads", std::to_string(cores)}));
  LARDER_RETURN_IF_ERROR(Apply(*server, vectors.columns()));
  Progress(Concat("sending ", vectors.rows(), " vectors and building their index"));
  LARDER_RETURN_IF_ERROR(Fill(vectors, *server));

  for (const auto& [effort, file] : kRuns) {
    LARDER_RETURN_IF_ERROR(
        AddRun(*server, scratch.File(file), effort, vectors.rows(), options, report));
  }
  Progress("near, top and sample channels with a condition");
  LARDER_ASSIGN_OR_RETURN(const double full, MeasureFull(*server));
  report.Add("near, top and sample channels, a condition", {{"items_per_s", full}});
  report.Note(Concat(options.data, ": ", vectors.rows(), " external vectors of ", vectors.columns(),
                     " dimensions; 20 results each, self excluded; recall of ",
                     std::min(kSample, vectors.rows()), " of them against the exact scan; server ",
                     "and client on the same machine; median of ", options.rounds,
                     " rounds; the last row: the first ", kFullSeconds, " s"));
  return server->Stop();
}

}  // namespace
}  // namespace larder::bench

int main(int argc, char** argv) {
  return larder::bench::Drive("retrieve_all", argc, argv, larder::bench::Run);
}
