// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_CELL_VALUES_H_
#define LARDER_FEATURESTORE_CELL_VALUES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "featurestore/store.h"
#include "registry/compiled_registry.h"

namespace larder::featurestore {

// The times that RFC 3339 can write: years 0001 to 9999.
inline constexpr TimeUs kMinTime = -62'135'596'800 * kSecondUs;
inline constexpr TimeUs kMaxTime = 253'402'300'800 * kSecondUs - 1;

// One JSON value before its type is known.
struct Token {
  enum class Kind : uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  bool truth = false;
  std::string_view text;  // kNumber: as written; kString: unescaped
  std::string_view got;   // as written; of arrays and objects, with all that follows
};

// The value of one column of one record. Views live as long as the record that is being read.
struct Cell {
  enum class State : uint8_t { kAbsent, kNull, kValue };
  State state = State::kAbsent;
  int64_t integer = 0;     // bool, int64, timestamp, duration
  double number = 0;       // float, double
  std::string_view text;   // string, key
  size_t begin = 0;        // lists and vectors: elements [begin, end) of the ListValues
  size_t end = 0;
};

// Elements of the lists and vectors of one record, by kind.
struct ListValues {
  std::vector<int64_t> integers;
  std::vector<double> numbers;
  std::vector<std::string_view> texts;
  std::vector<float> floats;
  void clear();
};

// Converts a scalar to the kind of `column` (its element, for a list) by the rules of ParseRecords.
// Errors: kInvalidArgument "expected …, got …", without the field's name.
Status ConvertScalar(const registry::Source& source, const registry::SourceColumn& column,
                     RecordFormat format, const Token& token, Cell& out);

// True for a number as JSON writes it (RFC 8259 §6); `integer` if it has no fraction or exponent.
bool IsJsonNumber(std::string_view text, bool* integer);

// `text` for a message: at most 64 bytes, cut between characters, control characters and
// what is not UTF-8 as '?'.
std::string Shorten(std::string_view text);
// The value that was read, as written, for a message.
std::string Shown(const Token& token);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_CELL_VALUES_H_
