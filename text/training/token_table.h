// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRAINING_TOKEN_TABLE_H_
#define LARDER_TEXT_TRAINING_TOKEN_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "text/static/static_encoder.h"
#include "text/training/piece_parts.h"

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
// the sum of its pieces' gain * row, scaled to length 1. Rows are sums of vectors that are learned,
// some of which pieces may have in common.
//
// Thread-safety: thread-compatible; the work of a call is spread over the machine's processors,
// and the result does not depend on how many there are.
class TokenTable {
 public:
  // Vectors are random directions of length 1; gains as given, 0 for a piece that is left out for
  // good. Shapes: gains [parts.pieces()].
  TokenTable(size_t dimensions, std::span<const float> gains, PieceParts parts, uint64_t seed);

  size_t vocab() const { return gains_.size(); }
  size_t dimensions() const { return dimensions_; }
  std::span<const float> row(size_t piece) const { return RowOf(rows_, piece); }
  float gain(size_t piece) const { return gains_[piece]; }
  void set_gain(size_t piece, float gain) { gains_[piece] = gain; }
  // A vector as PieceParts counts them. Once some were changed, rows are to be summed up anew.
  std::span<float> vector(size_t i) {
    return std::span(vectors_).subspan(i * dimensions_, dimensions_);
  }
  void SumUpRows();

  // Fills the batch's vectors and lengths.
  void Embed(TextBatch& batch) const;

  struct Rates {
    float row = 0;        // of vectors, whose elements are about dimensions^-1/2; half for shared
    float log_gain = 0;   // of the gains' logarithms
    float decay = 0;      // share of the row's rate by which vectors that are used shrink
  };
  // Moves vectors and gains of the pieces in the batches down the gradients.
  // Source: Adam, Kingma & Ba 2015; differs: one second moment per vector, and the moments of a
  // vector move only when a piece of it is used.
  void Step(std::span<TextBatch* const> batches, const Rates& rates);

  // The loss's gradient by all vectors and by the gains' logarithms, for tests: what Step goes down
  // by. Shapes: vectors [vectors, dimensions]; log_gains [vocab].
  struct Gradient {
    std::vector<float> vectors;
    std::vector<float> log_gains;
  };
  Gradient GradientOf(std::span<TextBatch* const> batches) const;

  // Rounds each row to int8 by its own largest entry and puts what that scaling took, times the
  // gain, into the integer weight. Of the first `count` pieces.
  StaticTables Quantise(size_t count) const;

 private:
  struct Use {
    int32_t piece;
    uint32_t text;  // over all batches
  };
  // Of the pieces in some batches that are not left out.
  struct PieceGradients {
    std::vector<size_t> pieces;  // ascending
    std::vector<float> rows;     // [pieces, dimensions]
    std::vector<float> log_gains;
  };
  // Those pieces by their vectors: what vector i is of is [begin[i], begin[i + 1]) of `shares`.
  struct Shares {
    struct Share {
      uint32_t place;  // in PieceGradients
      float weight;
    };
    std::vector<size_t> begin;
    std::vector<Share> shares;
  };

  std::span<const float> RowOf(std::span<const float> rows, size_t i) const {
    return rows.subspan(i * dimensions_, dimensions_);
  }
  // The pieces' uses, by piece, then by text; and the gradient by each text's sum.
  std::vector<Use> SortUses(std::span<TextBatch* const> batches) const;
  std::vector<float> SumGradients(std::span<TextBatch* const> batches) const;
  PieceGradients GradientsOfPieces(std::span<TextBatch* const> batches) const;
  Shares SortShares(const PieceGradients& gradients) const;
  void SumShares(const PieceGradients& gradients, const Shares& shares, size_t vector,
                 std::span<float> sum) const;
  void MoveVector(size_t i, std::span<const float> gradient, const Rates& rates);
  void MoveGain(size_t piece, float by_log_gain, float rate);
  void SumUpRow(size_t piece);

  const size_t dimensions_;
  const PieceParts parts_;
  std::vector<float> vectors_;  // [vectors, dimensions]
  std::vector<float> rows_;     // [vocab, dimensions]
  std::vector<float> gains_;    // [vocab]

  // Of Adam. Steps are those in which a vector or a gain moved.
  std::vector<float> mean_;    // [vectors, dimensions]
  std::vector<float> square_;  // [vectors]
  std::vector<uint32_t> steps_;
  std::vector<float> gain_mean_;
  std::vector<float> gain_square_;
  std::vector<uint32_t> gain_steps_;
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_TRAINING_TOKEN_TABLE_H_
