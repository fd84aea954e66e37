// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_COLUMN_CODEC_H_
#define LARDER_FEATURESTORE_COLUMN_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/status.h"
#include "registry/column.h"

namespace larder::featurestore {

// A column of a batch counts one cell per row, a vector column one per dimension; so a batch of
// mostly null records cannot take more memory than this many values. The elements of all its lists
// are limited by the same number (16 MiB of JSON cannot hold more).
inline constexpr size_t kMaxBatchCells = size_t{1} << 24;
inline size_t CellsOf(const registry::Type& type) {
  return type.kind == registry::Kind::kVector ? type.dimensions : 1;
}
size_t CellsPerRecord(std::span<const registry::Column> columns);

// Types and values of columns as a log entry holds them (docs/formats/log.md). Reasons of null,
// times and ordinals are not stored: a null reads kInputNull.

// Deltas of numbers wrap around: any two int64 have one.
inline int64_t WrapSub(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
inline int64_t WrapAdd(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

void EncodeType(const registry::Type& type, ByteWriter& out);
// Fails the reader for a kind, a flag or a number of dimensions that no type has.
registry::Type DecodeType(ByteReader& in);

// The nulls, list lengths and values of `column`.
void EncodeColumn(const registry::Column& column, ByteWriter& out);
// A column of `type` with `rows` rows and at most `max_elements` elements of lists; fails the
// reader on malformed bytes. The caller has limited rows × CellsPerRecord to kMaxBatchCells.
registry::Column DecodeColumn(registry::Type type, size_t rows, size_t max_elements,
                              ByteReader& in);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_COLUMN_CODEC_H_
