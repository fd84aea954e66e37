// SPDX-License-Identifier: Apache-2.0
#include "featurestore/pending_vectors.h"

#include <algorithm>
#include <utility>

#include "featurestore/vector_text.h"

namespace larder::featurestore {

using registry::Ordinal;

namespace {

constexpr Ordinal kSlice = 256;

bool IsFull(const PendingVectors& pending, const PendingLimits& limits) {
  return pending.inputs.size() >= limits.max_texts || pending.bytes >= limits.max_bytes;
}

// Adds the texts of these rows up to the limits; returns how many rows were looked at.
StatusOr<size_t> AddTexts(const SourceState& source, const VectorTable& table,
                          std::span<const Ordinal> ordinals, const PendingLimits& limits,
                          const registry::TextEmbedder& embedder, PendingVectors& pending) {
  const auto use = std::find_if(source.vectors.begin(), source.vectors.end(),
                                [&](const auto& candidate) { return candidate.vectors == &table; });
  LARDER_CHECK(use != source.vectors.end());
  std::vector<const Row*> rows;
  for (const Ordinal ordinal : ordinals) {
    rows.push_back(std::as_const(*source.rows).Find(ordinal));
  }
  LARDER_ASSIGN_OR_RETURN(auto texts, VectorTexts(*use, rows, embedder));
  const KeyTable& keys = source.key_uses[source.row_key].entity->keys();
  size_t i = 0;
  for (; i < rows.size() && !IsFull(pending, limits); ++i) {
    if (!texts[i].has_value()) continue;
    const Hash128 content = ContentHash(*texts[i]);
    pending.bytes += texts[i]->size();
    pending.inputs.push_back({std::string(keys.KeyOf(ordinals[i])), content, *std::move(texts[i])});
  }
  return i;
}

}  // namespace

StatusOr<PendingVectors> FindPendingVectors(const StoreState& state, SharedMutex& lock,
                                            const Digest& feature, Ordinal from,
                                            const PendingLimits& limits,
                                            const registry::TextEmbedder& embedder) {
  PendingVectors pending{.next = from};
  while (!IsFull(pending, limits)) {
    ReaderLock reader(lock);
    const VectorTable* table = state.FindVectors(feature);
    if (table == nullptr) {
      return NotFound("vector feature ", feature.Short(), " does not exist");
    }
    const SourceState& source = *state.FindSource(table->feature().source);
    // What changed lately comes before what has waited since before the feature was there.
    const Ordinal end = source.key_uses[source.row_key].entity->keys().end();
    pending.left = end - std::min(pending.next, end);
    if (table->wanted_count() > 0) {
      const std::vector<Ordinal> wanted = table->Wanted(std::min<size_t>(kSlice, limits.max_texts));
      LARDER_RETURN_IF_ERROR(
          AddTexts(source, *table, wanted, limits, embedder, pending).status());
      pending.left += table->wanted_count() - std::min(table->wanted_count(), wanted.size());
      return pending;
    }
    pending.is_last = table->feature().external() || pending.left == 0;
    if (pending.is_last) return pending;
    std::vector<Ordinal> ordinals;
    const Ordinal slice_end = std::min(pending.next + kSlice, end);
    for (Ordinal ordinal = pending.next; ordinal < slice_end; ++ordinal) {
      if (!table->Has(ordinal) && source.rows->Live(ordinal)) ordinals.push_back(ordinal);
    }
    LARDER_ASSIGN_OR_RETURN(const size_t taken, AddTexts(source, *table, ordinals, limits,
                                                         embedder, pending));
    pending.next = taken < ordinals.size() ? ordinals[taken] : slice_end;
    pending.left = end - pending.next;
  }
  return pending;
}

}  // namespace larder::featurestore
