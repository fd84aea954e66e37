// SPDX-License-Identifier: Apache-2.0
// Larder's engine for bench/ann/run.py: builds an index over the vectors of one .npy file, then
// searches for those of another, all queries in one call, one thread. bench/ann/engine.py has the
// peers' side of the same protocol.
//
//   bench_ann worker BASE.npy QUERIES.npy [--threads N] [--degree N] [--construction N]
//
// float32 files are a float space (cosine), int8 files the codes of an int8 one.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "ann/graph_base.h"
#include "ann/vector_index.h"
#include "base/bytes.h"
#include "base/fixed_point.h"
#include "bench/support/npy.h"
#include "bench/support/timing.h"

namespace larder::bench {
namespace {

struct Vectors {
  size_t rows = 0;
  ann::CodeShape shape{};
  std::vector<int8_t> codes;
  std::span<const int8_t> row(size_t i) const {
    return std::span(codes).subspan(i * shape.size(), shape.size());
  }
};

StatusOr<Vectors> ReadVectors(const std::string& path) {
  LARDER_ASSIGN_OR_RETURN(const NpyFile file, NpyFile::Open(path));
  Vectors vectors{.rows = file.rows(), .shape = {.dim = file.columns()}, .codes = {}};
  if (file.type() == "|i1") {
    const auto values = file.Values<int8_t>();
    vectors.codes.assign(values.begin(), values.end());
    return vectors;
  }
  if (file.type() != "<f4") {
    return InvalidArgument(path, ": type is ", file.type(), ", expected <f4 or |i1");
  }
  vectors.shape.has_low = true;
  vectors.codes.resize(vectors.rows * vectors.shape.size());
  const auto values = file.Values<float>();
  const size_t dim = vectors.shape.dim;
  for (size_t i = 0; i < vectors.rows; ++i) {
    const std::vector<int8_t> codes = ToFixedPoint(values.subspan(i * dim, dim));
    std::copy(codes.begin(), codes.end(), vectors.codes.begin() + i * codes.size());
  }
  return vectors;
}

std::string KeyOf(size_t i) {
  std::string digits = std::to_string(i);
  return std::string(8 - std::min<size_t>(8, digits.size()), '0') + digits;
}

struct Worker {
  ann::VectorIndex index;
  Vectors queries;
  Digest space;

  // Ids [queries, k], kNoId where there are fewer.
  StatusOr<std::vector<uint32_t>> Search(size_t k, size_t effort, double& seconds,
                                         size_t& distances) const {
    std::vector<ann::SearchRequest> requests(queries.rows);
    for (size_t i = 0; i < queries.rows; ++i) {
      requests[i] = {.query = queries.row(i), .space = space, .k = k, .effort = effort};
    }
    const Stopwatch watch;
    LARDER_ASSIGN_OR_RETURN(const auto results, index.SearchBatch(requests));
    seconds = watch.seconds();
    std::vector<uint32_t> ids(queries.rows * k, ann::kNoId);
    distances = 0;
    for (size_t i = 0; i < results.size(); ++i) {
      for (size_t j = 0; j < results[i].hits.size(); ++j) ids[i * k + j] = results[i].hits[j].id;
      distances += results[i].walked + results[i].scanned;
    }
    return ids;
  }
};

// "search K EFFORT OUT": all queries in one call.
Status AnswerSearch(const Worker& worker, std::istream& words) {
  size_t k = 0;
  size_t effort = 0;
  std::string out;
  if (!(words >> k >> effort >> out)) return InvalidArgument("usage: search K EFFORT OUT");
  double seconds = 0;
  size_t distances = 0;
  LARDER_ASSIGN_OR_RETURN(const auto ids, worker.Search(k, effort, seconds, distances));
  if (out != "-") {
    LARDER_RETURN_IF_ERROR(WriteNpy(out, "<i4", AsBytes(std::span<const uint32_t>(ids)),
                                    worker.queries.rows, k));
  }
  std::printf("{\"seconds\": %.6f, \"distances\": %zu}\n", seconds, distances);
  return OkStatus();
}

std::optional<ann::Plan> PlanOf(std::string_view name) {
  for (const ann::Plan plan : {ann::Plan::kSurvivors, ann::Plan::kSketches, ann::Plan::kGraph}) {
    if (ann::PlanName(plan) == name) return plan;
  }
  return std::nullopt;
}

// "filtered K EFFORT PLAN FILTERS.npy OUT": query i with the filter whose bits are row i, lowest
// first, one search after the other. PLAN is "chosen" or a plan's name.
Status AnswerFiltered(const Worker& worker, std::istream& words) {
  size_t k = 0;
  size_t effort = 0;
  std::string plan;
  std::string filters;
  std::string out;
  if (!(words >> k >> effort >> plan >> filters >> out)) {
    return InvalidArgument("usage: filtered K EFFORT PLAN FILTERS.npy OUT");
  }
  LARDER_ASSIGN_OR_RETURN(const NpyFile file, NpyFile::Open(filters));
  if (file.type() != "|u1" || file.rows() > worker.queries.rows) {
    return InvalidArgument(filters, ": expected bytes of at most ", worker.queries.rows, " rows");
  }
  const auto bytes = file.Values<uint8_t>();
  std::vector<uint32_t> ids(file.rows() * k, ann::kNoId);
  std::vector<double> latencies;
  std::map<std::string_view, size_t> plans;
  for (size_t i = 0; i < file.rows(); ++i) {
    ann::Bitmap filter(file.columns() * 8);
    for (uint32_t id = 0; id < filter.size(); ++id) {
      if ((bytes[i * file.columns() + id / 8] >> id % 8 & 1) != 0) filter.Set(id);
    }
    const ann::SearchRequest request{.query = worker.queries.row(i),
                                     .space = worker.space,
                                     .k = k,
                                     .effort = effort,
                                     .filter = &filter,
                                     .plan = PlanOf(plan)};
    const Stopwatch watch;
    LARDER_ASSIGN_OR_RETURN(const ann::SearchResult result, worker.index.Search(request));
    latencies.push_back(watch.us());
    ++plans[ann::PlanName(result.plan)];
    for (size_t j = 0; j < result.hits.size(); ++j) ids[i * k + j] = result.hits[j].id;
  }
  LARDER_RETURN_IF_ERROR(
      WriteNpy(out, "<i4", AsBytes(std::span<const uint32_t>(ids)), file.rows(), k));
  std::string names;
  for (const auto& [name, count] : plans) {
    names += Concat(names.empty() ? "" : " ", name, ":", count);
  }
  std::printf("{\"p50_us\": %.1f, \"p99_us\": %.1f, \"plans\": \"%s\"}\n",
              Percentile(latencies, 50), Percentile(latencies, 99), names.c_str());
  return OkStatus();
}

Status Serve(const Worker& worker) {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "quit") break;
    if (command == "search") {
      LARDER_RETURN_IF_ERROR(AnswerSearch(worker, words));
    } else if (command == "filtered") {
      LARDER_RETURN_IF_ERROR(AnswerFiltered(worker, words));
    } else {
      return InvalidArgument("unknown request: ", line);
    }
    std::fflush(stdout);
  }
  return OkStatus();
}

