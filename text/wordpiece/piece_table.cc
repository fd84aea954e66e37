// SPDX-License-Identifier: Apache-2.0
#include "text/wordpiece/piece_table.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace larder::text::internal {
namespace {

// Half full, linear probing: runs of this length do not happen by chance.
constexpr size_t kMaxProbes = 512;

// FNV-1a, with a larger multiplier so that the leading bits of short words differ.
constexpr uint64_t kStart = 0xCBF29CE484222325;
constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15;

uint64_t Start(bool continues) { return continues ? ~kStart : kStart; }
uint64_t Step(uint64_t hash, char byte) {
  return (hash ^ static_cast<uint8_t>(byte)) * kMultiplier;
}
// What one multiplication leaves undone: trailing bits depend on trailing bits alone.
uint64_t Mixed(uint64_t hash) { return (hash ^ (hash >> 32)) * kMultiplier; }

}  // namespace

PieceTable::PieceTable(size_t count) {
  const size_t size = std::bit_ceil(std::max<size_t>(count * 2, 16));
  slots_.resize(size);
  shift_ = 64 - std::countr_zero(size);
}

bool PieceTable::Holds(const Slot& slot, uint64_t hash, std::string_view piece,
                       bool continues) const {
  return slot.tag == static_cast<uint32_t>(hash) && slot.size == piece.size() &&
         slot.continues == continues &&
         std::memcmp(bytes_.data() + slot.offset, piece.data(), piece.size()) == 0;
}

Status PieceTable::Add(std::string_view piece, bool continues, int32_t id) {
  if (piece.empty()) return OkStatus();
  if (piece.size() > kMaxPieceBytes) {
    return DataLoss("a piece of ", piece.size(), " bytes, the limit is ", kMaxPieceBytes);
  }
  uint64_t hash = Start(continues);
  for (const char byte : piece) hash = Step(hash, byte);
  hash = Mixed(hash);
  size_t place = PlaceOf(hash);
  for (size_t probe = 0; probe < kMaxProbes; ++probe) {
    Slot& slot = slots_[place];
    if (slot.id < 0) {
      slot = {static_cast<uint32_t>(hash), static_cast<uint32_t>(bytes_.size()), id,
              static_cast<uint16_t>(piece.size()), continues};
      bytes_ += piece;
      has_length_[continues].set(piece.size());
      longest_[continues] = std::max(longest_[continues], piece.size());
      return OkStatus();
    }
    if (Holds(slot, hash, piece, continues)) {
      return DataLoss("the piece '", piece, "' is there twice");
    }
    place = (place + 1) & (slots_.size() - 1);
  }
  return DataLoss("more than ", kMaxProbes, " pieces collide with '", piece, "'");
}

int32_t PieceTable::Find(std::string_view piece, uint64_t hash, bool continues) const {
  // There are at least as many empty places as full ones.
  for (size_t place = PlaceOf(hash); slots_[place].id >= 0;
       place = (place + 1) & (slots_.size() - 1)) {
    if (Holds(slots_[place], hash, piece, continues)) return slots_[place].id;
  }
  return -1;
}

PieceTable::Match PieceTable::Longest(std::string_view text, bool continues) const {
  std::array<uint64_t, kMaxPieceBytes + 1> hashes;
  const size_t longest = std::min(text.size(), longest_[continues]);
  uint64_t hash = Start(continues);
  for (size_t i = 0; i < longest; ++i) hashes[i + 1] = hash = Step(hash, text[i]);
  for (size_t size = longest; size > 0; --size) {
    if (!has_length_[continues][size]) continue;
    const int32_t id = Find(text.substr(0, size), Mixed(hashes[size]), continues);
    if (id >= 0) return {id, size};
  }
  return {};
}

}  // namespace larder::text::internal
