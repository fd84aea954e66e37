// SPDX-License-Identifier: Apache-2.0
#include "serving/live_recall.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <numeric>

#include "ann/recall.h"

namespace larder::serving {
namespace {

using std::chrono::duration;

duration<double> ThreadTime() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return duration<double>(static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9);
}

}  // namespace

const char* FilterShapeName(FilterShape shape) {
  switch (shape) {
    case FilterShape::kNone: return "none";
    case FilterShape::kMost: return "10-100%";
    case FilterShape::kTenth: return "1-10%";
    case FilterShape::kHundredth: return "0.1-1%";
    case FilterShape::kFewer: return "<0.1%";
  }
  return "";
}

FilterShape FilterShapeOf(const ann::SearchRequest& request, const ann::SearchResult& result,
                          size_t size) {
  if (request.filter == nullptr) return FilterShape::kNone;
  if (result.survivors * 10 >= size) return FilterShape::kMost;
  if (result.survivors * 100 >= size) return FilterShape::kTenth;
  if (result.survivors * 1'000 >= size) return FilterShape::kHundredth;
  return FilterShape::kFewer;
}

LiveRecall::LiveRecall(featurestore::Store& store, const IndexSink& indexes, double budget)
    : queries_(store, indexes), budget_(budget), thread_([this](const std::stop_token& stop) {
        Loop(stop);
      }) {}

LiveRecall::~LiveRecall() {
  thread_.request_stop();
  MutexLock lock(mu_);
  wake_.SignalAll();
}

void LiveRecall::Offer(const LiveIndex& live, const ann::SearchRequest& request,
                       const ann::SearchResult& result) {
  if (budget_ <= 0 || request.exact) return;
  const Kind kind(live.feature, FilterShapeOf(request, result, live.index->size()));
  MutexLock lock(mu_);
  const auto [it, is_new] = waiting_.try_emplace(kind);
  if (!is_new) return;
  it->second = {.feature = live.feature,
                .space = request.space,
                .codes = {request.query.begin(), request.query.end()},
                .k = request.k,
                .effort = request.effort,
                .filter = std::nullopt,
                .exclude = {request.exclude.begin(), request.exclude.end()},
                .min_score = request.min_score};
  if (request.filter != nullptr) it->second.filter = *request.filter;
  wake_.SignalAll();
}

void LiveRecall::Loop(const std::stop_token& stop) {
  Kind last;
  while (!stop.stop_requested()) {
    const std::optional<IndexQuery> query = Take(last, stop);
    if (!query.has_value()) return;
    const duration<double> start = ThreadTime();
    // One that cannot be measured, say while a damaged base is replaced, is one fewer.
    Measure(last, *query).IgnoreError();
    const duration<double> used = ThreadTime() - start;
    constexpr duration<double> kLongest = std::chrono::hours(1);
    const auto rest = std::chrono::duration_cast<std::chrono::steady_clock::duration>(
        std::min(used / budget_ - used, kLongest));
    const auto until = std::chrono::steady_clock::now() + rest;
    MutexLock lock(mu_);
    while (!stop.stop_requested() && wake_.WaitUntil(mu_, until)) {
    }
  }
}

std::optional<IndexQuery> LiveRecall::Take(Kind& last, const std::stop_token& stop) {
  MutexLock lock(mu_);
  while (waiting_.empty() && !stop.stop_requested()) wake_.Wait(mu_);
  if (stop.stop_requested()) return std::nullopt;
  auto next = waiting_.upper_bound(last);
  if (next == waiting_.end()) next = waiting_.begin();
  last = next->first;
  return std::move(waiting_.extract(next).mapped());
}

Status LiveRecall::Measure(const Kind& kind, const IndexQuery& query) {
  LARDER_ASSIGN_OR_RETURN(const auto exact, queries_.Exact(query));
  if (exact.empty()) return OkStatus();  // nothing to be found says nothing
  LARDER_ASSIGN_OR_RETURN(const auto served, queries_.Served(query));
  MutexLock lock(mu_);
  Measured& measured = measured_[kind];
  ++measured.queries;
  measured.recent.push_back(ann::Recall(served.hits, exact));
  if (measured.recent.size() > kRemembered) measured.recent.pop_front();
  return OkStatus();
}

std::vector<LiveRecall::Report> LiveRecall::Reports() const {
  std::vector<Report> reports;
  MutexLock lock(mu_);
  for (const auto& [kind, measured] : measured_) {
    const double sum = std::accumulate(measured.recent.begin(), measured.recent.end(), 0.0);
    reports.push_back({.feature = kind.first,
                       .shape = kind.second,
                       .queries = measured.queries,
                       .recall = sum / static_cast<double>(measured.recent.size())});
  }
  return reports;
}

}  // namespace larder::serving
