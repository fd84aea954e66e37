// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_SEARCH_H_
#define LARDER_ANN_SEARCH_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ann/bitmap.h"
#include "ann/planner.h"
#include "base/hash.h"

namespace larder::ann {

// Not an id.
inline constexpr uint32_t kNoId = 0xffffffff;
// The most hits that one search gives: what a channel of a recipe may take.
inline constexpr size_t kMaxK = 10'000;
// The most ids that one search excludes one by one.
inline constexpr size_t kMaxExcluded = 2'000;
// What a search without an effort of its own uses: recall@10 of 0.96 to 0.995 on text vectors
// (docs/reference/search.md).
inline constexpr size_t kDefaultEffort = 160;
inline constexpr size_t kMaxEffort = 10'000;

// Breaks ties between equal scores (S9.3: by key bytes, which only the owner of ids knows).
// Thread-safety: thread-safe.
class IdOrder {
 public:
  virtual ~IdOrder() = default;
  // A strict total order of the ids that are in the index.
  virtual bool Before(uint32_t a, uint32_t b) const = 0;
};

// What to look for. Everything borrowed is needed during the call only.
struct SearchRequest {
  // The codes of the vector to look near [shape.size()], not all zero.
  std::span<const int8_t> query{};
  // The space of the query; must be the index's.
  Digest space{};
  // Hits wanted, 1 to kMaxK.
  size_t k = 10;
  // Candidates that the graph walk keeps, 1 to kMaxEffort; 0 is kDefaultEffort or twice what is
  // wanted (k and what is excluded), what is more. Never fewer than k are kept. More: better
  // recall, proportionally slower.
  size_t effort = 0;
  // Only ids of this set are found; null means all.
  const Bitmap* filter = nullptr;
  // Ids that are not wanted, ascending, at most kMaxExcluded: the seed itself, what a user has
  // seen. For long lists clear them in a filter.
  std::span<const uint32_t> exclude{};
  // True compares with every vector that is admitted.
  bool exact = false;
  // How to search, for measuring; the planner decides if there is none. What does not fit the
  // index or the request falls back to what does.
  std::optional<Plan> plan = std::nullopt;
  // Only hits of at least this cosine are wanted.
  double min_score = -2;
  // Order of hits with equal scores; null is ascending id.
  const IdOrder* order = nullptr;
  // A scan that is not done by then is given up; looked at every 32,768 vectors, so within a few
  // milliseconds.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

struct Hit {
  uint32_t id;
  double score;  // cosine, -1 to 1
  bool operator==(const Hit&) const = default;
};

struct SearchResult {
  // Falling score; fewer than k only if the index (or the filter) has no more.
  std::vector<Hit> hits{};
  // How they were found.
  Plan plan = Plan::kScan;
  // Nodes compared in a walk, and vectors scanned besides, the delta's included.
  size_t walked = 0;
  size_t scanned = 0;
  // Ids that the filter admits; of all ids if there is none.
  size_t survivors = 0;
};

// For people: "graph, walked 600, scanned 20 of 200,000".
std::string Describe(const SearchResult& result);

}  // namespace larder::ann

#endif  // LARDER_ANN_SEARCH_H_
