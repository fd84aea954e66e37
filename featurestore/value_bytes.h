// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_VALUE_BYTES_H_
#define LARDER_FEATURESTORE_VALUE_BYTES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "registry/column.h"
#include "registry/type.h"

namespace larder::featurestore {

// Values of columns as bytes, for rows. A value of a fixed type is 8 bytes (doubles bit by bit); a
// text is its bytes, a vector its numbers, a list its count and elements (docs/formats/state.md).

// True for types whose values are one number.
bool IsFixed(const registry::Type& type);
// True for kinds whose columns keep their values in `doubles`.
inline bool IsReal(registry::Kind kind) {
  return kind == registry::Kind::kDouble || kind == registry::Kind::kFloat;
}

// The 8 bytes of a valid fixed value.
int64_t FixedBits(const registry::Column& column, size_t row);
// Appends a valid value of any other type to `out`.
void AppendValueBytes(const registry::Column& column, size_t row, std::string& out);

// True if `bytes` is a value of this type, not fixed.
bool CheckValueBytes(const registry::Type& type, std::string_view bytes);
// Appends the value as one row; the bytes have been checked.
void AppendFixed(int64_t bits, registry::Column& out);
void AppendValue(std::string_view bytes, registry::Column& out);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_VALUE_BYTES_H_
