// SPDX-License-Identifier: Apache-2.0
#include "text/transformer/transformer_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <thread>

#include "tests/support/status_matchers.h"
#include "tests/text/transformer/transformer_testing.h"

namespace larder::text {
namespace {

using internal::AvailableTransformerKernels;
using internal::TransformerKernel;

std::unique_ptr<const TransformerModel> Make(const TransformerConfig& config,
                                             const TestWeights& weights,
                                             const TransformerKernel* kernel = nullptr) {
  auto model = TransformerModel::Create(config, ModelBytes(weights), "m.safetensors", kernel);
  LARDER_CHECK(model.ok());
  return *std::move(model);
}

// Shapes that differ in all that the kernels treat apart: head sizes, widths, activation, pooling.
std::vector<TransformerConfig> Shapes(Precision precision) {
  std::vector<TransformerConfig> shapes = {SmallConfig(), SmallConfig(1, 128, 2, 64),
                                           SmallConfig(3, 192, 6, 320)};
  shapes[1].activation = Activation::kGeluTanh;
  shapes[1].pooling = Pooling::kCls;
  shapes[1].position_offset = 2;
  shapes[2].activation = Activation::kRelu;
  shapes[2].layer_norm_eps = 1e-5;
  for (TransformerConfig& shape : shapes) shape.precision = precision;
  return shapes;
}

std::span<const float> RowOf(const std::vector<float>& vectors, size_t row, size_t hidden) {
  return std::span(vectors).subspan(row * hidden, hidden);
}

bool SameBits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

TEST(TransformerModel, FloatIsTheReferenceInDouble) {
  for (const TransformerConfig& config : Shapes(Precision::kF32)) {
    const TestWeights weights = RandomWeights(config, 1);
    const std::vector<Tokens> texts = RandomTexts(5, 40, 2);
    const auto hidden = static_cast<size_t>(config.hidden);

    const std::vector<float> vectors = EncodeTogether(*Make(config, weights), texts);

    for (size_t i = 0; i < texts.size(); ++i) {
      const std::vector<double> expected = ReferenceVector(config, weights, texts[i]);
      for (size_t d = 0; d < hidden; ++d) {
        ASSERT_NEAR(vectors[i * hidden + d], expected[d], 2e-6)
            << "hidden " << hidden << ", text " << i << " of " << texts[i].size() << " tokens";
      }
    }
  }
}

TEST(TransformerModel, Int8IsCloseToTheReference) {
  for (const TransformerConfig& config : Shapes(Precision::kInt8)) {
    const TestWeights weights = RandomWeights(config, 3);
    const std::vector<Tokens> texts = RandomTexts(5, 40, 4);
    const auto hidden = static_cast<size_t>(config.hidden);

    const std::vector<float> vectors = EncodeTogether(*Make(config, weights), texts);

    for (size_t i = 0; i < texts.size(); ++i) {
      const auto vector = RowOf(vectors, i, hidden);
      EXPECT_LT(CosineDistance(vector, ReferenceVector(config, weights, texts[i])), 1e-3)
          << "hidden " << hidden << ", text " << i << " of " << texts[i].size() << " tokens";
      double squares = 0;
      for (const float v : vector) squares += double{v} * double{v};
      EXPECT_NEAR(squares, 1, 1e-5);
    }
  }
}

// Precisions and shapes, each with texts of which some are longer than a pass.
class TransformerBits : public testing::TestWithParam<Precision> {
 protected:
  struct Sample {
    TransformerConfig config;
    TestWeights weights;
    std::vector<Tokens> texts;
    std::unique_ptr<const TransformerModel> model;
    std::vector<float> alone;  // the vectors of texts encoded one by one
  };
  static Sample MakeSample(const TransformerConfig& config, size_t texts, uint64_t seed) {
    Sample sample{config, RandomWeights(config, seed), RandomTexts(texts, 60, seed), nullptr, {}};
    sample.texts[texts / 2] = RandomTexts(1, 1, seed)[0];
    sample.texts[texts / 3] = Tokens(TransformerModel::kPassTokens + 5, 7);
    sample.texts[texts / 4].clear();
    sample.model = Make(config, sample.weights);
    for (const Tokens& text : sample.texts) {
      const std::vector<float> vector = EncodeTogether(*sample.model, {text});
      sample.alone.insert(sample.alone.end(), vector.begin(), vector.end());
    }
    return sample;
  }
};

// Encodes the texts in random order and batches; returns how many differ from `alone`.
size_t CountDifferent(const TransformerModel& model, const std::vector<Tokens>& texts,
                      const std::vector<float>& alone, uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto hidden = static_cast<size_t>(model.config().hidden);
  std::vector<size_t> order(texts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::shuffle(order.begin(), order.end(), random);
  size_t different = 0;
  for (size_t first = 0; first < order.size();) {
    const size_t count = std::min<size_t>(1 + random() % 17, order.size() - first);
    std::vector<Tokens> batch;
    for (size_t i = 0; i < count; ++i) batch.push_back(texts[order[first + i]]);
    const std::vector<float> vectors = EncodeTogether(model, batch);
    for (size_t i = 0; i < count; ++i) {
      different += SameBits(RowOf(vectors, i, hidden), RowOf(alone, order[first + i], hidden)) ? 0
                                                                                              : 1;
    }
    first += count;
  }
  return different;
}

TEST_P(TransformerBits, AreTheSameInEveryBatch) {
  for (const TransformerConfig& config : Shapes(GetParam())) {
    const Sample sample = MakeSample(config, 24, 5);
    for (uint64_t seed = 0; seed < 4; ++seed) {
      EXPECT_EQ(CountDifferent(*sample.model, sample.texts, sample.alone, seed), 0u)
          << "hidden " << config.hidden << ", seed " << seed;
    }
  }
}

TEST_P(TransformerBits, AreTheSameOnSeveralThreads) {
  for (const TransformerConfig& config : Shapes(GetParam())) {
    const Sample sample = MakeSample(config, 20, 6);
    for (size_t threads = 2; threads <= 4; ++threads) {
      std::vector<size_t> different(threads);
      {
        std::vector<std::jthread> running;
        for (size_t i = 0; i < threads; ++i) {
          running.emplace_back([&, i] {
            different[i] = CountDifferent(*sample.model, sample.texts, sample.alone, i);
          });
        }
      }
      EXPECT_EQ(different, std::vector<size_t>(threads)) << "hidden " << config.hidden;
    }
  }
}

TEST_P(TransformerBits, AreTheSameOnEveryInstructionSet) {
  for (const TransformerConfig& config : Shapes(GetParam())) {
    const Sample sample = MakeSample(config, 12, 7);
    for (const TransformerKernel& kernel : AvailableTransformerKernels()) {
      const auto model = Make(config, sample.weights, &kernel);
      EXPECT_EQ(CountDifferent(*model, sample.texts, sample.alone, 1), 0u)
          << kernel.name << ", hidden " << config.hidden;
    }
  }
}

// Sums that overflow become infinite or no number; nothing may be undefined or differ.
TEST_P(TransformerBits, AreTheSameWhenNumbersOverflow) {
  TransformerConfig config = SmallConfig();
  config.precision = GetParam();
  for (const std::string part : {"attention.self.query", "attention.self.value",
                                 "attention.output.dense", "intermediate.dense", "output.dense"}) {
    TestWeights weights = RandomWeights(config, 8);
    for (float& w : weights.at("encoder.layer.0." + part + ".weight").values) w *= 1e37f;
    const std::vector<Tokens> texts = RandomTexts(6, 40, 9);
    const std::vector<float> expected = EncodeTogether(*Make(config, weights), texts);
    for (const float v : expected) EXPECT_TRUE(std::isfinite(v)) << part;
    for (const TransformerKernel& kernel : AvailableTransformerKernels()) {
      const auto model = Make(config, weights, &kernel);
      EXPECT_TRUE(SameBits(EncodeTogether(*model, texts), expected)) << part << ", " << kernel.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, TransformerBits,
                         testing::Values(Precision::kInt8, Precision::kF32),
                         [](const auto& test) { return std::string(PrecisionName(test.param)); });

TEST(TransformerModel, ATextWithoutTokensIsZero) {
  const auto model = Make(SmallConfig(), RandomWeights(SmallConfig(), 1));

  const std::vector<float> vectors = EncodeTogether(*model, {{}, {3, 4}, {}});

  EXPECT_EQ(std::vector<float>(vectors.begin(), vectors.begin() + 64), std::vector<float>(64));
  EXPECT_EQ(std::vector<float>(vectors.begin() + 128, vectors.end()), std::vector<float>(64));
  EXPECT_TRUE(SameBits(RowOf(vectors, 1, 64), EncodeTogether(*model, {{3, 4}})));
}

TEST(TransformerModel, TokensCountAtTheirPlace) {
  const auto model = Make(SmallConfig(), RandomWeights(SmallConfig(), 1));

  EXPECT_FALSE(SameBits(EncodeTogether(*model, {{3, 4}}), EncodeTogether(*model, {{4, 3}})));
}

TEST(TransformerModel, TheLongestTextFits) {
  TransformerConfig config = SmallConfig();
  config.layers = 1;
  config.position_offset = 2;
  for (const Precision precision : {Precision::kInt8, Precision::kF32}) {
    config.precision = precision;
    const TestWeights weights = RandomWeights(config, 1);
    const Tokens longest(static_cast<size_t>(config.max_tokens()), 3);
    ASSERT_EQ(longest.size(), 298u);

    const std::vector<float> vector = EncodeTogether(*Make(config, weights), {longest});

    EXPECT_LT(CosineDistance(vector, ReferenceVector(config, weights, longest)), 1e-3);
  }
}

TEST(TransformerModel, WeightsOfZeroAreNoDivisionByZero) {
  TransformerConfig config = SmallConfig();
  TestWeights weights = RandomWeights(config, 1);
  for (auto& [name, tensor] : weights) {
    if (name.find("dense") != std::string::npos || name.find("self") != std::string::npos) {
      std::fill(tensor.values.begin(), tensor.values.end(), 0.0f);
    }
  }
  const Tokens text = {1, 2, 3};

  const std::vector<float> vector = EncodeTogether(*Make(config, weights), {text});

  EXPECT_LT(CosineDistance(vector, ReferenceVector(config, weights, text)), 1e-4);
}

TEST(TransformerModel, Int8TakesAByteForAWeightOfALayer) {
  TransformerConfig config = SmallConfig(2, 256, 8, 1024);
  const size_t layers = 2 * (4 * 256 * 256 + 2 * 256 * 1024);
  const size_t tables = (kTestVocabulary + 300) * 256 * sizeof(float);

  const auto int8 = Make(config, RandomWeights(config, 1));
  config.precision = Precision::kF32;
  const auto f32 = Make(config, RandomWeights(config, 1));

  EXPECT_GE(int8->memory_bytes(), layers + tables);
  EXPECT_LT(int8->memory_bytes(), layers + tables + layers / 10);
  EXPECT_GE(f32->memory_bytes(), 4 * layers + tables);
}

}  // namespace
}  // namespace larder::text
