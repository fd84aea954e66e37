// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_WORDPIECE_PIECE_TABLE_H_
#define LARDER_TEXT_WORDPIECE_PIECE_TABLE_H_

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace larder::text::internal {

// No piece of a vocabulary is longer. A word that is not known is tried at every length up to this.
inline constexpr size_t kMaxPieceBytes = 256;

// Finds the longest piece at the beginning of a text: a hash table of pieces, asked for each length
// that some piece has, longest first. Most words are a piece, so that one question answers them.
//
// Thread-safety: thread-safe once built.
class PieceTable {
 public:
  struct Match {
    int32_t id = -1;  // -1: none
    size_t size = 0;  // bytes
  };

  // For `count` pieces at most.
  explicit PieceTable(size_t count);

  // Adds a piece, of those that start a word or of those that continue one; empty ones are never
  // found. Errors: kDataLoss for one over kMaxPieceBytes, one that is there already, or when very
  // many pieces fall on one place of the table (searching would be slow).
  Status Add(std::string_view piece, bool continues, int32_t id);

  // Cost: O(min(text.size(), kMaxPieceBytes)) questions at worst.
  Match Longest(std::string_view text, bool continues) const;

 private:
  struct Slot {
    uint32_t tag = 0;  // half of the hash
    uint32_t offset = 0;
    int32_t id = -1;  // -1: empty
    uint16_t size = 0;
    bool continues = false;
  };
  bool Holds(const Slot& slot, uint64_t hash, std::string_view piece, bool continues) const;
  int32_t Find(std::string_view piece, uint64_t hash, bool continues) const;
  size_t PlaceOf(uint64_t hash) const { return static_cast<size_t>(hash >> shift_); }

  int shift_ = 0;  // the hash's leading bits are its place
  std::vector<Slot> slots_;
  std::string bytes_;
  std::array<std::bitset<kMaxPieceBytes + 1>, 2> has_length_;  // [continues]
  std::array<size_t, 2> longest_{};
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_WORDPIECE_PIECE_TABLE_H_
