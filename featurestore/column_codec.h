// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_COLUMN_CODEC_H_
#define LARDER_FEATURESTORE_COLUMN_CODEC_H_

#include <cstddef>
#include <span>

#include "base/bytes.h"
#include "base/status.h"
#include "registry/column.h"

namespace larder::featurestore {

// A column of a batch counts one cell per row, a vector column one per dimension; so a batch of
// mostly null records cannot take more memory than this many values. All elements of a list
// column are limited by the same number (16 MiB of JSON cannot hold more).
inline constexpr size_t kMaxBatchCells = size_t{1} << 24;
inline size_t CellsOf(const registry::Type& type) {
  return type.kind == registry::Kind::kVector ? type.dimensions : 1;
}
size_t CellsPerRecord(std::span<const registry::Column> columns);

// Types and values of columns as a log entry holds them (docs/formats/log.md). Reasons of null,
// times and ordinals are not stored: a null reads kInputNull.

void EncodeType(const registry::Type& type, ByteWriter& out);
// Fails the reader for a kind, a flag or a number of dimensions that no type has.
registry::Type DecodeType(ByteReader& in);

// The nulls, list lengths and values of `column`.
void EncodeColumn(const registry::Column& column, ByteWriter& out);
// A column of `type` with `rows` rows; fails the reader on malformed bytes. The caller has limited
// rows × CellsPerRecord to kMaxBatchCells.
registry::Column DecodeColumn(registry::Type type, size_t rows, ByteReader& in);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_COLUMN_CODEC_H_
