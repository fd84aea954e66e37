// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_RECORD_PARSER_H_
#define LARDER_FEATURESTORE_RECORD_PARSER_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "featurestore/record_batch.h"
#include "featurestore/store.h"
#include "registry/compiled_registry.h"

namespace larder::featurestore {

// A batch as sent, sorted into what can be stored and why the rest cannot.
struct ParsedBatch {
  RecordBatch good;                      // columns in the order of Source::columns
  std::vector<Status> statuses;          // per sent record
  std::vector<uint32_t> request_index;   // per row of `good`: which sent record it is, ascending
};

// Limits of a whole batch (S11): records, bytes, cells.
// Errors: kInvalidArgument saying which limit and how much came.
Status CheckBatchLimits(const registry::Source& source, std::span<const std::string_view> records);

// Reads JSON records of `source` (S1.2–S1.5, S1.8): typed values, key, time, id and payload hash.
// A bad record gets its own kInvalidArgument, "field 'f': expected …, got …"; the others go on.
//
// Rules: a missing or null column is null; a table's key, the time and a declared `id:` must be
//        there (a tombstone needs no id); undeclared fields are errors unless `extra: ignore`.
//        Keys may be JSON integers. Integers never come from 3.0 or "3" (kJsonText apart).
//        With `unit:`, timestamps are integers or RFC 3339 text, without it text only.
//        A list is a JSON array without nulls, an external vector an array of its numbers.
//        kJsonText: scalars may be text, arrays may be JSON text; "" is null.
// Order: rows of `good` are in the order of `records`.
// Thread-safety: any thread.
// Cost: O(bytes); several hundred thousand small records a second and core.
ParsedBatch ParseRecords(const registry::Source& source, RecordFormat format,
                         std::span<const std::string_view> records);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_RECORD_PARSER_H_
