// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRAINING_PIECE_PARTS_H_
#define LARDER_TEXT_TRAINING_PIECE_PARTS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace larder::text::internal {

// Which vectors a piece's row is the sum of while it is learned. Vector k, of the first pieces(),
// is of piece k alone; those behind them pieces share.
struct PieceParts {
  struct Part {
    uint32_t vector;
    float weight;
  };
  std::vector<size_t> begin = {0};  // of each piece's parts; one more than there are pieces
  std::vector<Part> parts;
  size_t vectors = 0;

  size_t pieces() const { return begin.size() - 1; }
  std::span<const Part> of(size_t piece) const {
    return std::span(parts).subspan(begin[piece], begin[piece + 1] - begin[piece]);
  }
};

// A piece's row is its own vector.
PieceParts WholePieces(size_t pieces);

// The tokenizer's pieces, and behind them `more` that are whole. Vectors are shared for letters, 2
// to 4 in a row, that several pieces have: "network" and "networks" begin near each other, and what
// is learned of one is learned of the other. Letters that few pieces have count more. A piece's
// weights have the length 1; that of its own vector is 1 / sqrt(10), or 1 if it shares nothing.
//
// Source: Bojanowski et al. 2017, "Enriching word vectors with subword information"; differs: of
//         pieces, weighed by rarity, and summed up into one table when training ends.
// Cost: O(bytes of all pieces).
PieceParts PiecesByLetters(const Tokenizer& tokenizer, size_t more);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_TRAINING_PIECE_PARTS_H_
