// SPDX-License-Identifier: Apache-2.0
#include "featurestore/missing_vectors.h"

#include <algorithm>
#include <utility>

#include "featurestore/vector_text.h"

namespace larder::featurestore {

using registry::Ordinal;

namespace {

constexpr Ordinal kSlice = 256;

}  // namespace

StatusOr<std::vector<VectorInput>> FindMissingVectors(const StoreState& state, SharedMutex& lock,
                                                      const Digest& feature,
                                                      const registry::TextEmbedder& embedder) {
  std::vector<VectorInput> missing;
  for (Ordinal begin = 0;; begin += kSlice) {
    ReaderLock reader(lock);
    const VectorTable* table = state.FindVectors(feature);
    if (table == nullptr) {
      return NotFound("vector feature ", feature.Short(), " does not exist");
    }
    if (table->feature().column >= 0) return missing;  // they come with the rows
    const SourceState& source = *state.FindSource(table->feature().source);
    const KeyTable& keys = source.key_uses[source.row_key].entity->keys();
    if (begin >= keys.end()) return missing;
    std::vector<Ordinal> ordinals;
    std::vector<const Row*> rows;
    for (Ordinal ordinal = begin; ordinal < std::min(begin + kSlice, keys.end()); ++ordinal) {
      if (table->Has(ordinal) || !source.rows->Live(ordinal)) continue;
      ordinals.push_back(ordinal);
      rows.push_back(std::as_const(*source.rows).Find(ordinal));
    }
    if (rows.empty()) continue;
    const auto use =
        std::find_if(source.vectors.begin(), source.vectors.end(),
                     [&](const auto& candidate) { return candidate.vectors == table; });
    LARDER_CHECK(use != source.vectors.end());
    LARDER_ASSIGN_OR_RETURN(auto texts, VectorTexts(*use, rows, embedder));
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!texts[i].has_value()) continue;
      const Hash128 content = ContentHash(*texts[i]);
      missing.push_back({std::string(keys.KeyOf(ordinals[i])), content, *std::move(texts[i])});
    }
  }
}

}  // namespace larder::featurestore
