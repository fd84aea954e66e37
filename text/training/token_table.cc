// SPDX-License-Identifier: Apache-2.0
#include "text/training/token_table.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/parallel.h"
#include "text/internal/random.h"
#include "text/training/kernels.h"

namespace larder::text::internal {
namespace {

constexpr float kMeanDecay = 0.9f;
constexpr float kSquareDecay = 0.999f;
constexpr float kTiny = 1e-12f;
// Vectors that pieces share move by so much of the rate: a row has several of them.
constexpr float kSharedRate = 0.5f;
constexpr size_t kTextsPerPiece = 64;
constexpr size_t kPiecesPerPiece = 256;

}  // namespace

TokenTable::TokenTable(size_t dimensions, std::span<const float> gains, PieceParts parts,
                       uint64_t seed)
    : dimensions_(dimensions),
      parts_(std::move(parts)),
      vectors_(parts_.vectors * dimensions),
      rows_(gains.size() * dimensions),
      gains_(gains.begin(), gains.end()),
      mean_(vectors_.size()),
      square_(parts_.vectors),
      steps_(parts_.vectors),
      gain_mean_(gains.size()),
      gain_square_(gains.size()),
      gain_steps_(gains.size()) {
  Random random(seed);
  for (size_t i = 0; i < parts_.vectors; ++i) {
    double square = 0;
    for (float& x : vector(i)) {
      const double drawn = random.Gaussian();
      x = static_cast<float>(drawn);
      square += drawn * drawn;
    }
    const auto scale = static_cast<float>(1 / std::sqrt(square));
    for (float& x : vector(i)) x *= scale;
  }
  SumUpRows();
}

void TokenTable::SumUpRow(size_t piece) {
  float* sum = rows_.data() + piece * dimensions_;
  std::fill_n(sum, dimensions_, 0.0f);
  for (const PieceParts::Part& part : parts_.of(piece)) {
    AddScaled(part.weight, vectors_.data() + part.vector * dimensions_, dimensions_, sum);
  }
}

void TokenTable::SumUpRows() {
  ParallelPieces(vocab(), kPiecesPerPiece, [&](size_t begin, size_t end) {
    for (size_t piece = begin; piece < end; ++piece) SumUpRow(piece);
  });
}

void TokenTable::Embed(TextBatch& batch) const {
  const size_t count = batch.texts.size();
  batch.vectors.assign(count * dimensions_, 0.0f);
  batch.lengths.assign(count, 0.0f);
  ParallelPieces(count, kTextsPerPiece, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      float* vector = batch.vectors.data() + i * dimensions_;
      for (const int32_t id : batch.texts[i]) {
        const auto piece = static_cast<size_t>(id);
        if (gains_[piece] > 0) {
          AddScaled(gains_[piece], rows_.data() + piece * dimensions_, dimensions_, vector);
        }
      }
      const float length = std::sqrt(DotFloat(vector, vector, dimensions_));
      if (!(length > kTiny)) {
        std::fill_n(vector, dimensions_, 0.0f);
        continue;
      }
      batch.lengths[i] = length;
      for (size_t d = 0; d < dimensions_; ++d) vector[d] /= length;
    }
  });
}

std::vector<TokenTable::Use> TokenTable::SortUses(std::span<TextBatch* const> batches) const {
  std::vector<uint32_t> begin(vocab() + 1);
  for (const TextBatch* batch : batches) {
    for (const TokenIds ids : batch->texts) {
      for (const int32_t id : ids) ++begin[static_cast<size_t>(id) + 1];
    }
  }
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  std::vector<Use> uses(begin.back());
  uint32_t text = 0;
  for (const TextBatch* batch : batches) {
    for (const TokenIds ids : batch->texts) {
      for (const int32_t id : ids) uses[begin[static_cast<size_t>(id)]++] = {id, text};
      ++text;
    }
  }
  return uses;
}

