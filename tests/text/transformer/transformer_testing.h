// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_TEXT_TRANSFORMER_TRANSFORMER_TESTING_H_
#define LARDER_TESTS_TEXT_TRANSFORMER_TRANSFORMER_TESTING_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/safetensors.h"
#include "text/transformer/internal/kernels.h"
#include "text/transformer/transformer_config.h"
#include "text/transformer/transformer_model.h"

namespace larder::text {

struct TestTensor {
  std::vector<uint64_t> shape;
  std::vector<float> values;
};
// Named as in a published file, without a prefix.
using TestWeights = std::map<std::string, TestTensor>;

using Tokens = std::vector<int32_t>;

inline constexpr size_t kTestVocabulary = 50;

// A small encoder; heads of `hidden / heads`.
TransformerConfig SmallConfig(int32_t layers = 2, int32_t hidden = 64, int32_t heads = 2,
                              int32_t intermediate = 128);
// Weights of about the sizes that trained encoders have.
TestWeights RandomWeights(const TransformerConfig& config, uint64_t seed);
// model.safetensors of these; values must be exact in `dtype`, F32, F16 or BF16.
std::string ModelBytes(const TestWeights& weights, std::string_view prefix = "",
                       DType dtype = DType::kF32);

// Texts of 1 to `longest` random tokens.
std::vector<Tokens> RandomTexts(size_t count, size_t longest, uint64_t seed);

// The vector of a text in double, as the published description has it: slow and obvious.
std::vector<double> ReferenceVector(const TransformerConfig& config, const TestWeights& weights,
                                    const Tokens& ids);

// The vectors of texts in one call, [texts.size(), hidden].
std::vector<float> EncodeTogether(const TransformerModel& model, const std::vector<Tokens>& texts);

double CosineDistance(std::span<const float> a, std::span<const double> b);

// Where the benchmarks keep all-MiniLM-L6-v2 (bench/ann/minilm.py fetches it), and whether it is.
std::string MiniLmFolder();
bool HasMiniLm();

}  // namespace larder::text

#endif  // LARDER_TESTS_TEXT_TRANSFORMER_TRANSFORMER_TESTING_H_
