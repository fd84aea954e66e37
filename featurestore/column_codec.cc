// SPDX-License-Identifier: Apache-2.0
#include "featurestore/column_codec.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace larder::featurestore {
namespace {

using registry::Column;
using registry::Kind;
using registry::Reason;
using registry::Type;

constexpr uint32_t kMaxDimensions = 1 << 16;
constexpr uint8_t kListBit = 1;
constexpr uint8_t kInt8Bit = 2;

// How a set of nulls is stored.
enum class Nulls : uint8_t { kNone = 0, kBitmap = 1, kAll = 2 };

void EncodeBits(const std::vector<bool>& bits, ByteWriter& out) {
  std::string bytes((bits.size() + 7) / 8, '\0');
  for (size_t i = 0; i < bits.size(); ++i) {
    if (bits[i]) bytes[i / 8] = static_cast<char>(bytes[i / 8] | (1 << (i % 8)));
  }
  out.Raw(bytes);
}

std::vector<bool> DecodeBits(size_t count, ByteReader& in) {
  const std::string_view bytes = in.Raw(count / 8 + (count % 8 != 0));
  std::vector<bool> bits;
  if (!in.ok()) return bits;
  bits.resize(count);
  for (size_t i = 0; i < count; ++i) bits[i] = (bytes[i / 8] >> (i % 8)) & 1;
  if (count % 8 != 0 && static_cast<uint8_t>(bytes.back()) >> (count % 8) != 0) in.Fail();
  return bits;
}

// `all` is how nulls are stored where there is nothing else.
void EncodeNulls(std::span<const Reason> reasons, Nulls all, ByteWriter& out) {
  const auto valid =
      static_cast<size_t>(std::count(reasons.begin(), reasons.end(), Reason::kValid));
  const Nulls mode = valid == reasons.size() ? Nulls::kNone
                     : valid == 0            ? all
                                             : Nulls::kBitmap;
  out.Fixed(static_cast<uint8_t>(mode));
  if (mode != Nulls::kBitmap) return;
  std::vector<bool> bits(reasons.size());
  for (size_t i = 0; i < reasons.size(); ++i) bits[i] = reasons[i] != Reason::kValid;
  EncodeBits(bits, out);
}

std::vector<Reason> DecodeNulls(size_t count, Nulls all, ByteReader& in) {
  const auto mode = static_cast<Nulls>(in.Fixed<uint8_t>());
  if (mode == Nulls::kAll && all != Nulls::kAll) {
    in.Fail();
    return {};
  }
  switch (mode) {
    case Nulls::kNone:
      return std::vector<Reason>(count, Reason::kValid);
    case Nulls::kAll:
      return std::vector<Reason>(count, Reason::kInputNull);
    case Nulls::kBitmap: {
      const std::vector<bool> bits = DecodeBits(count, in);
      std::vector<Reason> reasons(bits.size());
      for (size_t i = 0; i < bits.size(); ++i) {
        reasons[i] = bits[i] ? Reason::kInputNull : Reason::kValid;
      }
      return reasons;
    }
  }
  in.Fail();
  return {};
}

// The reasons of all elements: of rows for scalars, of what lists hold otherwise.
std::span<const Reason> ElementReasons(const Column& column, std::vector<Reason>& scratch) {
  if (!column.type.list) return column.reasons;
  if (column.element_reasons.empty()) scratch.assign(column.elements(), Reason::kValid);
  return column.element_reasons.empty() ? std::span<const Reason>(scratch) : column.element_reasons;
}

void EncodeInts(const Column& column, std::span<const Reason> reasons, ByteWriter& out) {
  int64_t previous = 0;
  for (size_t i = 0; i < reasons.size(); ++i) {
    if (reasons[i] != Reason::kValid) continue;
    out.SignedVarint(WrapSub(column.ints[i], previous));
    if (column.type.kind == Kind::kTimestamp) previous = column.ints[i];
  }
}

void EncodeStrings(const Column& column, std::span<const Reason> reasons, ByteWriter& out) {
  for (size_t i = 0; i < reasons.size(); ++i) {
    if (reasons[i] == Reason::kValid) out.Varint(column.strings[i].size());
  }
  for (size_t i = 0; i < reasons.size(); ++i) {
    if (reasons[i] == Reason::kValid) out.Raw(column.strings[i]);
  }
}

void EncodeValues(const Column& column, std::span<const Reason> reasons, ByteWriter& out) {
  switch (column.type.kind) {
    case Kind::kBool: {
      std::vector<bool> bits;
      for (size_t i = 0; i < reasons.size(); ++i) {
        if (reasons[i] == Reason::kValid) bits.push_back(column.ints[i] != 0);
      }
      return EncodeBits(bits, out);
    }
    case Kind::kInt64:
    case Kind::kTimestamp:
    case Kind::kDuration:
      return EncodeInts(column, reasons, out);
    case Kind::kFloat:
    case Kind::kDouble:
      for (size_t i = 0; i < reasons.size(); ++i) {
        if (reasons[i] != Reason::kValid) continue;
        if (column.type.kind == Kind::kFloat) {
          out.Fixed(static_cast<float>(column.doubles[i]));
        } else {
          out.Fixed(column.doubles[i]);
        }
      }
      return;
    case Kind::kString:
    case Kind::kKey:
      return EncodeStrings(column, reasons, out);
    case Kind::kVector: {
      const size_t size = column.type.dimensions;
      for (size_t i = 0; i < reasons.size(); ++i) {
        if (reasons[i] != Reason::kValid) continue;
        out.Raw(column.type.int8 ? AsBytes(std::span(column.codes).subspan(i * size, size))
                                 : AsBytes(std::span(column.floats).subspan(i * size, size)));
      }
      return;
    }
  }
}

void DecodeStrings(std::span<const Reason> reasons, Column& column, ByteReader& in) {
  std::vector<uint32_t>& ends = column.strings.ends;
  ends.reserve(reasons.size());
  uint64_t end = 0;
  for (const Reason reason : reasons) {
    const uint64_t size = reason == Reason::kValid ? in.Varint() : 0;
    if (size > in.remaining()) return in.Fail();
    end += size;
    if (end > in.remaining()) return in.Fail();
    ends.push_back(static_cast<uint32_t>(end));
  }
  column.strings.bytes = in.Raw(static_cast<size_t>(end));
}

// Makes room for `elements` values of the kind, and reads the valid ones.
void DecodeValues(std::span<const Reason> reasons, Column& column, ByteReader& in) {
  const auto valid =
      static_cast<size_t>(std::count(reasons.begin(), reasons.end(), Reason::kValid));
  const Kind kind = column.type.kind;
  if (kind == Kind::kBool) {
    const std::vector<bool> bits = DecodeBits(valid, in);
    if (!in.ok()) return;
    column.ints.reserve(reasons.size());
    size_t next = 0;
    for (const Reason reason : reasons) {
      column.ints.push_back(reason == Reason::kValid ? bits[next++] : 0);
    }
  } else if (kind == Kind::kInt64 || kind == Kind::kTimestamp || kind == Kind::kDuration) {
    if (valid > in.remaining()) return in.Fail();
    column.ints.reserve(reasons.size());
    int64_t previous = 0;
    for (const Reason reason : reasons) {
      const int64_t value =
          reason == Reason::kValid ? WrapAdd(in.SignedVarint(), previous) : int64_t{0};
      if (kind == Kind::kTimestamp && reason == Reason::kValid) previous = value;
      column.ints.push_back(value);
    }
  } else if (kind == Kind::kFloat || kind == Kind::kDouble) {
    if (valid > in.remaining() / (kind == Kind::kFloat ? 4 : 8)) return in.Fail();
    column.doubles.reserve(reasons.size());
    for (const Reason reason : reasons) {
      const bool has = reason == Reason::kValid;
      column.doubles.push_back(!has                   ? 0
                               : kind == Kind::kFloat ? static_cast<double>(in.Fixed<float>())
                                                      : in.Fixed<double>());
    }
  } else if (kind == Kind::kString || kind == Kind::kKey) {
    DecodeStrings(reasons, column, in);
  } else {
    const size_t size = column.type.dimensions;
    const size_t bytes = size * (column.type.int8 ? 1 : sizeof(float));
    if (valid > in.remaining() / bytes) return in.Fail();
    column.codes.resize(column.type.int8 ? reasons.size() * size : 0);
    column.floats.resize(column.type.int8 ? 0 : reasons.size() * size);
    char* to = column.type.int8 ? reinterpret_cast<char*>(column.codes.data())
                                : reinterpret_cast<char*>(column.floats.data());
    for (size_t i = 0; i < reasons.size(); ++i) {
      if (reasons[i] != Reason::kValid) continue;
      const std::string_view raw = in.Raw(bytes);
      std::copy(raw.begin(), raw.end(), to + i * bytes);
    }
  }
}

}  // namespace

