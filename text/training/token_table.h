// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRAINING_TOKEN_TABLE_H_
#define LARDER_TEXT_TRAINING_TOKEN_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "text/static/static_encoder.h"

namespace larder::text::internal {

// The ids of a text's pieces; the owner must outlive it.
using TokenIds = std::span<const int32_t>;

// Texts with their vectors of length 1, and the gradient of a loss by those vectors.
//
// Shapes: vectors and gradient [texts.size(), dimensions]; lengths [texts.size()], of the sums.
// A text without a known piece has a vector of zeros and gives no gradient.
struct TextBatch {
  std::vector<TokenIds> texts;
  std::vector<float> vectors;
  std::vector<float> lengths;
  std::vector<float> gradient;
};

// What a static encoder is while it is learned: a row and a gain per piece; the vector of a text is
// the sum of its pieces' gain * row, scaled to length 1.
//
// Thread-safety: thread-compatible; the work of a call is spread over the machine's processors,
// and the result does not depend on how many there are.
class TokenTable {
 public:
  // Rows are random directions of length 1; gains as given, 0 for a piece that is left out for
  // good. Shapes: gains [vocab].
  TokenTable(size_t dimensions, std::span<const float> gains, uint64_t seed);

  size_t vocab() const { return gains_.size(); }
  size_t dimensions() const { return dimensions_; }
  std::span<float> row(size_t piece) {
    return std::span(rows_).subspan(piece * dimensions_, dimensions_);
  }
  std::span<const float> row(size_t piece) const {
    return std::span(rows_).subspan(piece * dimensions_, dimensions_);
  }
  float gain(size_t piece) const { return gains_[piece]; }
  void set_gain(size_t piece, float gain) { gains_[piece] = gain; }

  // Fills the batch's vectors and lengths.
  void Embed(TextBatch& batch) const;

  // The loss's gradient by a piece's row and by its log-gain, for tests: what Step goes down by.
  struct PieceGradient {
    std::vector<float> row;
    float log_gain = 0;
  };

  struct Rates {
    float row = 0;        // of rows, whose elements are about dimensions^-1/2
    float log_gain = 0;   // of the gains' logarithms
    float decay = 0;      // share of the row's rate by which rows that are used shrink
  };
  // Moves rows and gains of the pieces in the batches down the gradients.
  // Source: Adam, Kingma & Ba 2015; differs: one second moment per row, and the moments of a row
  // move only when its piece is used.
  void Step(std::span<TextBatch* const> batches, const Rates& rates);

  // Sums the gradients of the batches by the pieces in them (ascending).
  std::vector<std::pair<int32_t, PieceGradient>> Gradients(
      std::span<TextBatch* const> batches) const;

  // Rounds each row to int8 by its own largest entry and puts what that scaling took, times the
  // gain, into the integer weight. Of the first `count` pieces.
  StaticTables Quantise(size_t count) const;

 private:
  struct Use {
    int32_t piece;
    uint32_t text;  // over all batches
  };
  // The pieces' uses, by piece, then by text; and the gradient by each text's sum.
  std::vector<Use> SortUses(std::span<TextBatch* const> batches) const;
  std::vector<float> SumGradients(std::span<TextBatch* const> batches) const;
  // The gradient by the row of the piece that uses[0] to uses[n - 1] have; returns the one by its
  // log-gain.
  float PieceGradientOf(std::span<const Use> uses, std::span<const float> by_sum,
                        std::span<float> by_row) const;
  void MovePiece(size_t piece, std::span<const float> by_row, float by_log_gain,
                 const Rates& rates);

  const size_t dimensions_;
  std::vector<float> rows_;   // [vocab, dimensions]
  std::vector<float> gains_;  // [vocab]

  // Of Adam.
  std::vector<float> row_mean_;    // [vocab, dimensions]
  std::vector<float> row_square_;  // [vocab]
  std::vector<float> gain_mean_;
  std::vector<float> gain_square_;
  std::vector<uint32_t> steps_;    // in which the piece was used
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_TRAINING_TOKEN_TABLE_H_
