// SPDX-License-Identifier: Apache-2.0
// Larder's engine for bench/ann/run.py: builds an index over the vectors of one .npy file, then
// searches for those of another, all queries in one call, one thread. bench/ann/engine.py has the
// peers' side of the same protocol.
//
//   bench_ann worker BASE.npy QUERIES.npy [--threads N] [--degree N] [--construction N]
//
// float32 files are a float space (cosine), int8 files the codes of an int8 one. The index is in
// memory of the process, none of it mapped, so bytes_per_vector is the growth of that over reading
// and building, with what only those needed freed; own_bytes_per_vector is what the index says of
// itself (GetStats, as `status` shows it).
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ann/graph_base.h"
#include "ann/sketch.h"
#include "ann/vector_index.h"
#include "base/bytes.h"
#include "base/file_system.h"
#include "base/fixed_point.h"
#include "bench/support/data.h"
#include "bench/support/memory.h"
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

// The rows of a file from `begin`, at most `most`, as an index takes them.
StatusOr<Vectors> ToVectors(const NpyFile& file, size_t begin = 0, size_t most = SIZE_MAX) {
  const size_t dim = file.columns();
  Vectors vectors{.rows = std::min(most, file.rows() - begin), .shape = {.dim = dim}, .codes = {}};
  if (file.type() == "|i1") {
    const auto values = file.Values<int8_t>().subspan(begin * dim, vectors.rows * dim);
    vectors.codes.assign(values.begin(), values.end());
    return vectors;
  }
  if (file.type() != "<f4") {
    return InvalidArgument("vectors of type ", file.type(), ", expected <f4 or |i1");
  }
  vectors.shape.has_low = true;
  vectors.codes.resize(vectors.rows * vectors.shape.size());
  const auto values = file.Values<float>().subspan(begin * dim);
  for (size_t i = 0; i < vectors.rows; ++i) {
    const std::vector<int8_t> codes = ToFixedPoint(values.subspan(i * dim, dim));
    std::copy(codes.begin(), codes.end(), vectors.codes.begin() + i * codes.size());
  }
  return vectors;
}

StatusOr<Vectors> ReadVectors(const std::string& path, size_t most = SIZE_MAX) {
  LARDER_ASSIGN_OR_RETURN(const NpyFile file, NpyFile::Open(path));
  return ToVectors(file, 0, most);
}

std::string KeyOf(size_t i) {
  std::string digits = std::to_string(i);
  return std::string(8 - std::min<size_t>(8, digits.size()), '0') + digits;
}

struct Worker {
  ann::VectorIndex index;
  NpyFile queries;
  Digest space;

  // Ids [queries, k], kNoId where there are fewer. The time counts from the file's vectors on, as
  // the peers' does: what an index makes of a query first is part of the search.
  StatusOr<std::vector<uint32_t>> Search(size_t k, size_t effort, double& seconds,
                                         size_t& distances) const {
    const Stopwatch watch;
    LARDER_ASSIGN_OR_RETURN(const Vectors vectors, ToVectors(queries));
    std::vector<ann::SearchRequest> requests(vectors.rows);
    for (size_t i = 0; i < vectors.rows; ++i) {
      requests[i] = {.query = vectors.row(i), .space = space, .k = k, .effort = effort};
    }
    LARDER_ASSIGN_OR_RETURN(const auto results, index.SearchBatch(requests));
    seconds = watch.seconds();
    std::vector<uint32_t> ids(vectors.rows * k, ann::kNoId);
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
                                    worker.queries.rows(), k));
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
  if (file.type() != "|u1" || file.rows() > worker.queries.rows()) {
    return InvalidArgument(filters, ": expected bytes of at most ", worker.queries.rows(), " rows");
  }
  const auto bytes = file.Values<uint8_t>();
  std::vector<uint32_t> ids(file.rows() * k, ann::kNoId);
  std::vector<double> latencies;
  std::map<std::string_view, size_t> plans;
  size_t compared = 0;
  for (size_t i = 0; i < file.rows(); ++i) {
    ann::Bitmap filter(file.columns() * 8);
    for (uint32_t id = 0; id < filter.size(); ++id) {
      if ((bytes[i * file.columns() + id / 8] >> id % 8 & 1) != 0) filter.Set(id);
    }
    const Stopwatch watch;
    LARDER_ASSIGN_OR_RETURN(const Vectors query, ToVectors(worker.queries, i, 1));
    const ann::SearchRequest request{.query = query.row(0),
                                     .space = worker.space,
                                     .k = k,
                                     .effort = effort,
                                     .filter = &filter,
                                     .plan = PlanOf(plan)};
    LARDER_ASSIGN_OR_RETURN(const ann::SearchResult result, worker.index.Search(request));
    latencies.push_back(watch.us());
    ++plans[ann::PlanName(result.plan)];
    compared += result.walked + result.scanned;
    for (size_t j = 0; j < result.hits.size(); ++j) ids[i * k + j] = result.hits[j].id;
  }
  LARDER_RETURN_IF_ERROR(
      WriteNpy(out, "<i4", AsBytes(std::span<const uint32_t>(ids)), file.rows(), k));
  std::string names;
  for (const auto& [name, count] : plans) {
    names += Concat(names.empty() ? "" : " ", name, ":", count);
  }
  std::printf("{\"p50_us\": %.1f, \"p99_us\": %.1f, \"compared\": %.1f, \"plans\": \"%s\"}\n",
              Percentile(latencies, 50), Percentile(latencies, 99),
              static_cast<double>(compared) / static_cast<double>(file.rows()), names.c_str());
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

