// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/sentencepiece_check.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>

#include "base/bytes.h"

namespace larder::text::internal {
namespace {

constexpr size_t kMaxPieces = 1'000'000;
constexpr size_t kMaxPieceBytes = 1'024;
// Scores are log probabilities or negated merge ranks; the bound keeps sums over a text finite.
constexpr float kMaxAbsScore = 1e9f;

enum Wire : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  uint32_t number = 0;
  uint32_t wire = 0;
  uint64_t integer = 0;
  std::string_view bytes;
};

// Reads the next protobuf field; fails the reader on anything that is not well formed.
Field NextField(ByteReader& reader) {
  Field field;
  const uint64_t tag = reader.Varint();
  field.number = static_cast<uint32_t>(tag >> 3);
  field.wire = static_cast<uint32_t>(tag & 7);
  if (tag > UINT32_MAX || field.number == 0) {
    reader.Fail();
    return field;
  }
  switch (field.wire) {
    case kVarint: field.integer = reader.Varint(); break;
    case kFixed64: field.integer = reader.Fixed<uint64_t>(); break;
    case kBytes: field.bytes = reader.Raw(reader.Varint()); break;
    case kFixed32: field.integer = reader.Fixed<uint32_t>(); break;
    default: reader.Fail();
  }
  return field;
}

struct Piece {
  std::string_view text;
  uint64_t type = 1;
};

constexpr uint64_t kUnknownPiece = 2;
constexpr uint64_t kLastPieceType = 6;

Status ReadPiece(std::string_view bytes, size_t index, std::string_view name, Piece& piece) {
  ByteReader reader(bytes);
  float score = 0;
  while (reader.ok() && reader.remaining() > 0) {
    const Field field = NextField(reader);
    if (field.number == 1 && field.wire == kBytes) piece.text = field.bytes;
    if (field.number == 2 && field.wire == kFixed32) {
      score = std::bit_cast<float>(static_cast<uint32_t>(field.integer));
    }
    if (field.number == 3 && field.wire == kVarint) piece.type = field.integer;
  }
  if (!reader.ok()) return DataLoss(name, ": piece ", index, " is not well formed");
  if (piece.text.empty() || piece.text.size() > kMaxPieceBytes) {
    return DataLoss(name, ": piece ", index, " has ", piece.text.size(),
                    " bytes, expected 1 to ", kMaxPieceBytes);
  }
  if (!IsUtf8(piece.text) || piece.text.find('\0') != std::string_view::npos) {
    return DataLoss(name, ": piece ", index, " is not UTF-8 text");
  }
  if (!std::isfinite(score) || std::abs(score) > kMaxAbsScore) {
    return DataLoss(name, ": piece ", index, " has a score that is not a number in range");
  }
  if (piece.type == 0 || piece.type > kLastPieceType) {
    return DataLoss(name, ": piece ", index, " has the unknown type ", piece.type);
  }
  return OkStatus();
}

uint32_t Unit(std::string_view units, size_t index) {
  uint32_t value;
  std::memcpy(&value, units.data() + index * sizeof value, sizeof value);
  return value;
}

// The table is u32 size of the double array, the array, then NUL-terminated replacements. A unit
// holds an offset to its children's block (index XOR offset XOR label) and says whether the
// child with label 0 is a value: a position among the replacements.
Status CheckCharsMap(std::string_view map, std::string_view name) {
  if (map.empty()) return OkStatus();
  ByteReader reader(map);
  const uint32_t array_bytes = reader.Fixed<uint32_t>();
  const std::string_view units = reader.Raw(array_bytes);
  // Blocks of 256 units: with them, one check covers every label of a unit.
  if (!reader.ok() || units.empty() || units.size() % (256 * sizeof(uint32_t)) != 0) {
    return DataLoss(name, ": the normaliser's table has a double array of ", array_bytes,
                    " bytes in ", map.size());
  }
  const std::string_view replacements = map.substr(sizeof(uint32_t) + units.size());
  if (replacements.empty() || replacements.back() != '\0') {
    return DataLoss(name, ": the normaliser's replacements do not end with a NUL");
  }
  const size_t count = units.size() / sizeof(uint32_t);
  for (size_t i = 0; i < count; ++i) {
    const uint32_t unit = Unit(units, i);
    if (unit >> 31) continue;  // a value: never walked from, checked where it is referred to
    const uint64_t offset = uint64_t{unit >> 10} << ((unit & (1u << 9)) >> 6);
    const uint64_t child = i ^ offset;
    if (child >= count) {
      return DataLoss(name, ": unit ", i, " of the normaliser's double array points outside it");
    }
    if (((unit >> 8) & 1) != 0) {
      const uint32_t value = Unit(units, child) & 0x7fffffffu;
      if (value >= replacements.size()) {
        return DataLoss(name, ": unit ", i, " of the normaliser's double array names replacement ",
                        value, " of ", replacements.size(), " bytes");
      }
    }
  }
  return OkStatus();
}

Status CheckNormalizer(std::string_view bytes, std::string_view name, std::string_view what) {
  ByteReader reader(bytes);
  std::string_view map;
  while (reader.ok() && reader.remaining() > 0) {
    const Field field = NextField(reader);
    if (field.number == 2 && field.wire == kBytes) map = field.bytes;
  }
  if (!reader.ok()) return DataLoss(name, ": the ", what, " spec is not well formed");
  return CheckCharsMap(map, name);
}

Status CheckTrainerSpec(std::string_view bytes, std::string_view name) {
  ByteReader reader(bytes);
  uint64_t type = 1;
  while (reader.ok() && reader.remaining() > 0) {
    const Field field = NextField(reader);
    if (field.number == 3 && field.wire == kVarint) type = field.integer;
  }
  if (!reader.ok()) return DataLoss(name, ": the trainer spec is not well formed");
  if (type == 0 || type > 4) return DataLoss(name, ": unknown model type ", type);
  return OkStatus();
}

}  // namespace

Status CheckSentencePieceModel(std::string_view bytes, std::string_view name) {
  ByteReader reader(bytes);
  size_t pieces = 0;
  size_t unknown = 0;
  while (reader.ok() && reader.remaining() > 0) {
    const Field field = NextField(reader);
    if (!reader.ok() || field.wire != kBytes) continue;
    Status status;
    if (field.number == 1) {
      if (pieces == kMaxPieces) return DataLoss(name, ": more than ", kMaxPieces, " pieces");
      Piece piece;
      status = ReadPiece(field.bytes, pieces++, name, piece);
      unknown += piece.type == kUnknownPiece;
    } else if (field.number == 2) {
      status = CheckTrainerSpec(field.bytes, name);
    } else if (field.number == 3) {
      status = CheckNormalizer(field.bytes, name, "normaliser");
    } else if (field.number == 5) {
      status = CheckNormalizer(field.bytes, name, "denormaliser");
    }
    LARDER_RETURN_IF_ERROR(status);
  }
  if (!reader.ok()) return DataLoss(name, ": not a SentencePiece model (truncated or damaged)");
  if (pieces == 0) return DataLoss(name, ": not a SentencePiece model (no pieces)");
  if (unknown != 1) {
    return DataLoss(name, ": ", unknown, " unknown pieces, expected exactly one");
  }
  return OkStatus();
}

}  // namespace larder::text::internal
