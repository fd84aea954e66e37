// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_ROW_TABLE_H_
#define LARDER_FEATURESTORE_ROW_TABLE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "featurestore/chunked_array.h"
#include "featurestore/row.h"
#include "featurestore/window_table.h"
#include "registry/column.h"

namespace larder::featurestore {

// The current rows and tombstones of one table (S1.5, S1.6), by ordinal of its entity.
// Thread-safety: one writer, which excludes readers.
class RowTable {
 public:
  RowTable(std::string name, std::string entity)
      : name_(std::move(name)), entity_(std::move(entity)) {}

  const std::string& name() const { return name_; }
  const std::string& entity() const { return entity_; }

  // nullptr if the key never had a row. Tombstones are rows.
  const Row* Find(registry::Ordinal ordinal) const {
    return ordinal < rows_.capacity() ? rows_[ordinal].get() : nullptr;
  }
  Row* Find(registry::Ordinal ordinal) {
    return ordinal < rows_.capacity() ? rows_[ordinal].get() : nullptr;
  }
  bool Live(registry::Ordinal ordinal) const {
    const Row* row = Find(ordinal);
    return row != nullptr && !row->deleted();
  }

  // Makes `row`, which must be later than the current one, the current row; marks it dirty.
  void Set(registry::Ordinal ordinal, Row::Ptr row);
  // Puts a stored row in.
  void Install(registry::Ordinal ordinal, Row::Ptr row);

  // Appends column `column` of each ordinal's row: S4.1's not_found, deleted, expired, input_null.
  Status Read(std::string_view column, std::span<const registry::Ordinal> ordinals,
              const ReadAt& at, registry::Column& out) const;
  // The same for the row's event time.
  Status ReadTimes(std::span<const registry::Ordinal> ordinals, const ReadAt& at,
                   registry::Column& out) const;
  // Why the row gives no value: kNotFound, kDeleted, kExpired; kValid if it may.
  static registry::Reason ReasonOf(const Row* row, const ReadAt& at);

  // Asks for the rows of the ordinals some places after `i`, so that their cache misses overlap.
  void Prefetch(std::span<const registry::Ordinal> ordinals, size_t i) const;

  std::vector<registry::Ordinal> TakeDirty();
  size_t dirty_count() const { return dirty_.size(); }

 private:
  // Read for columns of numbers, written in place.
  Status ReadFixed(std::string_view column, std::span<const registry::Ordinal> ordinals,
                   const ReadAt& at, registry::Column& out) const;

  std::string name_;
  std::string entity_;
  ChunkedArray<Row::Ptr> rows_;
  std::vector<registry::Ordinal> dirty_;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_ROW_TABLE_H_
