// SPDX-License-Identifier: Apache-2.0
#include "text/training/token_table.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <random>
#include <utility>

#include "base/parallel.h"
#include "text/training/contrastive.h"

namespace larder::text::internal {
namespace {

constexpr size_t kDim = 8;
const std::vector<float> kGains = {0.5f, 1.0f, 0.0f, 2.0f, 1.5f};

struct Texts {
  std::vector<std::vector<int32_t>> first = {{0, 1, 1}, {3}, {4, 0}};
  std::vector<std::vector<int32_t>> second = {{1, 3}, {3, 4, 2}, {0}};
};

TextBatch BatchOf(const std::vector<std::vector<int32_t>>& texts) {
  TextBatch batch;
  for (const auto& ids : texts) batch.texts.emplace_back(ids);
  return batch;
}

// The contrastive loss of the texts; the batches have vectors and gradients afterwards.
double Loss(const TokenTable& table, TextBatch& first, TextBatch& second) {
  std::vector<uint32_t> subjects(first.texts.size());
  std::iota(subjects.begin(), subjects.end(), 0u);
  ContrastiveScratch scratch;
  table.Embed(first);
  table.Embed(second);
  first.gradient.resize(first.vectors.size());
  second.gradient.resize(second.vectors.size());
  return ContrastiveLoss({first.vectors, second.vectors, subjects, kDim}, 0.5f, scratch,
                         first.gradient, second.gradient);
}

// Pieces 0 and 1 have vector 5 in common, 1 to 3 vector 6; 4 is whole.
PieceParts SharedParts() {
  PieceParts parts;
  parts.parts = {{0, 0.6f}, {5, 0.8f},              // of piece 0
                 {1, 0.5f}, {5, 0.7f}, {6, 0.5f},   // 1
                 {2, 0.8f}, {6, 0.6f},              // 2
                 {3, 0.3f}, {6, 0.4f}, {6, 0.4f},   // 3
                 {4, 1.0f}};
  parts.begin = {0, 2, 5, 7, 10, 11};
  parts.vectors = 7;
  return parts;
}

TEST(TokenTable, RowsAreSumsOfVectors) {
  TokenTable table(kDim, kGains, SharedParts(), 1);

  for (float& x : table.vector(6)) x += 1;
  table.SumUpRows();

  for (size_t d = 0; d < kDim; ++d) {
    EXPECT_NEAR(table.row(0)[d], 0.6f * table.vector(0)[d] + 0.8f * table.vector(5)[d], 1e-6);
    EXPECT_NEAR(table.row(3)[d], 0.3f * table.vector(3)[d] + 0.8f * table.vector(6)[d], 1e-6);
    EXPECT_EQ(table.row(4)[d], table.vector(4)[d]);
  }
}

TEST(TokenTable, VectorsAreWeightedSumsOfLengthOne) {
  const TokenTable table(kDim, kGains, SharedParts(), 1);
  const std::vector<std::vector<int32_t>> ids = {{0, 3, 3}, {}, {2}};
  TextBatch batch = BatchOf(ids);

  table.Embed(batch);

  std::array<double, kDim> sum{};
  double square = 0;
  for (size_t d = 0; d < kDim; ++d) {
    sum[d] = 0.5 * static_cast<double>(table.row(0)[d]) +
             4.0 * static_cast<double>(table.row(3)[d]);
    square += sum[d] * sum[d];
  }
  EXPECT_NEAR(batch.lengths[0], std::sqrt(square), 1e-5);
  for (size_t d = 0; d < kDim; ++d) {
    EXPECT_NEAR(batch.vectors[d], sum[d] / std::sqrt(square), 1e-5);
    EXPECT_EQ(batch.vectors[kDim + d], 0);      // no piece
    EXPECT_EQ(batch.vectors[2 * kDim + d], 0);  // only one that is left out
  }
}

TEST(TokenTable, GradientsEqualFiniteDifferences) {
  TokenTable table(kDim, kGains, SharedParts(), 2);
  const Texts texts;
  TextBatch first = BatchOf(texts.first);
  TextBatch second = BatchOf(texts.second);
  Loss(table, first, second);
  const std::array<TextBatch*, 2> batches = {&first, &second};

  const TokenTable::Gradient gradient = table.GradientOf(batches);

  constexpr float kStep = 1e-2f;
  const auto loss_with = [&](float& x, float value) {
    const float before = std::exchange(x, value);
    table.SumUpRows();
    const double loss = Loss(table, first, second);
    x = before;
    return loss;
  };
  ASSERT_EQ(gradient.vectors.size(), 7 * kDim);
  for (size_t i = 0; i < gradient.vectors.size(); ++i) {
    float& x = table.vector(i / kDim)[i % kDim];
    const double slope = (loss_with(x, x + kStep) - loss_with(x, x - kStep)) / (2 * kStep);
    EXPECT_NEAR(gradient.vectors[i], slope, 2e-3) << i;
    EXPECT_EQ(gradient.vectors[i] == 0, i / kDim == 2) << "of a piece that is left out alone";
  }
  table.SumUpRows();
  for (size_t piece = 0; piece < kGains.size(); ++piece) {
    const float gain = table.gain(piece);
    table.set_gain(piece, gain * std::exp(kStep));
    const double above = Loss(table, first, second);
    table.set_gain(piece, gain * std::exp(-kStep));
    const double below = Loss(table, first, second);
    table.set_gain(piece, gain);
    EXPECT_NEAR(gradient.log_gains[piece], (above - below) / (2 * kStep), 2e-3) << piece;
  }
}

TEST(TokenTable, StepsLowerTheLossAndLeaveOthersAlone) {
  TokenTable table(kDim, kGains, SharedParts(), 3);
  const Texts texts;
  TextBatch first = BatchOf(texts.first);
  TextBatch second = BatchOf(texts.second);
  const double before = Loss(table, first, second);
  const std::vector<float> left_out(table.vector(2).begin(), table.vector(2).end());

  for (int i = 0; i < 50; ++i) {
    Loss(table, first, second);
    const std::array<TextBatch*, 2> batches = {&first, &second};
    table.Step(batches, {.row = 0.02f, .log_gain = 0.01f});
  }

  EXPECT_LT(Loss(table, first, second), 0.5 * before);
  const auto rows = [&] {
    std::vector<float> all;
    for (size_t piece = 0; piece < kGains.size(); ++piece) {
      all.insert(all.end(), table.row(piece).begin(), table.row(piece).end());
    }
    return all;
  };
  const std::vector<float> stepped = rows();
  table.SumUpRows();
  EXPECT_EQ(rows(), stepped);
  EXPECT_EQ(std::vector<float>(table.vector(2).begin(), table.vector(2).end()), left_out);
  EXPECT_EQ(table.gain(2), 0);
}

// Rows and gains after some steps on texts of which no one thread gets all.
std::vector<float> Learn(const std::vector<std::vector<int32_t>>& first_ids,
                         const std::vector<std::vector<int32_t>>& second_ids, size_t vocab) {
  PieceParts parts = WholePieces(vocab);
  parts.vectors = vocab + vocab / 3 + 1;
  for (size_t piece = 0; piece < vocab; ++piece) {  // each three in a row have one in common
    parts.parts.insert(parts.parts.begin() + static_cast<std::ptrdiff_t>(2 * piece + 1),
                       {static_cast<uint32_t>(vocab + piece / 3), 0.5f});
    parts.begin[piece + 1] = 2 * (piece + 1);
  }
  TokenTable table(kDim, std::vector<float>(vocab, 1.0f), parts, 5);
  TextBatch first = BatchOf(first_ids);
  TextBatch second = BatchOf(second_ids);
  for (int step = 0; step < 3; ++step) {
    Loss(table, first, second);
    const std::array<TextBatch*, 2> batches = {&first, &second};
    table.Step(batches, {.row = 0.02f, .log_gain = 0.01f, .decay = 0.001f});
  }
  std::vector<float> learned;
  for (size_t piece = 0; piece < vocab; ++piece) {
    learned.insert(learned.end(), table.row(piece).begin(), table.row(piece).end());
    learned.push_back(table.gain(piece));
  }
  return learned;
}

TEST(TokenTable, AnyNumberOfProcessorsGivesTheSame) {
  const uint64_t seed = 11;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  constexpr size_t kVocab = 1'200;
  std::mt19937_64 random(seed);
  std::vector<std::vector<int32_t>> first(300);
  std::vector<std::vector<int32_t>> second(300);
  for (auto* texts : {&first, &second}) {
    for (std::vector<int32_t>& ids : *texts) {
      ids.resize(1 + random() % 20);
      for (int32_t& id : ids) id = static_cast<int32_t>(random() % kVocab);
    }
  }

  SetProcessorsForTesting(1);
  const std::vector<float> one = Learn(first, second, kVocab);
  SetProcessorsForTesting(5);
  const std::vector<float> five = Learn(first, second, kVocab);
  SetProcessorsForTesting(0);

  EXPECT_EQ(one, five);
  EXPECT_NE(one, Learn(second, second, kVocab));
}

TEST(TokenTable, QuantisedRowsKeepTheVectors) {
  TokenTable table(kDim, kGains, WholePieces(5), 4);
  for (float& x : table.vector(1)) x *= 3;  // rows need not have length 1
  table.SumUpRows();

  const StaticTables tables = table.Quantise(5);

  ASSERT_EQ(tables.vocab_size(), 5);
  EXPECT_EQ(tables.weights[2], 0);
  const std::vector<std::vector<int32_t>> ids = {{0, 1, 3}};
  TextBatch batch = BatchOf(ids);
  table.Embed(batch);
  std::vector<int64_t> sums(kDim);
  SumTokens(tables, ids[0], sums);
  double dot = 0;
  double square = 0;
  for (size_t d = 0; d < kDim; ++d) {
    dot += static_cast<double>(sums[d]) * static_cast<double>(batch.vectors[d]);
    square += static_cast<double>(sums[d]) * static_cast<double>(sums[d]);
  }
  EXPECT_GT(dot / std::sqrt(square), 0.9995);
}

}  // namespace
}  // namespace larder::text::internal