size_t CellsPerRecord(std::span<const registry::Column> columns) {
  size_t cells = 0;
  for (const Column& column : columns) cells += CellsOf(column.type);
  return cells;
}

void EncodeType(const Type& type, ByteWriter& out) {
  out.Fixed(static_cast<uint8_t>(type.kind));
  out.Fixed(static_cast<uint8_t>((type.list ? kListBit : 0) | (type.int8 ? kInt8Bit : 0)));
  if (type.kind == Kind::kKey || type.kind == Kind::kVector) out.String(type.of);
  if (type.kind == Kind::kVector) out.Varint(type.dimensions);
}

Type DecodeType(ByteReader& in) {
  Type type;
  const auto kind = in.Fixed<uint8_t>();
  const auto bits = in.Fixed<uint8_t>();
  if (kind < static_cast<uint8_t>(Kind::kBool) || kind > static_cast<uint8_t>(Kind::kVector) ||
      bits > (kListBit | kInt8Bit)) {
    in.Fail();
    return type;
  }
  type.kind = static_cast<Kind>(kind);
  type.list = (bits & kListBit) != 0;
  type.int8 = (bits & kInt8Bit) != 0;
  if (type.kind == Kind::kKey || type.kind == Kind::kVector) type.of = in.String();
  if (type.kind == Kind::kVector) {
    const uint64_t dimensions = in.Varint();
    if (dimensions == 0 || dimensions > kMaxDimensions || type.list) in.Fail();
    type.dimensions = static_cast<uint32_t>(dimensions);
  } else if (type.int8) {
    in.Fail();
  }
  return type;
}

