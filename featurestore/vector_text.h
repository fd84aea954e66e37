// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_VECTOR_TEXT_H_
#define LARDER_FEATURESTORE_VECTOR_TEXT_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/status.h"
#include "featurestore/row.h"
#include "featurestore/store_state.h"
#include "registry/column.h"
#include "registry/stored_feature.h"

namespace larder::featurestore {

// The columns of a batch in the order of `schema`, whatever revision validated the batch: columns
// that it does not have are null. `storage` holds what had to be copied.
std::span<const registry::Column> AlignColumns(const registry::Source& schema,
                                               std::span<const std::string> names,
                                               std::span<const registry::Column> columns,
                                               size_t rows,
                                               std::vector<registry::Column>& storage);

// The text of each record of a batch for a feature with an encoder; none if all its fields are
// null. `columns` are aligned with use.schema.
StatusOr<std::vector<std::optional<std::string>>> VectorTexts(
    const SourceState::VectorUse& use, std::span<const registry::Column> columns, size_t rows,
    const registry::TextEmbedder& embedder);

// The same for stored rows (none for tombstones and null pointers).
StatusOr<std::vector<std::optional<std::string>>> VectorTexts(
    const SourceState::VectorUse& use, std::span<const Row* const> rows,
    const registry::TextEmbedder& embedder);

// What a vector is made from, hashed (S7.3).
inline Hash128 ContentHash(std::string_view text) { return HashTo128(text); }

// The float vector of a row whose vectors come with it; empty if it has none.
std::vector<float> ExternalVector(const SourceState::VectorUse& use, const Row& row);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_VECTOR_TEXT_H_
