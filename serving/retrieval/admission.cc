// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieval/admission.h"

#include <algorithm>
#include <bit>
#include <string_view>
#include <utility>

#include "serving/query_vectors.h"
#include "serving/request_values.h"
#include "serving/retrieval/shared_conditions.h"

namespace larder::serving {
namespace {

using registry::Column;
using registry::Ordinal;

// True if `program` uses the candidate's key as a value and not only to look features up by it.
bool UsesKeyText(const registry::Program& program, size_t candidate_role) {
  std::vector<bool> is_key(program.nodes.size());
  for (size_t i = 0; i < program.nodes.size(); ++i) {
    const registry::Node& node = program.nodes[i];
    is_key[i] = node.op == registry::Node::Op::kRoleKey &&
                static_cast<size_t>(node.index) == candidate_role;
    if (node.op == registry::Node::Op::kLookup) continue;
    for (const int arg : node.args) {
      if (is_key[static_cast<size_t>(arg)]) return true;
    }
  }
  return std::any_of(program.outputs.begin(), program.outputs.end(),
                     [&](int output) { return is_key[static_cast<size_t>(output)]; });
}

// The candidates' key column. Copying the keys costs more than most programs do, so it is done
// only for programs that look at them.
Column CandidateColumn(const RecipeRun& run, std::span<const Ordinal> candidates, bool with_text) {
  const std::string& entity = run.recipe.candidate;
  if (with_text) {
    std::vector<std::string_view> keys(candidates.size());
    for (size_t i = 0; i < keys.size(); ++i) keys[i] = run.snapshot.KeyOf(entity, candidates[i]);
    return KeyColumn(entity, keys, {candidates.begin(), candidates.end()});
  }
  Column column = KeyColumn(entity, {}, {candidates.begin(), candidates.end()});
  column.rows = candidates.size();
  column.strings.ends.assign(candidates.size(), 0);
  column.reasons.assign(candidates.size(), registry::Reason::kValid);
  column.times.assign(candidates.size(), registry::kNoTime);
  return column;
}

SharedCondition* FindShared(const RecipeRun& run, const registry::Program* where) {
  return run.conditions == nullptr ? nullptr : run.conditions->Find(where);
}

void AddOrdinals(const RecipeRun& run, const Column& column, std::vector<Ordinal>& out) {
  const size_t elements = column.elements();
  std::vector<std::string_view> keys;
  for (size_t i = 0; i < elements; ++i) {
    if (column.element_reason(i) == registry::Reason::kValid) keys.push_back(column.strings[i]);
  }
  std::vector<Ordinal> ordinals(keys.size(), registry::kNoOrdinal);
  run.snapshot.FindKeys(run.recipe.candidate, keys, ordinals);
  out.insert(out.end(), ordinals.begin(), ordinals.end());
}

}  // namespace

StatusOr<std::vector<Column>> RunForCandidates(const RecipeRun& run,
                                               const registry::Program& program,
                                               std::span<const Ordinal> candidates) {
  Inputs inputs = run.inputs;
  if (inputs.candidate_role < inputs.roles.size()) {
    inputs.roles[inputs.candidate_role] =
        CandidateColumn(run, candidates, UsesKeyText(program, inputs.candidate_role));
  }
  return RunProgram(program, inputs, candidates.size(), run.snapshot, run.queries);
}

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

Status AppendAdmitted(std::span<const ChannelHit> hits, size_t take, Admission& admission,
                      std::vector<ChannelHit>& out) {
  // Small bites first: usually the first few are enough.
  size_t bite = 4 * take;
  for (size_t begin = 0; begin < hits.size() && out.size() < take; begin += bite, bite *= 2) {
    LARDER_RETURN_IF_ERROR(CheckDeadline(admission.context()));
    const std::span<const ChannelHit> some =
        hits.subspan(begin, std::min(bite, hits.size() - begin));
    std::vector<Ordinal> kept;
    kept.reserve(some.size());
    for (const ChannelHit& hit : some) kept.push_back(hit.ordinal);
    LARDER_RETURN_IF_ERROR(admission.Keep(kept));
    // Keep does not reorder, so one walk pairs them up.
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

StatusOr<std::vector<Ordinal>> ExcludedOrdinals(const RecipeRun& run) {
  std::vector<Ordinal> excluded;
  if (!run.recipe.exclude.has_value()) return excluded;
  LARDER_ASSIGN_OR_RETURN(const std::vector<Column> columns,
                          RunProgram(*run.recipe.exclude, run.inputs, 1, run.snapshot,
                                     run.queries));
  for (const Column& column : columns) AddOrdinals(run, column, excluded);
  std::sort(excluded.begin(), excluded.end());
  excluded.erase(std::unique(excluded.begin(), excluded.end()), excluded.end());
  if (!excluded.empty() && excluded.back() == registry::kNoOrdinal) excluded.pop_back();
  return excluded;
}

Admission::Admission(const RecipeRun& run, std::vector<Ordinal> excluded)
    : run_(run),
      context_(run.context),
      where_(run.recipe.where.has_value() ? &*run.recipe.where : nullptr),
      shared_(FindShared(run, where_)),
      excluded_(std::move(excluded)) {}

Admission::Admission(Admission& parent, const std::optional<registry::Program>& where,
                     const Context& context)
    : run_(parent.run_),
      context_(context),
      parent_(&parent),
      where_(where.has_value() ? &*where : nullptr),
      shared_(FindShared(parent.run_, where_)) {}

bool Admission::has_where() const {
  return where_ != nullptr || (parent_ != nullptr && parent_->has_where());
}

Status Admission::AskWhere(const Context& context, std::vector<Ordinal>& ordinals) {
  if (where_ == nullptr) return OkStatus();
  if (shared_ != nullptr) return shared_->Keep(run_, context, ordinals);
  return KeepWhere(run_, *where_, context, ordinals);
}

Status Admission::Keep(const Context& context, std::vector<Ordinal>& ordinals) {
  if (all_.has_value()) {
    std::erase_if(ordinals, [&](Ordinal ordinal) { return !all_->Test(ordinal); });
    return OkStatus();
  }
  if (parent_ != nullptr) {
    LARDER_RETURN_IF_ERROR(parent_->Keep(context, ordinals));
    return AskWhere(context, ordinals);
  }
  const std::span<const uint64_t> live = run_.snapshot.Candidates(run_.recipe.candidate);
  std::erase_if(ordinals, [&](Ordinal ordinal) {
    return ordinal / 64 >= live.size() || (live[ordinal / 64] >> (ordinal % 64) & 1) == 0 ||
           std::binary_search(excluded_.begin(), excluded_.end(), ordinal);
  });
  return AskWhere(context, ordinals);
}

StatusOr<ann::Bitmap> Admission::ComputeAll(const Context& context) {
  std::vector<Ordinal> ordinals;
  size_t size = 0;
  if (parent_ != nullptr) {
    LARDER_ASSIGN_OR_RETURN(const ann::Bitmap* all, parent_->All(context));
    if (where_ == nullptr) return *all;
    if (shared_ != nullptr) {
      LARDER_ASSIGN_OR_RETURN(const ann::Bitmap* kept, shared_->All(run_, context));
      ann::Bitmap both = *all;
      both.And(*kept);
      return both;
    }
    size = all->size();
    ordinals.reserve(all->Count());
    all->ForEach([&](Ordinal ordinal) { ordinals.push_back(ordinal); });
    LARDER_RETURN_IF_ERROR(AskWhere(context, ordinals));
  } else if (shared_ != nullptr) {
    LARDER_ASSIGN_OR_RETURN(const ann::Bitmap* kept, shared_->All(run_, context));
    ann::Bitmap bitmap = *kept;
    for (const Ordinal ordinal : excluded_) {
      if (bitmap.Test(ordinal)) bitmap.Clear(ordinal);
    }
    return bitmap;
  } else {
    size = run_.snapshot.Candidates(run_.recipe.candidate).size() * 64;
    ordinals = LiveOrdinals(run_);
    LARDER_RETURN_IF_ERROR(Keep(context, ordinals));
  }
  ann::Bitmap bitmap(size);
  for (const Ordinal ordinal : ordinals) bitmap.Set(ordinal);
  return bitmap;
}

StatusOr<const ann::Bitmap*> Admission::All(const Context& context) {
  if (!all_.has_value()) {
    LARDER_ASSIGN_OR_RETURN(all_, ComputeAll(context));
  }
  return &*all_;
}

}  // namespace larder::serving
