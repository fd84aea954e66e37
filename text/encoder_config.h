// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_ENCODER_CONFIG_H_
#define LARDER_TEXT_ENCODER_CONFIG_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "base/file_system.h"
#include "base/status.h"
#include "text/encoder.h"
#include "text/transformer/transformer_config.h"

namespace larder::text {

inline constexpr std::string_view kEncoderConfigFile = "encoder.json";
inline constexpr std::string_view kEncoderModelFile = "model.safetensors";
inline constexpr int32_t kMaxDimensions = 4'096;
inline constexpr int32_t kMaxTokensLimit = 1 << 20;

// The contents of encoder.json (docs/formats/encoder.md).
struct EncoderConfig {
  EncoderKind kind = EncoderKind::kStatic;
  int32_t dimensions = 0;
  TokenizerKind tokenizer_kind = TokenizerKind::kSentencePiece;
  std::string tokenizer_file = "tokenizer.model";
  // Tokens after the first so many do not count; 1 to kMaxTokensLimit.
  int32_t max_tokens = 8'192;
  // Of kTransformer only; its `hidden` is `dimensions`.
  TransformerConfig transformer;
  // Of kTransformer only: put before a text by its role; maybe empty.
  std::string query_prompt;
  std::string document_prompt;
  // For people: how the encoder was made and how good it is. Not interpreted.
  std::map<std::string, std::variant<double, std::string>> training;
  std::map<std::string, double> quality;
};

// Errors: kDataLoss naming `file` and the field; kUnimplemented for a format, kind, tokenizer,
// pooling or shape of transformer that this version does not know.
StatusOr<EncoderConfig> ParseEncoderConfig(std::string_view json, std::string_view file);
StatusOr<EncoderConfig> ReadEncoderConfig(FileSystem& fs, const std::string& dir);

// The same config gives the same bytes. Numbers must be finite, text UTF-8 (checked).
std::string WriteEncoderConfig(const EncoderConfig& config);

}  // namespace larder::text

#endif  // LARDER_TEXT_ENCODER_CONFIG_H_