StatusOr<ann::GraphOptions> ParseOptions(int argc, char** argv) {
  if (argc < 4 || argc % 2 != 0 || std::string_view(argv[1]) != "worker") {
    return InvalidArgument("usage: bench_ann worker BASE.npy QUERIES.npy [--threads N] "
                           "[--degree N] [--construction N]");
  }
  ann::GraphOptions options{.space = Sha256("bench"), .threads = 2};
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
  return options;
}

std::vector<std::string> MakeKeys(size_t count) {
  std::vector<std::string> keys(count);
  for (size_t i = 0; i < count; ++i) keys[i] = KeyOf(i);
  return keys;
}

// The index over the file's vectors, all of them in the base's graph, and how long the graph's
// build took. Only the index is still in memory when it returns.
StatusOr<ann::VectorIndex> BuildIndex(const std::string& path, ann::GraphOptions options,
                                      double& build_s) {
  LARDER_ASSIGN_OR_RETURN(const Vectors base, ReadVectors(path));
  options.shape = base.shape;
  const std::vector<std::string> keys = MakeKeys(base.rows);
  const Stopwatch watch;
  LARDER_ASSIGN_OR_RETURN(const auto graph, ann::BuildGraphBase(options, base.codes, keys));
  build_s = watch.seconds();
  ann::VectorIndex index({.shape = base.shape, .space = options.space});
  for (size_t i = 0; i < base.rows; ++i) {
    LARDER_RETURN_IF_ERROR(index.Upsert(static_cast<uint32_t>(i), base.row(i)));
  }
  std::vector<uint32_t> ids(graph->row_count());
  for (size_t row = 0; row < ids.size(); ++row) {
    ids[row] = static_cast<uint32_t>(std::stoul(std::string(graph->key(row))));
  }
  LARDER_RETURN_IF_ERROR(index.InstallBase(graph, ids));
  return index;
}

// Few vectors, so that neither the time nor the memory of what a first build sets up counts; the
// peers do the same.
Status WarmUp(const std::string& path, ann::GraphOptions options) {
  LARDER_ASSIGN_OR_RETURN(const Vectors few, ReadVectors(path, 2'000));
  options.shape = few.shape;
  return ann::BuildGraphBase(options, few.codes, MakeKeys(few.rows)).status();
}

// How long the base's file takes to open, ready to be searched, with its pages in the cache.
StatusOr<double> OpenSeconds(const ann::GraphBase& base) {
  LARDER_ASSIGN_OR_RETURN(const ScratchDir scratch, ScratchDir::Make());
  LARDER_RETURN_IF_ERROR(base.Save(FileSystem::Posix(), scratch.File("base")));
  std::vector<double> seconds;
  for (int round = 0; round < 3; ++round) {
    const Stopwatch watch;
    LARDER_RETURN_IF_ERROR(ann::GraphBase::Open(scratch.File("base")).status());
    seconds.push_back(watch.seconds());
  }
  return Median(std::move(seconds));
}

// What a node of the graph takes: codes, sketch, links of level 0.
size_t RowBytes(const ann::CodeShape& shape, uint32_t degree) {
  return shape.size() + ann::SketchShape{.dim = shape.dim}.stride() +
         size_t{2} * degree * sizeof(uint32_t);
}

Status Run(int argc, char** argv) {
  LARDER_ASSIGN_OR_RETURN(const ann::GraphOptions options, ParseOptions(argc, argv));
  LARDER_RETURN_IF_ERROR(WarmUp(argv[2], options));
  LARDER_ASSIGN_OR_RETURN(const size_t before, AnonymousBytes());
  double build_s = 0;
  LARDER_ASSIGN_OR_RETURN(ann::VectorIndex index, BuildIndex(argv[2], options, build_s));
  LARDER_ASSIGN_OR_RETURN(const size_t after, AnonymousBytes());
  LARDER_ASSIGN_OR_RETURN(const double open_s, OpenSeconds(*index.base()));
  const ann::VectorIndex::Stats stats = index.GetStats();
  const double grown = static_cast<double>(after) - static_cast<double>(before);
  std::printf("{\"ready\": true, \"engine\": \"larder\", \"version\": \"\", \"config\": "
              "\"degree %u, construction %u, kernel %s\", \"build_s\": %.3f, "
              "\"bytes_per_vector\": %.1f, \"own_bytes_per_vector\": %.1f, \"row_bytes\": %zu, "
              "\"open_s\": %.3f, \"effort_floor\": \"k\", \"effort_limit\": %zu}\n",
              options.degree, options.ef_construction,
              std::string(ann::BestKernel().name).c_str(), build_s,
              grown / static_cast<double>(stats.size), stats.bytes_per_vector,
              RowBytes(index.shape(), options.degree), open_s, ann::kMaxEffort);
  std::fflush(stdout);
  LARDER_ASSIGN_OR_RETURN(NpyFile queries, NpyFile::Open(argv[3]));
  return Serve({.index = std::move(index), .queries = std::move(queries), .space = options.space});
}

}  // namespace
}  // namespace larder::bench

int main(int argc, char** argv) {
  const larder::Status status = larder::bench::Run(argc, argv);
  if (status.ok()) return 0;
  std::fprintf(stderr, "bench_ann: %s\n", std::string(status.message()).c_str());
  return 1;
}
