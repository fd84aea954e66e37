// SPDX-License-Identifier: Apache-2.0
#include "text/transformer/transformer_weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "base/bytes.h"
#include "tests/support/status_matchers.h"
#include "tests/text/transformer/transformer_testing.h"

namespace larder::text {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::string_view kQuery = "encoder.layer.1.attention.self.query.weight";

// Weights that are exact in all three types of numbers.
TestWeights CoarseWeights() {
  TestWeights weights = RandomWeights(SmallConfig(), 1);
  for (auto& [name, tensor] : weights) {
    for (float& v : tensor.values) v = std::clamp(std::nearbyint(v * 16) / 16, -7.875f, 7.875f);
  }
  return weights;
}

TEST(TransformerWeights, HalvesAndBfloatsAreReadExactly) {
  const TestWeights weights = CoarseWeights();
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    const std::string bytes = ModelBytes(weights, "", dtype);

    ASSERT_OK_AND_ASSIGN(const auto read, TransformerWeights::Open(bytes, "m", SmallConfig()));

    EXPECT_EQ(read.vocab_size(), kTestVocabulary);
    for (const auto& [name, tensor] : weights) EXPECT_EQ(read.Read(name), tensor.values) << name;
  }
}

TEST(TransformerWeights, HalvesOfEveryKind) {
  const std::string name = "embeddings.LayerNorm.bias";
  std::string bytes = ModelBytes(CoarseWeights(), "", DType::kF16);
  ASSERT_OK_AND_ASSIGN(const SafeTensors tensors, ParseSafeTensors(bytes, "m"));
  const size_t at = static_cast<size_t>(tensors.Find(name)->bytes.data() - bytes.data());
  const std::vector<uint16_t> halves = {0x3c00, 0xc000, 0x0001, 0x8001, 0x03ff, 0x0400, 0x7bff};
  bytes.replace(at, 2 * halves.size(), AsBytes(std::span<const uint16_t>(halves)));

  ASSERT_OK_AND_ASSIGN(const auto read, TransformerWeights::Open(bytes, "m", SmallConfig()));

  const std::vector<float> values = read.Read(name);
  EXPECT_EQ(std::vector<float>(values.begin(), values.begin() + 7),
            (std::vector<float>{1, -2, 0x1p-24f, -0x1p-24f, 0x1.ff8p-15f, 0x1p-14f, 65504}));
}

TEST(TransformerWeights, NamesMayHaveAPrefix) {
  for (const std::string_view prefix : {"", "bert.", "roberta."}) {
    const std::string bytes = ModelBytes(CoarseWeights(), prefix);

    ASSERT_OK_AND_ASSIGN(const auto read, TransformerWeights::Open(bytes, "m", SmallConfig()));

    EXPECT_EQ(read.Read("embeddings.LayerNorm.bias").size(), 64u);
  }
}

TEST(TransformerWeights, WhatAnEncoderDoesNotUseIsNotLookedAt) {
  const std::string values = ModelBytes(CoarseWeights());
  ASSERT_OK_AND_ASSIGN(SafeTensors tensors, ParseSafeTensors(values, "m"));
  const std::string ids(8, '\xff');
  tensors.tensors.push_back(
      {.name = "embeddings.position_ids", .dtype = DType::kI64, .shape = {1, 1}, .bytes = ids});
  tensors.tensors.push_back(
      {.name = "pooler.dense.bias", .dtype = DType::kF32, .shape = {2}, .bytes = ids});

  EXPECT_OK(TransformerWeights::Open(WriteSafeTensors(tensors.tensors), "m", SmallConfig()));
}