std::vector<float> TokenTable::SumGradients(std::span<TextBatch* const> batches) const {
  size_t count = 0;
  for (const TextBatch* batch : batches) count += batch->texts.size();
  std::vector<float> sums(count * dimensions_);
  size_t first = 0;
  for (const TextBatch* batch : batches) {
    ParallelPieces(batch->texts.size(), kTextsPerPiece, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) {
        if (batch->lengths[i] == 0) continue;
        // v = s / |s|, so dL/ds = (dL/dv - (dL/dv · v) v) / |s|
        const float* gradient = batch->gradient.data() + i * dimensions_;
        const float* vector = batch->vectors.data() + i * dimensions_;
        float* out = sums.data() + (first + i) * dimensions_;
        const float scale = 1 / batch->lengths[i];
        AddScaled(scale, gradient, dimensions_, out);
        AddScaled(-scale * DotFloat(gradient, vector, dimensions_), vector, dimensions_, out);
      }
    });
    first += batch->texts.size();
  }
  return sums;
}

TokenTable::PieceGradients TokenTable::GradientsOfPieces(
    std::span<TextBatch* const> batches) const {
  const std::vector<Use> uses = SortUses(batches);
  const std::vector<float> by_sum = SumGradients(batches);
  PieceGradients gradients;
  std::vector<std::span<const Use>> uses_of;
  for (size_t begin = 0, end; begin < uses.size(); begin = end) {
    const auto piece = static_cast<size_t>(uses[begin].piece);
    for (end = begin + 1; end < uses.size() && uses[end].piece == uses[begin].piece;) ++end;
    if (!(gains_[piece] > 0)) continue;
    gradients.pieces.push_back(piece);
    uses_of.push_back(std::span(uses).subspan(begin, end - begin));
  }
  gradients.rows.resize(gradients.pieces.size() * dimensions_);
  gradients.log_gains.resize(gradients.pieces.size());
  ParallelPieces(gradients.pieces.size(), kPiecesPerPiece, [&](size_t begin, size_t end) {
    for (size_t k = begin; k < end; ++k) {
      const size_t piece = gradients.pieces[k];
      float* by_row = gradients.rows.data() + k * dimensions_;
      for (const Use& use : uses_of[k]) {
        AddScaled(gains_[piece], by_sum.data() + use.text * dimensions_, dimensions_, by_row);
      }
      gradients.log_gains[k] = DotFloat(by_row, row(piece).data(), dimensions_);
    }
  });
  return gradients;
}

TokenTable::Shares TokenTable::SortShares(const PieceGradients& gradients) const {
  Shares sorted;
  sorted.begin.resize(parts_.vectors + 1);
  for (const size_t piece : gradients.pieces) {
    for (const PieceParts::Part& part : parts_.of(piece)) ++sorted.begin[part.vector + 1];
  }
  std::partial_sum(sorted.begin.begin(), sorted.begin.end(), sorted.begin.begin());
  sorted.shares.resize(sorted.begin.back());
  std::vector<size_t> next(sorted.begin);
  for (size_t k = 0; k < gradients.pieces.size(); ++k) {
    for (const PieceParts::Part& part : parts_.of(gradients.pieces[k])) {
      sorted.shares[next[part.vector]++] = {static_cast<uint32_t>(k), part.weight};
    }
  }
  return sorted;
}

void TokenTable::SumShares(const PieceGradients& gradients, const Shares& shares, size_t vector,
                           std::span<float> sum) const {
  std::fill(sum.begin(), sum.end(), 0.0f);
  for (size_t i = shares.begin[vector]; i < shares.begin[vector + 1]; ++i) {
    const Shares::Share& share = shares.shares[i];
    AddScaled(share.weight, RowOf(gradients.rows, share.place).data(), dimensions_, sum.data());
  }
}

void TokenTable::MoveVector(size_t i, std::span<const float> gradient, const Rates& rates) {
  const auto steps = static_cast<float>(++steps_[i]);
  const float mean_part = 1 - std::pow(kMeanDecay, steps);
  const float square_part = 1 - std::pow(kSquareDecay, steps);
  const float square = DotFloat(gradient.data(), gradient.data(), dimensions_) /
                       static_cast<float>(dimensions_);
  square_[i] += (1 - kSquareDecay) * (square - square_[i]);
  const float row_rate = i < vocab() ? rates.row : kSharedRate * rates.row;
  const float rate = row_rate / mean_part / (std::sqrt(square_[i] / square_part) + kTiny);
  float* mean = mean_.data() + i * dimensions_;
  float* at = vectors_.data() + i * dimensions_;
  for (size_t d = 0; d < dimensions_; ++d) {
    mean[d] += (1 - kMeanDecay) * (gradient[d] - mean[d]);
    at[d] -= rate * mean[d] + row_rate * rates.decay * at[d];
  }
}

