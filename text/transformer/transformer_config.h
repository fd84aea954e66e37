// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRANSFORMER_TRANSFORMER_CONFIG_H_
#define LARDER_TEXT_TRANSFORMER_TRANSFORMER_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/status.h"

namespace larder::text {

enum class Activation { kGelu, kGeluTanh, kRelu };
enum class Pooling { kMean, kCls };
enum class Precision { kInt8, kF32 };

// The names in encoder.json: "gelu", "gelu_tanh", "relu"; "mean", "cls"; "int8", "f32".
std::string_view ActivationName(Activation activation);
std::string_view PoolingName(Pooling pooling);
std::string_view PrecisionName(Precision precision);
std::optional<Activation> ParseActivation(std::string_view name);
std::optional<Pooling> ParsePooling(std::string_view name);
std::optional<Precision> ParsePrecision(std::string_view name);

inline constexpr int32_t kMaxLayers = 48;
inline constexpr int32_t kMaxHidden = 1'024;
inline constexpr int32_t kMaxIntermediate = 4'096;
inline constexpr int32_t kMaxPositions = 8'194;
// Of what one text may hold, so that the sums of attention fit 32 bits.
inline constexpr int32_t kMaxTransformerTokens = 8'192;

// The shape of an encoder of the BERT family: post-norm layers, absolute positions, one token type.
struct TransformerConfig {
  int32_t layers = 0;         // 1 to kMaxLayers
  int32_t heads = 0;          // hidden / heads is 32 or 64
  int32_t hidden = 0;         // a multiple of 64 up to kMaxHidden
  int32_t intermediate = 0;   // a multiple of 64 up to kMaxIntermediate
  int32_t max_positions = 0;  // rows of the table of positions, up to kMaxPositions
  // The position of a text's first token: 0, or of RoBERTa's kind the padding's id + 1.
  int32_t position_offset = 0;
  double layer_norm_eps = 1e-12;  // over 0 to 0.1
  Activation activation = Activation::kGelu;
  Pooling pooling = Pooling::kMean;
  // What the weights become when they are loaded; the file has f32, f16 or bf16 either way.
  Precision precision = Precision::kInt8;

  // Tokens that a text may have, with the symbols around it.
  int32_t max_tokens() const {
    const int32_t left = max_positions - position_offset;
    return left < kMaxTransformerTokens ? left : kMaxTransformerTokens;
  }
  int32_t head_size() const { return hidden / heads; }
  bool operator==(const TransformerConfig&) const = default;
};

// Checks that this version can compute such an encoder; `where` is for messages.
// Errors: kDataLoss for what no encoder has (0 layers); kUnimplemented naming the field, its value
//         and what this version knows.
Status CheckTransformerConfig(const TransformerConfig& config, std::string_view where);

// Reads the config.json of a published model of the BERT family (Hugging Face transformers);
// pooling and precision are not in it and stay as TransformerConfig has them.
//
// Known: model_type bert, roberta, xlm-roberta, camembert; hidden_act gelu, gelu_new,
// gelu_pytorch_tanh, relu; position_embedding_type absolute; no decoder, no cross-attention. Keys
// that do not change the encoder's output are not looked at.
// Errors: kDataLoss naming `file` and the field; kUnimplemented naming what is not known.
StatusOr<TransformerConfig> ParseBertConfig(std::string_view json, std::string_view file);

}  // namespace larder::text

#endif  // LARDER_TEXT_TRANSFORMER_TRANSFORMER_CONFIG_H_
