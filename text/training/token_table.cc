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
constexpr size_t kTextsPerPiece = 64;
constexpr size_t kPiecesPerPiece = 256;

}  // namespace

TokenTable::TokenTable(size_t dimensions, std::span<const float> gains, uint64_t seed)
    : dimensions_(dimensions),
      rows_(gains.size() * dimensions),
      gains_(gains.begin(), gains.end()),
      row_mean_(rows_.size()),
      row_square_(gains.size()),
      gain_mean_(gains.size()),
      gain_square_(gains.size()),
      steps_(gains.size()) {
  Random random(seed);
  for (size_t piece = 0; piece < vocab(); ++piece) {
    double square = 0;
    for (float& x : row(piece)) {
      const double drawn = random.Gaussian();
      x = static_cast<float>(drawn);
      square += drawn * drawn;
    }
    const auto scale = static_cast<float>(1 / std::sqrt(square));
    for (float& x : row(piece)) x *= scale;
  }
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

float TokenTable::PieceGradientOf(std::span<const Use> uses, std::span<const float> by_sum,
                                  std::span<float> by_row) const {
  std::fill(by_row.begin(), by_row.end(), 0.0f);
  const auto piece = static_cast<size_t>(uses.front().piece);
  for (const Use& use : uses) {
    AddScaled(gains_[piece], by_sum.data() + use.text * dimensions_, dimensions_, by_row.data());
  }
  return DotFloat(by_row.data(), rows_.data() + piece * dimensions_, dimensions_);
}

void TokenTable::MovePiece(size_t piece, std::span<const float> by_row, float by_log_gain,
                           const Rates& rates) {
  const auto steps = static_cast<float>(++steps_[piece]);
  const float mean_part = 1 - std::pow(kMeanDecay, steps);
  const float square_part = 1 - std::pow(kSquareDecay, steps);

  const float square = DotFloat(by_row.data(), by_row.data(), dimensions_) /
                       static_cast<float>(dimensions_);
  row_square_[piece] += (1 - kSquareDecay) * (square - row_square_[piece]);
  const float rate =
      rates.row / mean_part / (std::sqrt(row_square_[piece] / square_part) + kTiny);
  float* mean = row_mean_.data() + piece * dimensions_;
  float* at = rows_.data() + piece * dimensions_;
  for (size_t d = 0; d < dimensions_; ++d) {
    mean[d] += (1 - kMeanDecay) * (by_row[d] - mean[d]);
    at[d] -= rate * mean[d] + rates.row * rates.decay * at[d];
  }

  gain_mean_[piece] += (1 - kMeanDecay) * (by_log_gain - gain_mean_[piece]);
  gain_square_[piece] += (1 - kSquareDecay) * (by_log_gain * by_log_gain - gain_square_[piece]);
  const float step = rates.log_gain * (gain_mean_[piece] / mean_part) /
                     (std::sqrt(gain_square_[piece] / square_part) + kTiny);
  gains_[piece] *= std::exp(-step);
}

void TokenTable::Step(std::span<TextBatch* const> batches, const Rates& rates) {
  const std::vector<Use> uses = SortUses(batches);
  const std::vector<float> by_sum = SumGradients(batches);
  std::vector<size_t> begins;  // of the pieces' uses
  for (size_t i = 0; i < uses.size(); ++i) {
    if (i == 0 || uses[i].piece != uses[i - 1].piece) begins.push_back(i);
  }
  begins.push_back(uses.size());
  ParallelPieces(begins.size() - 1, kPiecesPerPiece, [&](size_t begin, size_t end) {
    std::vector<float> by_row(dimensions_);
    for (size_t k = begin; k < end; ++k) {
      const auto of_piece = std::span(uses).subspan(begins[k], begins[k + 1] - begins[k]);
      const auto piece = static_cast<size_t>(of_piece.front().piece);
      if (!(gains_[piece] > 0)) continue;
      const float by_log_gain = PieceGradientOf(of_piece, by_sum, by_row);
      MovePiece(piece, by_row, by_log_gain, rates);
    }
  });
}

std::vector<std::pair<int32_t, TokenTable::PieceGradient>> TokenTable::Gradients(
    std::span<TextBatch* const> batches) const {
  const std::vector<Use> uses = SortUses(batches);
  const std::vector<float> by_sum = SumGradients(batches);
  std::vector<std::pair<int32_t, PieceGradient>> all;
  for (size_t begin = 0, end; begin < uses.size(); begin = end) {
    end = begin;
    while (end < uses.size() && uses[end].piece == uses[begin].piece) ++end;
    PieceGradient gradient{.row = std::vector<float>(dimensions_)};
    gradient.log_gain =
        PieceGradientOf(std::span(uses).subspan(begin, end - begin), by_sum, gradient.row);
    all.emplace_back(uses[begin].piece, std::move(gradient));
  }
  return all;
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