void EncodeColumn(const Column& column, ByteWriter& out) {
  EncodeNulls(column.reasons, Nulls::kAll, out);
  std::vector<Reason> scratch;
  const std::span<const Reason> reasons = ElementReasons(column, scratch);
  if (column.type.list) {
    for (size_t row = 0; row < column.rows; ++row) {
      if (column.valid(row)) out.Varint(column.offsets[row + 1] - column.offsets[row]);
    }
    // Each element takes a bit at least, so that few bytes never stand for many elements.
    EncodeNulls(reasons, Nulls::kBitmap, out);
  }
  EncodeValues(column, reasons, out);
}

Column DecodeColumn(Type type, size_t rows, size_t max_elements, ByteReader& in) {
  Column column = Column::Of(std::move(type));
  column.rows = rows;
  column.reasons = DecodeNulls(rows, Nulls::kAll, in);
  if (!in.ok()) return column;
  if (!column.type.list) {
    DecodeValues(column.reasons, column, in);
    return column;
  }
  uint64_t elements = 0;
  column.offsets.assign(1, 0);
  column.offsets.reserve(rows + 1);
  for (size_t row = 0; row < rows; ++row) {
    if (column.valid(row)) {
      const uint64_t length = in.Varint();
      elements += length;
      if (length > max_elements || elements > max_elements) in.Fail();
      if (!in.ok()) return column;
    }
    column.offsets.push_back(static_cast<uint32_t>(elements));
  }
  std::vector<Reason> reasons = DecodeNulls(static_cast<size_t>(elements), Nulls::kBitmap, in);
  if (!in.ok()) return column;
  DecodeValues(reasons, column, in);
  const bool all_valid = std::all_of(reasons.begin(), reasons.end(),
                                     [](Reason reason) { return reason == Reason::kValid; });
  if (!all_valid) column.element_reasons = std::move(reasons);
  return column;
}

}  // namespace larder::featurestore
