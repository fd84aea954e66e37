// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_STORED_FEATURE_H_
#define LARDER_REGISTRY_STORED_FEATURE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/status.h"
#include "registry/column.h"

namespace larder::registry {

// What a program can look up by key: everything else is computed from it.
enum class StoredKind : uint8_t {
  kTableColumn = 1,  // a column of the current row of a table (S1.6)
  kAggregate = 2,    // the finalised value of one aggregate over one window (S3)
  kVector = 3,       // a text vector computed from a table row (`embed` in a table view)
  kRowTime = 4,      // the event time of the current row (a table's time column)
};

struct StoredFeature {
  StoredKind kind = StoredKind::kTableColumn;
  std::string entity;
  std::string source;  // kTableColumn, kRowTime: the table
  std::string column;  // kTableColumn: its name
  Digest digest;       // kAggregate, kVector: of the aggregate or the vector feature
  DurationUs ttl = 0;  // S4.2: a value whose age is larger reads `expired`; 0 = none
  Type type;
  // Hash of (kind, entity, source, column, digest): the store's key for its slot tables.
  Hash128 id;
};

// Reads stored features at one (P, T); implemented by the feature store's snapshots.
// Thread-safety: as the implementation says; calls of one program run come from one thread.
class FeatureReader {
 public:
  virtual ~FeatureReader() = default;

  // Fills `ordinals[i]` for `keys[i]`, kNoOrdinal for a key never seen. Same lengths.
  virtual void FindKeys(std::string_view entity, std::span<const std::string_view> keys,
                        std::span<Ordinal> ordinals) = 0;
  // The key of an ordinal of this entity; lives as long as the reader.
  virtual std::string_view KeyOf(std::string_view entity, Ordinal ordinal) = 0;
  // Appends one element per ordinal to `out` (made by Column::Of(feature.type)): value or null
  // with its reason; kNoOrdinal reads `not_found` (aggregates: S3.4). With `want_times` also times.
  virtual Status Read(const StoredFeature& feature, std::span<const Ordinal> ordinals,
                      bool want_times, Column& out) = 0;
};

// What a text is to an encoder that was trained with prompts: a row's text is a document, what a
// read embeds is a query.
enum class TextRole : uint8_t { kDocument, kQuery };

// Turns texts into vectors; implemented by `serving` over `text`. Thread-safety: thread-safe.
class TextEmbedder {
 public:
  virtual ~TextEmbedder() = default;
  // The codes of texts: `codes` is [texts.size(), VectorFeature::code_size()]. The same text in the
  // same role gives the same codes in every batch.
  // Errors: kNotFound for an encoder that is not active here.
  virtual Status Embed(const Digest& encoder, TextRole role,
                       std::span<const std::string_view> texts, std::span<int8_t> codes) = 0;
  // How the fields of `embed(encoder, a, b)` become one text; null fields have no data().
  virtual std::string JoinFields(std::span<const std::string_view> fields) const = 0;
};

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_STORED_FEATURE_H_
