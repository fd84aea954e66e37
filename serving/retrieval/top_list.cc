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
// How often who waits for a list looks whether it still should.
constexpr std::chrono::milliseconds kLookAround{50};

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

}  // namespace

std::shared_ptr<TopLists::Slot> TopLists::SlotOf(const Hash128& name) {
  MutexLock lock(mu_);
  for (const auto& [known, slot] : slots_) {
    if (known == name) return slot;
  }
  if (slots_.size() == kMaxLists) slots_.erase(slots_.begin());
  return slots_.emplace_back(name, std::make_shared<Slot>()).second;
}

// Lets the others go on when a list is built, or was not.
class TopLists::Building {
 public:
  explicit Building(Slot& slot) : slot_(slot) {}
  ~Building() {
    MutexLock lock(slot_.mu);
    slot_.building = false;
    slot_.changed.SignalAll();
  }
  Building(const Building&) = delete;
  Building& operator=(const Building&) = delete;

 private:
  Slot& slot_;
};

StatusOr<std::shared_ptr<const TopList>> TopLists::Get(const registry::Channel& channel,
                                                       const RecipeRun& run,
                                                       const Context& wait) {
  using Steady = std::chrono::steady_clock;
  const std::shared_ptr<Slot> slot =
      SlotOf(HashTo128(Concat(run.recipe.digest.view(), channel.name)));
  {
    MutexLock lock(slot->mu);
    while (true) {
      const Steady::time_point now = Steady::now();
      if (slot->list != nullptr &&
          now - slot->list->built <= (slot->building ? max_stale_age_ : max_age_)) {
        return slot->list;
      }
      if (!slot->building) break;
      // Whoever builds has its snapshot already, so waiting for it here with ours cannot lock up.
      LARDER_RETURN_IF_ERROR(CheckDeadline(wait));
      slot->changed.WaitUntil(slot->mu, std::min(wait.deadline, now + kLookAround));
    }
    slot->building = true;
  }
  const Building building(*slot);
  LARDER_ASSIGN_OR_RETURN(TopList built, Build(channel, run));
  auto list = std::make_shared<const TopList>(std::move(built));
  MutexLock lock(slot->mu);
  slot->list = list;
  return list;
}

StatusOr<ChannelOutput> RunTop(const registry::Channel& channel, const RecipeRun& run,
                               Admission& admission) {
  LARDER_ASSIGN_OR_RETURN(const std::shared_ptr<const TopList> list,
                          run.context.backend.top_lists.Get(channel, run, admission.context()));
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
  LARDER_RETURN_IF_ERROR(CheckDeadline(admission.context()));
  const size_t wanted = std::min<size_t>(rest.size(), channel.take - output.hits.size());
  const KeyOrder order(run.snapshot, run.recipe.candidate);
  const auto end = rest.begin() + static_cast<ptrdiff_t>(wanted);
  std::partial_sort(rest.begin(), end, rest.end(), Before{order});
  output.hits.insert(output.hits.end(), rest.begin(), end);
  output.plan += ", all of it scanned";
  return output;
}

}  // namespace larder::serving
