// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_JSON_CELLS_H_
#define LARDER_FEATURESTORE_JSON_CELLS_H_

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "featurestore/cell_values.h"
#include "featurestore/store.h"
#include "registry/compiled_registry.h"

namespace larder::featurestore {

// Reads one JSON object at a time into one cell per column of a source; the only user of the JSON
// library in this folder. Buffers are kept from record to record.
//
// Thread-safety: single-thread.
class JsonCells {
 public:
  // `source` must outlive it.
  JsonCells(const registry::Source& source, RecordFormat format);
  ~JsonCells();

  // Fills cells(), lists() and deleted() from `record`; they are valid until the next call.
  // Errors: kInvalidArgument: not JSON (with the byte), not an object, an unknown or repeated
  //         field, a value that does not fit its column. Which columns must be there, the caller
  //         checks.
  Status Read(std::string_view record);

  const std::vector<Cell>& cells() const;
  const ListValues& lists() const;
  // The value of `_delete`, if it is there and not null.
  std::optional<bool> deleted() const;

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_JSON_CELLS_H_
