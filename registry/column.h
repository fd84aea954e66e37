// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_COLUMN_H_
#define LARDER_REGISTRY_COLUMN_H_

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "registry/type.h"

namespace larder::registry {

// A dense process-local number of a key of one entity. Never leaves the process.
using Ordinal = uint32_t;
inline constexpr Ordinal kNoOrdinal = std::numeric_limits<Ordinal>::max();

// The age of a value that has none, such as a request column (S4.2): never the oldest input.
inline constexpr TimeUs kNoTime = std::numeric_limits<TimeUs>::max();

// Strings stored end to end; string i is bytes [ends[i-1], ends[i]).
struct StringValues {
  std::string bytes;
  std::vector<uint32_t> ends;

  size_t size() const { return ends.size(); }
  std::string_view operator[](size_t i) const {
    const uint32_t begin = i == 0 ? 0 : ends[i - 1];
    return std::string_view(bytes).substr(begin, ends[i] - begin);
  }
  void push_back(std::string_view value) {
    bytes.append(value);
    ends.push_back(static_cast<uint32_t>(bytes.size()));
  }
  void clear() {
    bytes.clear();
    ends.clear();
  }
};

// The values of one expression for `rows` rows; the unit on which programs, parsing, reads and
// replies work. A column with one row broadcasts against any number of rows.
//
// Elements: for a scalar type element i is row i; for a list type row r is the elements
// [offsets[r], offsets[r+1]). Exactly one value array is used, by kind:
//   kBool, kInt64, kTimestamp, kDuration -> ints (bool: 0 or 1)
//   kFloat, kDouble                      -> doubles
//   kString, kKey                        -> strings
//   kVector                              -> codes [elements, dimensions] if type.int8,
//                                           else floats [elements, dimensions]
// A null element still has a (zero or empty) entry in its value array.
// Thread-safety: thread-compatible.
struct Column {
  Type type;
  size_t rows = 0;
  std::vector<uint32_t> offsets;  // lists: rows + 1; else empty
  std::vector<int64_t> ints;
  std::vector<double> doubles;
  StringValues strings;
  std::vector<int8_t> codes;
  std::vector<float> floats;
  // Per row: why it is null; Reason::kValid if it is not.
  std::vector<Reason> reasons;
  // Lists only: per element; empty means that every element is valid (`gather` keeps nulls).
  std::vector<Reason> element_reasons;
  // Per row: the oldest input's newest event time (S4.2), kNoTime if none. Empty if not asked for.
  std::vector<TimeUs> times;
  // kKey only: per element its ordinal, if resolved; else empty.
  std::vector<Ordinal> ordinals;

  size_t elements() const { return type.list ? (offsets.empty() ? 0 : offsets.back()) : rows; }
  bool valid(size_t row) const { return reasons[row] == Reason::kValid; }

  // Appends one null row (for lists: an empty one).
  void AppendNull(Reason reason);
  // Appends one valid scalar row; the overload must fit the kind.
  void AppendInt(int64_t value);
  void AppendDouble(double value);
  void AppendString(std::string_view value);
  void AppendCodes(std::span<const int8_t> vector);
  void AppendFloats(std::span<const float> vector);
  // Lists: elements of the row that is being written, then EndList() to finish it as a valid row.
  void AddInt(int64_t value);
  void AddDouble(double value);
  void AddString(std::string_view value);
  void AddNull(Reason reason);
  void EndList();
  // Appends row `row` of `from`, a column of the same type: value or null, with its elements. Takes
  // its time too if both columns have times. Ordinals are not copied.
  void AppendRow(const Column& from, size_t row);
  // The element's reason, kValid if it is not null.
  Reason element_reason(size_t element) const {
    if (!type.list) return reasons[element];
    return element_reasons.empty() ? Reason::kValid : element_reasons[element];
  }
  // An empty column of `type`, with room for `rows` rows.
  static Column Of(Type type, size_t reserve_rows = 0);
};

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_COLUMN_H_
