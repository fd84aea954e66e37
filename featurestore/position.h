// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_POSITION_H_
#define LARDER_FEATURESTORE_POSITION_H_

#include <compare>
#include <cstdint>

namespace larder::featurestore {

// Where a record stands in the log (S1.9): entry number and index in the entry's batch, packed so
// that the order of the numbers is the order of the log. Opaque outside the process.
// Entries count from 1; Position{} is before everything.
struct Position {
  uint64_t value = 0;

  static constexpr int kIndexBits = 14;  // a batch has at most 10,000 records (S11)
  static constexpr Position Of(uint64_t entry, uint64_t index) {
    return Position{(entry << kIndexBits) | index};
  }
  constexpr uint64_t entry() const { return value >> kIndexBits; }
  constexpr uint64_t index() const { return value & ((uint64_t{1} << kIndexBits) - 1); }
  constexpr auto operator<=>(const Position&) const = default;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_POSITION_H_
