// SPDX-License-Identifier: Apache-2.0
#include "featurestore/value_bytes.h"

#include <bit>
#include <cstring>
#include <span>
#include <vector>

#include "base/bytes.h"

namespace larder::featurestore {

using registry::Column;
using registry::Kind;
using registry::Reason;
using registry::Type;

namespace {

size_t VectorBytes(const Type& type) {
  return size_t{type.dimensions} * (type.int8 ? sizeof(int8_t) : sizeof(float));
}

// One element of a list: a byte that says whether it is valid (or why not), then its value.
void AppendElement(const Column& column, size_t element, ByteWriter& out) {
  const Reason reason = column.element_reason(element);
  out.Fixed(static_cast<uint8_t>(reason));
  if (reason != Reason::kValid) return;
  switch (column.type.kind) {
    case Kind::kString:
    case Kind::kKey: out.String(column.strings[element]); return;
    case Kind::kDouble:
    case Kind::kFloat: out.Fixed(column.doubles[element]); return;
    case Kind::kVector: return;  // the language has no lists of vectors
    default: out.Fixed(column.ints[element]); return;
  }
}

}  // namespace

bool IsFixed(const Type& type) {
  if (type.list) return false;
  return type.kind != Kind::kString && type.kind != Kind::kKey && type.kind != Kind::kVector;
}

int64_t FixedBits(const Column& column, size_t row) {
  if (IsReal(column.type.kind)) return std::bit_cast<int64_t>(column.doubles[row]);
  return column.ints[row];
}

void AppendValueBytes(const Column& column, size_t row, std::string& out) {
  const Type& type = column.type;
  if (type.list) {
    ByteWriter writer(out);
    const size_t begin = column.offsets[row];
    const size_t end = column.offsets[row + 1];
    writer.Varint(end - begin);
    for (size_t i = begin; i < end; ++i) AppendElement(column, i, writer);
    return;
  }
  if (type.kind == Kind::kVector) {
    const size_t size = type.dimensions;
    out.append(type.int8
                   ? AsBytes(std::span<const int8_t>(column.codes).subspan(row * size, size))
                   : AsBytes(std::span<const float>(column.floats).subspan(row * size, size)));
    return;
  }
  out.append(column.strings[row]);
}

bool CheckValueBytes(const Type& type, std::string_view bytes) {
  if (!type.list) return type.kind != Kind::kVector || bytes.size() == VectorBytes(type);
  ByteReader in(bytes);
  const size_t count = in.Count();
  for (size_t i = 0; i < count && in.ok(); ++i) {
    const auto reason = in.Fixed<uint8_t>();
    if (reason > static_cast<uint8_t>(Reason::kFailed)) return false;
    if (reason != 0) continue;
    if (type.kind == Kind::kString || type.kind == Kind::kKey) {
      in.String();
    } else if (type.kind != Kind::kVector) {
      in.Fixed<int64_t>();
    } else {
      return false;
    }
  }
  return in.ok() && in.remaining() == 0;
}

void AppendFixed(int64_t bits, Column& out) {
  if (IsReal(out.type.kind)) {
    out.AppendDouble(std::bit_cast<double>(bits));
  } else {
    out.AppendInt(bits);
  }
}

void AppendValue(std::string_view bytes, Column& out) {
  const Type& type = out.type;
  if (type.list) {
    ByteReader in(bytes);
    const size_t count = in.Count();
    for (size_t i = 0; i < count; ++i) {
      const auto reason = static_cast<Reason>(in.Fixed<uint8_t>());
      if (reason != Reason::kValid) {
        out.AddNull(reason);
      } else if (type.kind == Kind::kString || type.kind == Kind::kKey) {
        out.AddString(in.String());
      } else if (IsReal(type.kind)) {
        out.AddDouble(in.Fixed<double>());
      } else {
        out.AddInt(in.Fixed<int64_t>());
      }
    }
    out.EndList();
    return;
  }
  if (type.kind != Kind::kVector) {
    out.AppendString(bytes);
  } else if (type.int8) {
    out.AppendCodes({reinterpret_cast<const int8_t*>(bytes.data()), bytes.size()});
  } else {
    // Rows do not align their bytes.
    std::vector<float> values(type.dimensions);
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
    out.AppendFloats(values);
  }
}

}  // namespace larder::featurestore
