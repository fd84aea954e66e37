// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieval/top_list.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace larder::serving {
namespace {

using registry::Column;
using registry::Kind;
using registry::Ordinal;

// How much of a list is sorted when it is built; deeper is seldom needed.
constexpr size_t kMinSorted = 4'096;

double NumberAt(const Column& column, size_t row) {
  const bool is_double = column.type.kind == Kind::kFloat || column.type.kind == Kind::kDouble;
  return is_double ? column.doubles[row] : static_cast<double>(column.ints[row]);
}

struct Before {
  const KeyOrder& order;
  bool operator()(const ChannelHit& a, const ChannelHit& b) const {
    return a.score != b.score ? a.score > b.score : order.Before(a.ordinal, b.ordinal);
  }
};

std::vector<Ordinal> LiveOrdinals(const RecipeRun& run) {
  std::vector<Ordinal> ordinals;
  const std::span<const uint64_t> live = run.snapshot.Candidates(run.recipe.candidate);
  for (size_t word = 0; word < live.size(); ++word) {
    for (uint64_t bits = live[word]; bits != 0; bits &= bits - 1) {
      ordinals.push_back(
          static_cast<Ordinal>(word * 64 + static_cast<size_t>(std::countr_zero(bits))));
    }
  }
  return ordinals;
}

StatusOr<TopList> Build(const registry::Channel& channel, const RecipeRun& run) {
  TopList list;
  list.position = run.snapshot.position();
  list.built = std::chrono::steady_clock::now();
  const std::vector<Ordinal> ordinals = LiveOrdinals(run);
  list.hits.reserve(ordinals.size());
  for (size_t begin = 0; begin < ordinals.size(); begin += kCandidateChunk) {
    LARDER_RETURN_IF_ERROR(CheckDeadline(run.context));
    const size_t n = std::min(kCandidateChunk, ordinals.size() - begin);
    LARDER_ASSIGN_OR_RETURN(
        const std::vector<Column> columns,
        RunForCandidates(run, channel.program, std::span(ordinals).subspan(begin, n)));
    const Column& column = columns.front();
    for (size_t i = 0; i < n; ++i) {
      const size_t row = column.rows == 1 ? 0 : i;
      if (column.valid(row)) list.hits.push_back({ordinals[begin + i], NumberAt(column, row)});
    }
  }
  list.sorted = std::min(list.hits.size(), std::max(kMinSorted, size_t{8} * channel.take));
  const KeyOrder order(run.snapshot, run.recipe.candidate);
  const auto middle = list.hits.begin() + static_cast<ptrdiff_t>(list.sorted);
  if (middle != list.hits.end()) {
    std::nth_element(list.hits.begin(), middle, list.hits.end(), Before{order});
  }
  std::sort(list.hits.begin(), middle, Before{order});
  return list;
}

// Appends the admitted ones of `hits`, which are in order, until there are `take`.
Status AppendAdmitted(std::span<const ChannelHit> hits, size_t take, Admission& admission,
                      std::vector<ChannelHit>& out) {
  // Small bites first: usually the first few are enough.
  size_t bite = 4 * take;
  for (size_t begin = 0; begin < hits.size() && out.size() < take; begin += bite, bite *= 2) {
    const std::span<const ChannelHit> some =
        hits.subspan(begin, std::min(bite, hits.size() - begin));
    std::vector<Ordinal> kept;
    kept.reserve(some.size());
    for (const ChannelHit& hit : some) kept.push_back(hit.ordinal);
    LARDER_RETURN_IF_ERROR(admission.Keep(kept));
    size_t next = 0;
    for (const ChannelHit& hit : some) {
      if (next == kept.size() || out.size() == take) break;
      if (hit.ordinal != kept[next]) continue;
      out.push_back(hit);
      ++next;
    }
  }
  return OkStatus();
}

}  // namespace

std::shared_ptr<TopLists::Slot> TopLists::SlotOf(const Hash128& name) {
  MutexLock lock(mu_);
  for (const auto& [known, slot] : slots_) {
    if (known == name) return slot;
  }
  if (slots_.size() == kMaxLists) slots_.erase(slots_.begin());
  return slots_.emplace_back(name, std::make_shared<Slot>()).second;
}

std::shared_ptr<const TopList> TopLists::Fresh(Slot& slot) const {
  MutexLock lock(slot.mu);
  const bool fresh = slot.list != nullptr &&
                     std::chrono::steady_clock::now() - slot.list->built <= max_age_;
  return fresh ? slot.list : nullptr;
}

StatusOr<std::shared_ptr<const TopList>> TopLists::Get(const registry::Channel& channel,
                                                       const RecipeRun& run) {
  const std::shared_ptr<Slot> slot =
      SlotOf(HashTo128(Concat(run.recipe.digest.view(), channel.name)));
  if (auto list = Fresh(*slot); list != nullptr) return list;
  // Whoever builds has its snapshot already, so waiting for it here with ours cannot lock up.
  MutexLock building(slot->building);
  if (auto list = Fresh(*slot); list != nullptr) return list;
  LARDER_ASSIGN_OR_RETURN(TopList built, Build(channel, run));
  auto list = std::make_shared<const TopList>(std::move(built));
  MutexLock lock(slot->mu);
  slot->list = list;
  return list;
}

StatusOr<ChannelOutput> RunTop(const registry::Channel& channel, const RecipeRun& run,
                               Admission& admission) {
  LARDER_ASSIGN_OR_RETURN(const std::shared_ptr<const TopList> list,
                          run.context.backend.top_lists.Get(channel, run));
  ChannelOutput output;
  output.list_position = list->position;
  const std::span<const ChannelHit> hits = list->hits;
  LARDER_RETURN_IF_ERROR(
      AppendAdmitted(hits.first(list->sorted), channel.take, admission, output.hits));
  output.plan = Concat("top: list of ", hits.size());
  if (output.hits.size() == channel.take || list->sorted == hits.size()) return output;

  // The condition is so strict that the sorted part was not enough: look at all the rest.
  LARDER_ASSIGN_OR_RETURN(const ann::Bitmap* all, admission.All());
  std::vector<ChannelHit> rest;
  for (const ChannelHit& hit : hits.subspan(list->sorted)) {
    if (all->Test(hit.ordinal)) rest.push_back(hit);
  }
  const size_t wanted = std::min<size_t>(rest.size(), channel.take - output.hits.size());
  const KeyOrder order(run.snapshot, run.recipe.candidate);
  const auto end = rest.begin() + static_cast<ptrdiff_t>(wanted);
  std::partial_sort(rest.begin(), end, rest.end(), Before{order});
  output.hits.insert(output.hits.end(), rest.begin(), end);
  output.plan += ", all of it scanned";
  return output;
}

}  // namespace larder::serving
