// SPDX-License-Identifier: Apache-2.0
#include "ann/recall.h"

#include <algorithm>
#include <chrono>
#include <random>

namespace larder::ann {
namespace {

using SteadyClock = std::chrono::steady_clock;

double MicrosecondsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double, std::micro>(SteadyClock::now() - start).count();
}

}  // namespace

double Recall(std::span<const Hit> found, std::span<const Hit> exact) {
  if (exact.empty()) return 1;
  const double last = exact.back().score;
  const auto good = std::count_if(found.begin(), found.end(),
                                  [last](const Hit& hit) { return hit.score >= last; });
  const size_t counted = std::min(static_cast<size_t>(good), exact.size());
  return static_cast<double>(counted) / static_cast<double>(exact.size());
}

std::vector<uint32_t> DrawIds(const VectorIndex& index, size_t count, uint64_t seed) {
  const std::vector<uint32_t> ids = index.Ids();
  if (ids.empty()) return {};
  std::mt19937_64 random(seed);
  std::vector<uint32_t> drawn(count);
  for (uint32_t& id : drawn) id = ids[random() % ids.size()];
  return drawn;
}

StatusOr<RecallReport> MeasureRecall(const VectorIndex& index, std::span<const uint32_t> ids,
                                     const RecallOptions& options) {
  RecallReport report;
  double sum = 0;
  for (const uint32_t& id : ids) {
    const std::vector<int8_t> codes = index.Find(id).Codes();
    SearchRequest request{.query = codes,
                          .space = index.space(),
                          .k = options.k,
                          .effort = options.effort,
                          .exclude = std::span(&id, 1),
                          .plan = options.plan};
    if (request.query.empty()) continue;
    auto start = SteadyClock::now();
    LARDER_ASSIGN_OR_RETURN(const SearchResult found, index.Search(request));
    report.search_us += MicrosecondsSince(start);
    request.exact = true;
    start = SteadyClock::now();
    LARDER_ASSIGN_OR_RETURN(const SearchResult exact, index.Search(request));
    report.exact_us += MicrosecondsSince(start);
    const double recall = Recall(found.hits, exact.hits);
    sum += recall;
    report.worst = std::min(report.worst, recall);
    ++report.queries;
  }
  if (report.queries > 0) {
    const auto count = static_cast<double>(report.queries);
    report.mean = sum / count;
    report.search_us /= count;
    report.exact_us /= count;
  }
  return report;
}

}  // namespace larder::ann
