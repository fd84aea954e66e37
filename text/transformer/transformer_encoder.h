// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRANSFORMER_TRANSFORMER_ENCODER_H_
#define LARDER_TEXT_TRANSFORMER_TRANSFORMER_ENCODER_H_

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "text/encoder.h"
#include "text/encoder_config.h"
#include "text/tokenizer.h"

namespace larder::text {

// What a transformer is opened from; names are for messages.
struct TransformerFiles {
  std::string_view model;  // the bytes of model.safetensors, not needed any more once it is open
  std::string model_file;
  std::string config_file;  // encoder.json's name
};

// An encoder of kind transformer (docs/formats/encoder.md). Its tokens are the tokenizer's symbols
// before a text, those of prompt and text together, and the symbols after; what is too long loses
// the end of the text. Its max_tokens() is the smaller of the configuration's and what the table of
// positions has room for.
//
// Cost: that of TransformerModel, by tokens; EncodeTokens computes on the calling thread alone.
// Errors: kDataLoss naming the model's file if the tokenizer has more pieces than the model rows,
//         or encoder.json and the field if that leaves no room for a text between the tokenizer's
//         symbols; else as TransformerModel::Create.
StatusOr<std::unique_ptr<const Encoder>> OpenTransformer(const EncoderInfo& info,
                                                         const EncoderConfig& config,
                                                         std::unique_ptr<const Tokenizer> tokenizer,
                                                         const TransformerFiles& files);

}  // namespace larder::text

#endif  // LARDER_TEXT_TRANSFORMER_TRANSFORMER_ENCODER_H_