Status Run(int argc, char** argv) {
  if (argc < 4 || std::string_view(argv[1]) != "worker") {
    return InvalidArgument("usage: bench_ann worker BASE.npy QUERIES.npy [--threads N] "
                           "[--degree N] [--construction N]");
  }
  ann::GraphOptions options;
  options.threads = 2;
  for (int i = 4; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const auto value = static_cast<uint32_t>(std::stoul(argv[i + 1]));
    if (name == "--threads") {
      options.threads = value;
    } else if (name == "--degree") {
      options.degree = value;
    } else if (name == "--construction") {
      options.ef_construction = value;
    } else {
      return InvalidArgument("unknown option ", name);
    }
  }
  options.space = Sha256("bench");
  LARDER_ASSIGN_OR_RETURN(Vectors base, ReadVectors(argv[2]));
  LARDER_ASSIGN_OR_RETURN(Vectors queries, ReadVectors(argv[3]));
  options.shape = base.shape;
  std::vector<std::string> keys(base.rows);
  std::vector<uint32_t> ids(base.rows);
  for (size_t i = 0; i < base.rows; ++i) keys[i] = KeyOf(i);
  const Stopwatch watch;
  LARDER_ASSIGN_OR_RETURN(const auto graph, ann::BuildGraphBase(options, base.codes, keys));
  const double build_s = watch.seconds();
  Worker worker{.index = ann::VectorIndex({.shape = base.shape, .space = options.space}),
                .queries = std::move(queries),
                .space = options.space};
  for (size_t i = 0; i < base.rows; ++i) {
    LARDER_RETURN_IF_ERROR(worker.index.Upsert(static_cast<uint32_t>(i), base.row(i)));
  }
  for (size_t row = 0; row < base.rows; ++row) {
    ids[row] = static_cast<uint32_t>(std::stoul(std::string(graph->key(row))));
  }
  LARDER_RETURN_IF_ERROR(worker.index.InstallBase(graph, ids));
  base = {};
  std::printf("{\"ready\": true, \"engine\": \"larder\", \"version\": \"\", \"config\": "
              "\"degree %u, construction %u, kernel %s\", \"build_s\": %.3f, "
              "\"bytes_per_vector\": %.1f, \"effort_floor\": \"k\"}\n",
              options.degree, options.ef_construction,
              std::string(ann::BestKernel().name).c_str(), build_s,
              worker.index.GetStats().bytes_per_vector);
  std::fflush(stdout);
  return Serve(worker);
}

}  // namespace
}  // namespace larder::bench

int main(int argc, char** argv) {
  const larder::Status status = larder::bench::Run(argc, argv);
  if (status.ok()) return 0;
  std::fprintf(stderr, "bench_ann: %s\n", std::string(status.message()).c_str());
  return 1;
}