TEST(TransformerWeights, NamesTheDamagedTensor) {
  const std::vector<std::pair<std::function<void(TestWeights&)>, std::string>> cases = {
      {[](TestWeights& w) { w.erase(std::string(kQuery)); }, Concat(kQuery, "' is missing")},
      {[](TestWeights& w) { w.erase("encoder.layer.0.output.dense.bias"); },
       "'encoder.layer.0.output.dense.bias' is missing"},
      {[](TestWeights& w) { w.erase("embeddings.word_embeddings.weight"); },
       "'embeddings.word_embeddings.weight' is missing"},
      {[](TestWeights& w) { w.erase("embeddings.token_type_embeddings.weight"); },
       "'embeddings.token_type_embeddings.weight' is missing"},
      {[](TestWeights& w) { w.at(std::string(kQuery)).shape = {32, 128}; },
       "has the shape [32, 128], expected [64, 64]"},
      {[](TestWeights& w) { w.at("embeddings.LayerNorm.bias").shape = {8, 8}; },
       "has the shape [8, 8], expected [64]"},
      {[](TestWeights& w) { w.at("embeddings.word_embeddings.weight") = {{0, 64}, {}}; },
       "expected 1 to 1000000 rows of 64"},
      {[](TestWeights& w) {
         w.at("embeddings.position_embeddings.weight") = {{1, 64}, std::vector<float>(64)};
       },
       "has the shape [1, 64], expected [300, 64]"},
      {[](TestWeights& w) { w.at(std::string(kQuery)).values[77] = std::nanf(""); },
       Concat(kQuery, "': value 77 is not finite")},
      {[](TestWeights& w) {
         w.at("embeddings.word_embeddings.weight").values.back() =
             -std::numeric_limits<float>::infinity();
       },
       "value 3199 is not finite"},
      {[](TestWeights& w) { w["encoder.layer.2.output.dense.bias"] = {{1}, {0}}; },
       "'encoder.layer.2.output.dense.bias' belongs to a layer beyond the 2"},
      {[](TestWeights& w) {
         w["bert.embeddings.word_embeddings.weight"] = w["embeddings.word_embeddings.weight"];
       },
       "with and without a prefix"},
  };
  for (const auto& [damage, message] : cases) {
    TestWeights weights = CoarseWeights();
    damage(weights);
    EXPECT_THAT(TransformerWeights::Open(ModelBytes(weights), "d/m", SmallConfig()).status(),
                StatusIs(StatusCode::kDataLoss, AllOf(HasSubstr("d/m"), HasSubstr(message))));
  }
}

TEST(TransformerWeights, InfiniteHalvesAndBfloatsAreRefused) {
  const std::string name = "embeddings.LayerNorm.bias";
  const std::vector<std::pair<DType, uint16_t>> cases = {{DType::kF16, 0x7c00},
                                                         {DType::kF16, 0xfe00},
                                                         {DType::kBF16, 0x7f80},
                                                         {DType::kBF16, 0xffc1}};
  for (const auto& [dtype, bits] : cases) {
    std::string bytes = ModelBytes(CoarseWeights(), "", dtype);
    ASSERT_OK_AND_ASSIGN(const SafeTensors tensors, ParseSafeTensors(bytes, "m"));
    const size_t at = static_cast<size_t>(tensors.Find(name)->bytes.data() - bytes.data()) + 4;
    bytes.replace(at, 2, AsBytes(std::span(&bits, 1)));
    EXPECT_THAT(TransformerWeights::Open(bytes, "m", SmallConfig()).status(),
                StatusIs(StatusCode::kDataLoss, HasSubstr("value 2 is not finite")));
  }
}

TEST(TransformerWeights, OtherNumbersAreUnimplemented) {
  const std::string values = ModelBytes(CoarseWeights());
  ASSERT_OK_AND_ASSIGN(SafeTensors tensors, ParseSafeTensors(values, "m"));
  for (Tensor& tensor : tensors.tensors) {
    if (tensor.name == kQuery) tensor.dtype = DType::kI32;
  }

  EXPECT_THAT(
      TransformerWeights::Open(WriteSafeTensors(tensors.tensors), "m", SmallConfig()).status(),
      StatusIs(StatusCode::kUnimplemented, AllOf(HasSubstr(kQuery), HasSubstr("is I32"))));
}

TEST(TransformerWeights, EveryTruncationIsDataLoss) {
  const std::string bytes = ModelBytes(CoarseWeights());
  for (size_t size = 0; size < bytes.size(); size += size < 4'000 ? 37 : 9'973) {
    EXPECT_THAT(
        TransformerWeights::Open(std::string_view(bytes).substr(0, size), "m", SmallConfig())
            .status(),
        StatusIs(StatusCode::kDataLoss, HasSubstr("m")));
  }
}

TEST(TransformerWeights, FlippedHeaderBitsNeverCrash) {
  const std::string bytes = ModelBytes(CoarseWeights());
  size_t refused = 0;
  for (size_t i = 0; i < 3'000 * 8; i += 11) {
    std::string damaged = bytes;
    damaged[i / 8] = static_cast<char>(static_cast<unsigned char>(damaged[i / 8]) ^ (1u << i % 8));
    const auto read = TransformerWeights::Open(damaged, "m", SmallConfig());
    if (read.ok()) continue;
    ++refused;
    EXPECT_THAT(read.status().code(),
                testing::AnyOf(StatusCode::kDataLoss, StatusCode::kUnimplemented));
  }
  EXPECT_GT(refused, 1'000u);
}

}  // namespace
}  // namespace larder::text
