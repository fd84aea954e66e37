// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieval/sample_channel.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "serving/retrieval/key_hashes.h"

namespace larder::serving {
namespace {

// Finaliser of splitmix64 (Steele, Lea & Flood 2014): every bit of x moves every bit of the result.
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

StatusOr<ChannelOutput> RunSample(const registry::Channel& channel, const RecipeRun& run,
                                  Admission& admission) {
  LARDER_ASSIGN_OR_RETURN(const ann::Bitmap* all, admission.All());
  std::vector<std::pair<uint64_t, registry::Ordinal>> drawn;
  drawn.reserve(all->Count());
  all->ForEach([&](registry::Ordinal ordinal) { drawn.emplace_back(0, ordinal); });
  ChannelOutput output;
  output.plan = Concat("sample: ", drawn.size(), " admissible, seed ", run.seed);
  if (drawn.empty()) return output;

  const KeyHashes::Hashes hashes = run.context.backend.key_hashes.Get(
      run.recipe.candidate, size_t{drawn.back().second} + 1, run.snapshot);
  LARDER_RETURN_IF_ERROR(CheckDeadline(admission.context()));
  for (auto& [hash, ordinal] : drawn) hash = Mix((*hashes)[ordinal] + Mix(run.seed));
  const size_t admissible = drawn.size();
  const size_t n = std::min<size_t>(channel.take, admissible);
  const KeyOrder order(run.snapshot, run.recipe.candidate);
  const auto end = drawn.begin() + static_cast<ptrdiff_t>(n);
  std::partial_sort(drawn.begin(), end, drawn.end(), [&](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : order.Before(a.second, b.second);
  });
  for (auto it = drawn.begin(); it != end; ++it) output.hits.push_back({it->second, 0});
  output.propensity = static_cast<double>(n) / static_cast<double>(admissible);
  return output;
}

}  // namespace larder::serving
