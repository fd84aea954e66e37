// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieval/shared_conditions.h"

#include <algorithm>
#include <optional>
#include <span>

#include "serving/retrieval/admission.h"

namespace larder::serving {
namespace {

using registry::Column;
using registry::Ordinal;
using Steady = std::chrono::steady_clock;

bool UsesRequestKey(const registry::Program& program, std::span<const registry::Role> roles) {
  return std::any_of(program.nodes.begin(), program.nodes.end(), [&](const registry::Node& node) {
    return node.op == registry::Node::Op::kRoleKey &&
           !roles[static_cast<size_t>(node.index)].candidate;
  });
}

}  // namespace

Status KeepWhere(const RecipeRun& run, const registry::Program& condition, const Context& context,
                 std::vector<Ordinal>& ordinals) {
  size_t kept = 0;
  for (size_t begin = 0; begin < ordinals.size(); begin += kCandidateChunk) {
    LARDER_RETURN_IF_ERROR(CheckDeadline(context));
    const size_t n = std::min(kCandidateChunk, ordinals.size() - begin);
    LARDER_ASSIGN_OR_RETURN(
        const std::vector<Column> columns,
        RunForCandidates(run, condition, std::span(ordinals).subspan(begin, n)));
    const Column& keep = columns.front();
    for (size_t i = 0; i < n; ++i) {
      // One row holds for all: the condition does not depend on the candidate.
      const size_t row = keep.rows == 1 ? 0 : i;
      if (keep.valid(row) && keep.ints[row] != 0) ordinals[kept++] = ordinals[begin + i];
    }
  }
  ordinals.resize(kept);
  return OkStatus();
}

Status SharedCondition::Keep(const RecipeRun& run, const Context& context,
                             std::vector<Ordinal>& ordinals) {
  if (known_.size() == 0) {
    known_.Resize(run.snapshot.Candidates(run.recipe.candidate).size() * 64);
    kept_ = known_;
  }
  std::vector<Ordinal> asked;
  for (const Ordinal ordinal : ordinals) {
    if (!known_.Test(ordinal)) asked.push_back(ordinal);
  }
  if (!asked.empty()) {
    const Steady::time_point start = Steady::now();
    std::vector<Ordinal> kept = asked;
    LARDER_RETURN_IF_ERROR(KeepWhere(run, condition_, context, kept));
    for (const Ordinal ordinal : asked) known_.Set(ordinal);
    for (const Ordinal ordinal : kept) kept_.Set(ordinal);
    took_ += Steady::now() - start;
  }
  std::erase_if(ordinals, [&](Ordinal ordinal) { return !kept_.Test(ordinal); });
  return OkStatus();
}

StatusOr<const ann::Bitmap*> SharedCondition::All(const RecipeRun& run, const Context& context) {
  if (!all_known_) {
    std::vector<Ordinal> ordinals = LiveOrdinals(run);
    LARDER_RETURN_IF_ERROR(Keep(run, context, ordinals));
    all_known_ = true;
  }
  return &kept_;
}

SharedConditions::SharedConditions(const registry::Retrieval& recipe) {
  const auto add = [&](const std::optional<registry::Program>& condition) {
    if (condition.has_value() && !UsesRequestKey(*condition, recipe.roles)) {
      conditions_.try_emplace(&*condition, *condition);
    }
  };
  add(recipe.where);
  for (const registry::Channel& channel : recipe.channels) add(channel.where);
}

SharedCondition* SharedConditions::Find(const registry::Program* condition) {
  const auto found = conditions_.find(condition);
  return found == conditions_.end() ? nullptr : &found->second;
}

Steady::duration SharedConditions::took() const {
  Steady::duration took{0};
  for (const auto& [program, condition] : conditions_) took += condition.took();
  return took;
}

}  // namespace larder::serving
