// SPDX-License-Identifier: Apache-2.0
// Building and searching the index of the quickstart's catalog, and how much of the exact answer
// it finds. With --vectors FILE it writes the vectors for the peers (bench/index/run.py) and ends.
#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ann/graph_base.h"
#include "ann/recall.h"
#include "ann/vector_index.h"
#include "base/bytes.h"
#include "base/file_system.h"
#include "bench/support/data.h"
#include "bench/support/driver.h"
#include "bench/support/npy.h"
#include "bench/support/timing.h"
#include "text/document.h"
#include "text/encoder.h"

namespace larder::bench {
namespace {

constexpr size_t kQueries = 1'000;
constexpr size_t kK = 10;
constexpr uint64_t kSeed = 1;

struct Vectors {
  std::vector<std::string> keys;
  std::vector<int8_t> values;  // [keys, dim]
  size_t dim = 0;
  Digest space{};

  std::span<const int8_t> row(size_t i) const { return std::span(values).subspan(i * dim, dim); }
};

// The vectors of `facts.vec`: the title and the content of each package. Zero vectors, which have
// no neighbours, are left out.
StatusOr<Vectors> EncodeCatalog(const std::string& data) {
  const std::string catalog = JoinPath(data, kCatalogFile);
  LARDER_ASSIGN_OR_RETURN(const auto encoder,
                          text::OpenEncoder(FileSystem::Posix(), JoinPath(data, kEncoder)));
  LARDER_ASSIGN_OR_RETURN(const auto keys, ReadKeys(catalog, "package"));
  LARDER_ASSIGN_OR_RETURN(const auto titles, ReadField(catalog, "title"));
  LARDER_ASSIGN_OR_RETURN(const auto contents, ReadField(catalog, "content"));
  Vectors vectors;
  vectors.dim = static_cast<size_t>(encoder->dimensions());
  vectors.space = encoder->digest();
  std::vector<int8_t> out(vectors.dim);
  for (size_t i = 0; i < keys.size(); ++i) {
    const std::optional<std::string_view> fields[] = {titles[i], contents[i]};
    const std::string text = text::JoinFields(fields);
    const std::string_view view = text;
    LARDER_RETURN_IF_ERROR(encoder->Encode(std::span(&view, 1), out));
    if (ann::IsZero(out)) continue;
    vectors.keys.push_back(keys[i]);
    vectors.values.insert(vectors.values.end(), out.begin(), out.end());
  }
  if (vectors.keys.empty()) return InvalidArgument(catalog, ": no text has a vector");
  return vectors;
}

StatusOr<ann::VectorIndex> FillIndex(const Vectors& vectors) {
  ann::VectorIndex index({.shape = {.dim = vectors.dim}, .space = vectors.space});
  for (size_t i = 0; i < vectors.keys.size(); ++i) {
    LARDER_RETURN_IF_ERROR(index.Upsert(static_cast<uint32_t>(i), vectors.row(i)));
  }
  return index;
}

StatusOr<std::shared_ptr<const ann::GraphBase>> MeasureBuild(const Vectors& vectors,
                                                             uint32_t threads, Report& report) {
  Progress(Concat("building over ", vectors.keys.size(), " vectors, threads: ", threads));
  const Stopwatch watch;
  LARDER_ASSIGN_OR_RETURN(
      auto base,
      ann::BuildGraphBase({.shape = {.dim = vectors.dim},
                           .space = vectors.space,
                           .threads = threads},
                          vectors.values, vectors.keys));
  const double seconds = watch.seconds();
  const auto count = static_cast<double>(vectors.keys.size());
  report.Add(Concat("larder build, ", threads, " thread", threads == 1 ? "" : "s"),
             {{"build_s", seconds},
              {"vectors_per_s", count / seconds},
              {"bytes_per_vector", static_cast<double>(base->size_bytes()) / count}});
  return base;
}

// One search after the other, each for the neighbours of a stored vector without itself.
StatusOr<Round> MeasureSearches(const ann::VectorIndex& index, bool exact, size_t queries) {
  std::mt19937_64 random(kSeed);
  std::vector<double> latencies;
  const std::vector<uint32_t> ids = index.Ids();
  const Stopwatch all;
  for (size_t i = 0; i < queries; ++i) {
    const uint32_t id = ids[random() % ids.size()];
    const Stopwatch watch;
    LARDER_RETURN_IF_ERROR(index.Search({.query = index.Find(id).high,
                                         .space = index.space(),
                                         .k = kK,
                                         .exclude = std::span(&id, 1),
                                         .exact = exact})
                               .status());
    latencies.push_back(watch.us());
  }
  return Summarise(latencies, all.seconds());
}

Status AddSearches(const ann::VectorIndex& index, std::string_view name, bool exact, double recall,
                   const Options& options, Report& report) {
  std::vector<Round> rounds;
  for (size_t i = 0; i < options.rounds; ++i) {
    LARDER_ASSIGN_OR_RETURN(const Round round, MeasureSearches(index, exact, kQueries));
    rounds.push_back(round);
  }
  report.AddRound(name, {{"recall_at_10", recall}}, MedianRound(rounds));
  return OkStatus();
}

Status Run(const Options& options, Report& report) {
  LARDER_RETURN_IF_ERROR(RequireData(options.data, {kCatalogFile, kEncoder}));
  Progress("encoding the catalog");
  LARDER_ASSIGN_OR_RETURN(const Vectors vectors, EncodeCatalog(options.data));
  if (!options.vectors.empty()) {
    return WriteNpy(options.vectors, "|i1", AsBytes(std::span<const int8_t>(vectors.values)),
                    vectors.keys.size(), vectors.dim);
  }

  LARDER_ASSIGN_OR_RETURN(const auto base, MeasureBuild(vectors, 1, report));
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  if (cores > 1) LARDER_RETURN_IF_ERROR(MeasureBuild(vectors, cores, report).status());
  LARDER_ASSIGN_OR_RETURN(ann::VectorIndex index, FillIndex(vectors));
  LARDER_RETURN_IF_ERROR(AddSearches(index, "larder exact scan", true, 1, options, report));
  std::unordered_map<std::string_view, uint32_t> ids;
  for (uint32_t i = 0; i < vectors.keys.size(); ++i) ids.emplace(vectors.keys[i], i);
  std::vector<uint32_t> id_of_row(base->row_count());
  for (size_t row = 0; row < id_of_row.size(); ++row) id_of_row[row] = ids.at(base->key(row));
  LARDER_RETURN_IF_ERROR(index.InstallBase(base, id_of_row));
  LARDER_ASSIGN_OR_RETURN(
      const ann::RecallReport recall,
      ann::MeasureRecall(index, ann::DrawIds(index, kQueries, kSeed), {.k = kK}));
  LARDER_RETURN_IF_ERROR(
      AddSearches(index, "larder search as served", false, recall.mean, options, report));
  report.Note(Concat(options.data, ": ", vectors.keys.size(), " int8 vectors of ", vectors.dim,
                     " dimensions in ", base->node_count(), " nodes, degree ", base->degree(),
                     ", effort ", ann::kDefaultEffort, "; ", kQueries, " queries, k = ", kK,
                     ", 1 thread; worst recall ", recall.worst, "; searches: median of ",
                     options.rounds, " rounds, builds: one"));
  return OkStatus();
}

}  // namespace
}  // namespace larder::bench

int main(int argc, char** argv) {
  return larder::bench::Drive("index", argc, argv, larder::bench::Run);
}
