// SPDX-License-Identifier: Apache-2.0
#include "registry/nearest_name.h"

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace larder::registry {
namespace {

constexpr size_t kMaxLength = 64;

// Levenshtein's distance, a swap of two neighbours counting once; `limit` if it is that or more.
// Only what lies fewer than `limit` steps beside the diagonal can end below it.
size_t Distance(std::string_view a, std::string_view b, size_t limit) {
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) >= limit) return limit;
  size_t rows[3][kMaxLength + 1];
  size_t* before = rows[0];
  size_t* last = rows[1];
  size_t* row = rows[2];
  for (size_t j = 0; j <= b.size(); ++j) last[j] = std::min(j, limit);
  for (size_t i = 1; i <= a.size(); ++i) {
    std::fill(row, row + b.size() + 1, limit);
    row[0] = std::min(i, limit);
    size_t best = row[0];
    const size_t end = std::min(b.size(), i + limit);
    for (size_t j = i > limit ? i - limit : 1; j <= end; ++j) {
      row[j] = std::min({limit, last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
      best = std::min(best, row[j]);
    }
    // A swap looks two rows back, so both rows must have given up.
    if (best >= limit && *std::min_element(last, last + b.size() + 1) >= limit) return limit;
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::string_view NearestName(std::string_view name, std::span<const std::string_view> known) {
  if (name.size() > kMaxLength) return {};
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, name.size() / 3) + 1;
  for (const std::string_view candidate : known) {
    if (candidate.size() > kMaxLength) continue;
    // One more than the best, so that a tie is seen.
    const size_t limit = best.empty() ? best_distance : best_distance + 1;
    const size_t distance = Distance(name, candidate, limit);
    if (distance < best_distance || (distance == best_distance && !best.empty() &&
                                     candidate < best)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string DidYouMean(std::string_view name, std::span<const std::string_view> known) {
  const std::string_view nearest = NearestName(name, known);
  return nearest.empty() ? std::string() : Concat("; did you mean '", nearest, "'?");
}

}  // namespace larder::registry
