// SPDX-License-Identifier: Apache-2.0
// Reads as a ranking service makes them, on the quickstart's data: GetFeatures of one user and
// 1,000 candidates, and Retrieve of 100 candidates with features. In process, where handlers are
// plain functions, and over gRPC to `larder serve` on the same machine: a closed loop of one
// client, and an open loop at a fixed rate.
#include <chrono>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "bench/support/data.h"
#include "bench/support/driver.h"
#include "bench/support/engine.h"
#include "bench/support/load.h"
#include "bench/support/server_process.h"
#include "larder/v1/feature_service.grpc.pb.h"
#include "larder/v1/retrieval_service.grpc.pb.h"
#include "serving/features.h"
#include "serving/retrieve.h"

namespace larder::bench {
namespace {

constexpr size_t kRequests = 256;  // different ones, made before anything is measured
constexpr size_t kCandidates = 1'000;
constexpr size_t kCalls = 500;  // of a round
constexpr size_t kWarmUp = 50;
constexpr size_t kOpenClients = 8;
constexpr uint64_t kSeed = 1;

// packages_for_user of the example with 100 results instead of 50, without its `where` and its
// `explore`: the filter is measured by itself, on the example's own recipe.
constexpr char kRecipe[] = R"(# SPDX-License-Identifier: Apache-2.0
retrieval: bench_hundred
for: page
candidate: package
channels:
  taste:
    near: facts.vec
    to: mean(gather(user.browsing.recent, facts.vec))
    take: 200
  here: {near: facts.vec, to: seed.facts.vec, take: 100}
  hot: {top: popularity.views_7d, take: 100}
exclude: [seed, user.browsing.recent]
score: rrf(taste, here, hot)
limit: 100
return: package_ranker
)";

struct Requests {
  std::vector<v1::GetFeaturesRequest> features;
  std::vector<v1::RetrieveRequest> hundred;   // bench_hundred
  std::vector<v1::RetrieveRequest> filtered;  // packages_for_user with a section
};

StatusOr<Requests> MakeRequests(const std::string& data) {
  LARDER_ASSIGN_OR_RETURN(const auto packages, ReadKeys(JoinPath(data, kCatalogFile), "package"));
  LARDER_ASSIGN_OR_RETURN(const auto sections, ReadField(JoinPath(data, kCatalogFile), "section"));
  LARDER_ASSIGN_OR_RETURN(const auto users, ReadKeys(JoinPath(data, kSessionsFile), "user_id"));
  std::mt19937_64 random(kSeed);
  Requests requests;
  for (size_t i = 0; i < kRequests; ++i) {
    const size_t seed = random() % packages.size();
    const std::string& user = users[random() % users.size()];
    v1::GetFeaturesRequest& features = requests.features.emplace_back();
    features.set_set("package_ranker");
    (*features.mutable_keys())["user"] = user;
    (*features.mutable_keys())["seed"] = packages[seed];
    (*features.mutable_request())["hour"].set_int64_value(static_cast<int64_t>(i % 24));
    for (size_t c = 0; c < kCandidates; ++c) {
      features.add_candidates(packages[random() % packages.size()]);
    }
    v1::RetrieveRequest& hundred = requests.hundred.emplace_back();
    hundred.set_recipe("bench_hundred");
    *hundred.mutable_keys() = features.keys();
    *hundred.mutable_request() = features.request();
    v1::RetrieveRequest& filtered = requests.filtered.emplace_back(hundred);
    filtered.set_recipe("packages_for_user");
    (*filtered.mutable_request())["section"].set_text(sections[seed].value_or("utils"));
  }
  return requests;
}

// One kind of call.
struct Workload {
  std::string name;
  Call call;
};

// Shapes of the replies, so that a table says what was measured.
struct Shapes {
  double feature_columns = 0;
  double hundred_rows = 0;
  double filtered_rows = 0;
};

Status Closed(const std::vector<Workload>& workloads, std::string_view how,
              const Options& options, Report& report) {
  for (const Workload& workload : workloads) {
    const std::string name = Concat(workload.name, ", ", how);
    if (!options.Wants(name)) continue;
    Progress(name);
    LARDER_RETURN_IF_ERROR(ClosedLoop(kWarmUp, workload.call).status());
    std::vector<Round> done;
    for (size_t i = 0; i < options.rounds; ++i) {
      LARDER_ASSIGN_OR_RETURN(const Round round, ClosedLoop(kCalls, workload.call));
      done.push_back(round);
    }
    report.AddRound(name, {}, MedianRound(done));
  }
  return OkStatus();
}

Status Open(const std::vector<Workload>& workloads, const Options& options, Report& report) {
  for (const Workload& workload : workloads) {
    const std::string name =
        Concat(workload.name, ", gRPC, open loop at ", options.rate, "/s");
    if (!options.Wants(name)) continue;
    Progress(name);
    std::vector<Round> done;
    for (size_t i = 0; i < options.rounds; ++i) {
      LARDER_ASSIGN_OR_RETURN(const Round round,
                              OpenLoop(kCalls, options.rate, kOpenClients, workload.call));
      done.push_back(round);
    }
    report.AddRound(name, {}, MedianRound(done));
  }
  return OkStatus();
}

std::vector<Workload> InProcess(Engine& engine, const Requests& requests) {
  const auto retrieve = [&engine](const std::vector<v1::RetrieveRequest>& list) {
    return [&engine, &list](size_t i) {
      return serving::Retrieve(list[i % list.size()], engine.context()).status();
    };
  };
  return {{"GetFeatures 1 + 1,000", [&](size_t i) {
             return serving::GetFeatures(requests.features[i % kRequests], engine.context())
                 .status();
           }},
          {"Retrieve 100", retrieve(requests.hundred)},
          {"Retrieve 50 of a section", retrieve(requests.filtered)}};
}

std::vector<Workload> OverGrpc(v1::FeatureService::Stub& features,
                               v1::RetrievalService::Stub& retrieval, const Requests& requests) {
  const auto retrieve = [&retrieval](const std::vector<v1::RetrieveRequest>& list) {
    return [&retrieval, &list](size_t i) {
      grpc::ClientContext context;
      v1::RetrieveResponse response;
      return FromGrpc(retrieval.Retrieve(&context, list[i % list.size()], &response));
    };
  };
  return {{"GetFeatures 1 + 1,000", [&](size_t i) {
             grpc::ClientContext context;
             v1::GetFeaturesResponse response;
             return FromGrpc(
                 features.GetFeatures(&context, requests.features[i % kRequests], &response));
           }},
          {"Retrieve 100", retrieve(requests.hundred)},
          {"Retrieve 50 of a section", retrieve(requests.filtered)}};
}

// How many columns and rows come back; on average where they differ.
StatusOr<Shapes> MeasureShapes(Engine& engine, const Requests& requests) {
  Shapes shapes;
  LARDER_ASSIGN_OR_RETURN(const auto features,
                          serving::GetFeatures(requests.features[0], engine.context()));
  shapes.feature_columns = features.columns_size();
  const auto mean_rows = [&](const auto& list) -> StatusOr<double> {
    double rows = 0;
    for (const v1::RetrieveRequest& request : list) {
      LARDER_ASSIGN_OR_RETURN(const auto reply, serving::Retrieve(request, engine.context()));
      rows += static_cast<double>(reply.ids().rows());
    }
    return rows / static_cast<double>(list.size());
  };
  LARDER_ASSIGN_OR_RETURN(shapes.hundred_rows, mean_rows(requests.hundred));
  LARDER_ASSIGN_OR_RETURN(shapes.filtered_rows, mean_rows(requests.filtered));
  return shapes;
}

Status Run(const Options& options, Report& report) {
  LARDER_RETURN_IF_ERROR(
      RequireData(options.data, {kCatalogFile, kSessionsFile, kEncoder, kStoreDir}));
  LARDER_ASSIGN_OR_RETURN(const Requests requests, MakeRequests(options.data));
  LARDER_ASSIGN_OR_RETURN(const ScratchDir scratch, ScratchDir::Make());
  const std::string dir = scratch.File("data");
  LARDER_RETURN_IF_ERROR(CopyStore(JoinPath(options.data, kStoreDir), dir));

  Shapes shapes;
  {
    LARDER_ASSIGN_OR_RETURN(const auto engine, Engine::Open(dir));
    LARDER_RETURN_IF_ERROR(engine->Apply(JoinPath(options.data, kDefinitions), kRecipe));
    LARDER_RETURN_IF_ERROR(engine->WaitUntilIdle());
    LARDER_ASSIGN_OR_RETURN(shapes, MeasureShapes(*engine, requests));
    LARDER_RETURN_IF_ERROR(Closed(InProcess(*engine, requests), "in process, closed loop",
                                  options, report));
  }
  LARDER_ASSIGN_OR_RETURN(const auto server, ServerProcess::Start(dir));
  LARDER_RETURN_IF_ERROR(server->WaitUntilIdle());
  const auto features = v1::FeatureService::NewStub(server->channel());
  const auto retrieval = v1::RetrievalService::NewStub(server->channel());
  const auto workloads = OverGrpc(*features, *retrieval, requests);
  LARDER_RETURN_IF_ERROR(Closed(workloads, "gRPC, closed loop", options, report));
  LARDER_RETURN_IF_ERROR(Open(workloads, options, report));
  report.Note(Concat(options.data, ": GetFeatures of package_ranker, ", shapes.feature_columns,
                     " columns; Retrieve 100 with these columns gives ", shapes.hundred_rows,
                     " candidates on average, 50 of a section (packages_for_user) ",
                     shapes.filtered_rows, "; ", kRequests, " different requests, ", kCalls,
                     " calls a round, median of ", options.rounds, " rounds"));
  report.Note(Concat("gRPC: larder serve and clients on the same machine; closed loop: 1 client; ",
                     "open loop: ", kOpenClients, " clients, latency from when a call was due"));
  return server->Stop();
}

}  // namespace
}  // namespace larder::bench

int main(int argc, char** argv) {
  return larder::bench::Drive("serving", argc, argv, larder::bench::Run);
}