void TokenTable::MoveGain(size_t piece, float by_log_gain, float rate) {
  const auto steps = static_cast<float>(++gain_steps_[piece]);
  const float mean_part = 1 - std::pow(kMeanDecay, steps);
  const float square_part = 1 - std::pow(kSquareDecay, steps);
  gain_mean_[piece] += (1 - kMeanDecay) * (by_log_gain - gain_mean_[piece]);
  gain_square_[piece] += (1 - kSquareDecay) * (by_log_gain * by_log_gain - gain_square_[piece]);
  const float step = rate * (gain_mean_[piece] / mean_part) /
                     (std::sqrt(gain_square_[piece] / square_part) + kTiny);
  gains_[piece] *= std::exp(-step);
}

void TokenTable::Step(std::span<TextBatch* const> batches, const Rates& rates) {
  const PieceGradients gradients = GradientsOfPieces(batches);
  const Shares shares = SortShares(gradients);
  const auto moves = [&](size_t vector) {
    return shares.begin[vector] != shares.begin[vector + 1];
  };
  ParallelPieces(parts_.vectors, kPiecesPerPiece, [&](size_t begin, size_t end) {
    std::vector<float> sum(dimensions_);
    for (size_t i = begin; i < end; ++i) {
      if (!moves(i)) continue;
      SumShares(gradients, shares, i, sum);
      MoveVector(i, sum, rates);
    }
  });
  for (size_t k = 0; k < gradients.pieces.size(); ++k) {
    MoveGain(gradients.pieces[k], gradients.log_gains[k], rates.log_gain);
  }
  ParallelPieces(vocab(), kPiecesPerPiece, [&](size_t begin, size_t end) {
    for (size_t piece = begin; piece < end; ++piece) {
      const auto parts = parts_.of(piece);
      const auto moved = [&](const PieceParts::Part& part) { return moves(part.vector); };
      if (std::any_of(parts.begin(), parts.end(), moved)) SumUpRow(piece);
    }
  });
}

TokenTable::Gradient TokenTable::GradientOf(std::span<TextBatch* const> batches) const {
  const PieceGradients gradients = GradientsOfPieces(batches);
  const Shares shares = SortShares(gradients);
  Gradient gradient{.vectors = std::vector<float>(vectors_.size()),
                    .log_gains = std::vector<float>(vocab())};
  for (size_t i = 0; i < parts_.vectors; ++i) {
    SumShares(gradients, shares, i,
              std::span(gradient.vectors).subspan(i * dimensions_, dimensions_));
  }
  for (size_t k = 0; k < gradients.pieces.size(); ++k) {
    gradient.log_gains[gradients.pieces[k]] = gradients.log_gains[k];
  }
  return gradient;
}

StaticTables TokenTable::Quantise(size_t count) const {
  StaticTables tables;
  tables.dimensions = static_cast<int32_t>(dimensions_);
  tables.table.assign(count * dimensions_, 0);
  tables.weights.assign(count, 0);
  std::vector<double> weights(count, 0.0);
  for (size_t piece = 0; piece < count; ++piece) {
    float largest = 0;
    for (const float x : row(piece)) largest = std::max(largest, std::abs(x));
    if (!(gains_[piece] > 0) || !(largest > 0)) continue;
    for (size_t d = 0; d < dimensions_; ++d) {
      const float scaled = row(piece)[d] * 127.0f / largest;
      tables.table[piece * dimensions_ + d] = static_cast<int8_t>(std::lround(scaled));
    }
    weights[piece] = static_cast<double>(gains_[piece]) * static_cast<double>(largest);
  }
  const double largest = *std::max_element(weights.begin(), weights.end());
  for (size_t piece = 0; piece < count && largest > 0; ++piece) {
    tables.weights[piece] =
        static_cast<int32_t>(std::lround(weights[piece] / largest * kMaxTokenWeight));
  }
  return tables;
}

}  // namespace larder::text::internal
